"""Where the labels of a chart stand, by the widths that the charts themselves reckon with."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import NamedTuple

from harness.report.drawing.svg import text_width

RISE, FALL = 9.0, 2.0  # pixels of letters of 12 pixels above and below their line, seen loosely


class Box(NamedTuple):
    """A label and the rectangle it fills (pixels)."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > 1
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 1
        )

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left < x < self.right and self.top < y < self.bottom


def boxes(svg: str) -> list[Box]:
    """The labels of every drawing in a piece of a page."""
    found = []
    for text in _elements(svg, "text"):
        said = text.text or ""
        x, y, wide = float(text.get("x", 0)), float(text.get("y", 0)), text_width(said)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
        found.append(Box(said, left, y - RISE, left + wide, y + FALL))
    return found


def collisions(svg: str) -> list[str]:
    """Labels of one drawing that meet another, a line's end or the drawing's edge, in words."""
    labels, wide = boxes(svg), float(re.findall(r'viewBox="0 0 ([\d.]+)', svg)[0])
    said = [f"outside: {b.text}" for b in labels if b.left < -2 or b.right > wide + 2]
    said += [f"{a.text} | {b.text}" for i, a in enumerate(labels) for b in labels[i + 1 :] if a.meets(b)]
    for line in _elements(svg, "line"):
        for x, y in (("x1", "y1"), ("x2", "y2")):
            at = float(line.get(x, 0)), float(line.get(y, 0))
            said += [f"line {line.get('class')} ends in {b.text}" for b in labels if b.holds(*at)]
    return said


def drawings(page: str) -> list[str]:
    """Every drawing of a piece of a page."""
    return re.findall(r"<svg.*?</svg>", page, re.S)


def _elements(svg: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(name))
