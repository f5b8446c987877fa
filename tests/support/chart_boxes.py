"""Where the labels of a chart stand, by the widths that the charts themselves reckon with."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import accumulate, pairwise
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
    drawing = ET.fromstring(svg)
    anchors = {text: group.get("text-anchor") for group in drawing.iter("g") for text in group.iter("text")}
    for text in drawing.iter("text"):
        said = text.text or ""
        x, y, wide = float(text.get("x", 0)), float(text.get("y", 0)), text_width(said)
        left = (
            x
            - {"start": 0.0, "middle": wide / 2, "end": wide}[
                text.get("text-anchor") or anchors.get(text) or "start"
            ]
        )
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


def crossings(svg: str) -> list[str]:
    """Labels of one drawing that a curve or a line of meaning runs through, in words; grids run behind labels."""
    return [
        f"{name} through {box.text}"
        for name, points in _strokes(svg)
        for box in boxes(svg)
        if any(_meets(box, a, b) for a, b in pairwise(points))
    ]


def _strokes(svg: str) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Class and corners of every curve and line but grids, axes and ticks."""
    for line in _elements(svg, "line"):
        if line.get("class") not in ("grid", "axis", "tick"):
            ends = [(float(line.get(f"x{n}", 0)), float(line.get(f"y{n}", 0))) for n in (1, 2)]
            yield line.get("class", ""), ends
    for path in _elements(svg, "path"):
        name, outline = path.get("class", ""), path.get("d", "")
        if re.match("curve|mean-line|clock", name):
            for part in outline.split("M")[1:]:
                numbers = [float(n) for n in re.findall(r"-?[\d.]+", part)]
                steps = zip(numbers[::2], numbers[1::2], strict=True)
                yield name, list(accumulate(steps, lambda at, by: (at[0] + by[0], at[1] + by[1])))


def _meets(box: Box, a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether the stretch from a to b runs through the middle of a box: a pixel off its edges."""
    first, last = 0.0, 1.0
    for start, end, low, high in (
        (a[0], b[0], box.left + 1, box.right - 1),
        (a[1], b[1], box.top + 1, box.bottom - 1),
    ):
        if start == end:
            if not low < start < high:
                return False
            continue
        near, far = sorted(((low - start) / (end - start), (high - start) / (end - start)))
        first, last = max(first, near), min(last, far)
    return first < last


def drawings(page: str) -> list[str]:
    """Every drawing of a piece of a page."""
    return re.findall(r"<svg.*?</svg>", page, re.S)


def _elements(svg: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(name))
