"""A drawing surface for charts: it escapes text and rounds coordinates, and does not depend on the report.

Colours come from the style sheet through classes, so a chart follows the page's theme and prints well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from markupsafe import Markup, escape

TICK_DECIMALS = 12
NO_TIPS = 340  # pixels: a narrower drawing is for screens without a pointer
COLOURS = 6  # of the palette in page.css: --c0 to --c5
SHAPES = ("circle", "square", "up", "diamond", "down")
# where the outline of a shape begins, seen from its middle, and how it goes on from there
OUTLINES = {
    "square": (-4.0, -4.0, "h8v8h-8z"),
    "up": (0.0, -5.0, "l5 9h-10z"),
    "diamond": (0.0, -5.5, "l5.5 5.5-5.5 5.5-5.5-5.5z"),
    "down": (0.0, 5.0, "l5-9h-10z"),
}
WIDE_LETTERS = "mwMW@%"


@dataclass(frozen=True)
class Scale:
    """Linear map from data [low, high] to pixels [start, stop]."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; the middle when the range is empty."""
        span = self.high - self.low
        part = (value - self.low) / span if span else 0.5
        return self.start + part * (self.stop - self.start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten) inside [low, high].

    Only `low` when the range is empty, not finite, or too narrow for ticks that differ in TICK_DECIMALS.
    """
    rough = (high - low) / max(1, count)
    if not math.isfinite(rough) or rough < 10.0**-TICK_DECIMALS:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, TICK_DECIMALS) for i in range(first, min(last, first + 50) + 1)]


def tick_text(value: float, all_ticks: Sequence[float]) -> str:
    """The tick with as many decimals as its neighbours need, so that columns of labels align."""
    step = min((b - a for a, b in zip(all_ticks, all_ticks[1:], strict=False)), default=abs(value) or 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    text = f"{value:,.{min(digits, 8)}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return text.replace("-", "\N{MINUS SIGN}")


def text_width(text: str, size: float = 12) -> float:
    """Pixels that a text takes at most, in the usual sans-serif faces."""
    return sum((0.92 if c in WIDE_LETTERS else 0.72 if c.isupper() else 0.58) * size for c in text)


def clipped(text: str, pixels: float, size: float = 12) -> str:
    """The text, cut with an ellipsis where it is wider than `pixels`."""
    if text_width(text, size) <= pixels:
        return text
    while text and text_width(text + "…", size) > pixels:
        text = text[:-1]
    return text.rstrip() + "…"


@dataclass
class Canvas:
    """One picture, with a name and a description for readers who cannot see it."""

    width: int
    height: int
    title: str
    description: str
    parts: list[str] = field(default_factory=list)

    def _add(self, name: str, attributes: dict[str, object], text: str | None, tip: str | None) -> None:
        shown = "".join(
            f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
            for key, value in attributes.items()
            if value not in (None, "")
        )
        tip = tip if self.width > NO_TIPS else None
        inner = (f"<title>{escape(tip)}</title>" if tip else "") + (str(escape(text)) if text else "")
        self.parts.append(f"<{name}{shown}>{inner}</{name}>" if inner else f"<{name}{shown}/>")

    @contextmanager
    def group(self, **attributes: str) -> Iterator[None]:
        """What is drawn inside shares these attributes: its class (`class_`), the anchor of its texts."""
        start = len(self.parts)
        yield
        self._add("g", dict(attributes), None, None)
        self.parts.insert(start, self.parts.pop().removesuffix("/>") + ">")
        self.parts.append("</g>")

    def line(self, x1: float, y1: float, x2: float, y2: float, class_: str) -> None:
        """Draw a straight line."""
        self._add("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class_": class_}, None, None)

    def lines(self, ends: Sequence[tuple[float, float, float, float]], class_: str) -> None:
        """Draw straight lines (x1, y1, x2, y2) of one kind as one element; nothing where there are none."""
        if ends:
            steps = "".join(_outline([(x1, y1), (x2, y2)]) for x1, y1, x2, y2 in ends)
            self._add("path", {"d": steps, "class_": class_}, None, None)

    def rect(
        self, x: float, y: float, width: float, height: float, class_: str, tip: str | None = None
    ) -> None:
        """Draw a rectangle from its top left corner; a negative size counts as 0."""
        box = {"x": x, "y": y, "width": max(0.0, width), "height": max(0.0, height), "class_": class_}
        self._add("rect", box, None, tip)

    def circle(self, x: float, y: float, radius: float, class_: str, tip: str | None = None) -> None:
        """Draw a circle around (x, y)."""
        self._add("circle", {"cx": x, "cy": y, "r": radius, "class_": class_}, None, tip)

    def text(self, x: float, y: float, text: str, class_: str = "label", anchor: str = "start") -> None:
        """Write a line of text; `anchor` is the part of it that stands at x: start, middle or end."""
        other = anchor if anchor != "start" else None
        style = class_.removeprefix("label").strip()  # what every text of a chart looks like needs no class
        self._add("text", {"x": x, "y": y, "class_": style, "text_anchor": other}, text, None)

    def path(
        self, points: Sequence[tuple[float, float]], class_: str, tip: str | None = None, parts: int = 10
    ) -> None:
        """Draw a polyline through places rounded to 1/`parts` of a pixel; nothing for fewer than two points."""
        if len(points) < 2:
            return
        self._add("path", {"d": _outline(points, parts), "class_": class_}, None, tip)

    def mark(self, x: float, y: float, number: int, class_: str, tip: str | None = None) -> None:
        """Draw the mark of a run: its shape and its colour follow from its number, so it is the same everywhere."""
        self._shape(x, y, number, _style(number, class_), tip)

    def marks(self, points: Sequence[tuple[float, float, str]], number: int, class_: str) -> None:
        """Draw the same mark of a run at several points (x, y, tip)."""
        with self.group(class_=_style(number, class_)):
            for x, y, tip in points:
                self._shape(x, y, number, "", tip)

    def _shape(self, x: float, y: float, number: int, style: str, tip: str | None) -> None:
        shape = SHAPES[number % len(SHAPES)]
        if shape == "circle":
            self.circle(x, y, 4.5, style, tip)
            return
        dx, dy, outline = OUTLINES[shape]
        self._add("path", {"d": f"M{_number(x + dx)} {_number(y + dy)}{outline}", "class_": style}, None, tip)

    def keys(self, names: Sequence[tuple[int, str, str]], left: float, top: float, right: float) -> float:
        """Write a legend of runs (number, name, class) in as many lines as it needs; returns its lower end."""
        x, y = left, top + 10
        for number, name, class_ in names:
            wide = 20 + text_width(name) + 14
            if x > left and x + wide > right:
                x, y = left, y + 20
            self.parts.append(f'<g class="key key-{number % COLOURS}" tabindex="0">')
            self.rect(x - 4, y - 10, wide - 6, 20, "key-box")
            self.mark(x + 6, y, number, class_)
            self.text(x + 17, y + 4, name, "label strong")
            self.parts.append("</g>")
            x += wide
        return y + 12

    def render(self) -> Markup:
        """The picture as an <svg> element."""
        head = (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
            f' height="{self.height}" role="img" aria-label="{escape(self.title)}">'
            f"<desc>{escape(self.description)}</desc>"
        )
        return Markup(head + "".join(self.parts) + "</svg>")


def _style(number: int, class_: str) -> str:
    return f"mark run-{number % COLOURS} {class_}".strip()


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0") if math.isfinite(value) else "0"
    return str(value)


def _step(value: float) -> str:
    """A number of a path, which needs no zero before its point."""
    return re.sub(r"^(-?)0\.", r"\1.", _number(value))


def _outline(points: Sequence[tuple[float, float]], parts: int = 10) -> str:
    """A polyline in the short form of paths: the first point, then steps between the rounded points."""
    tenths = [tuple(round(v * parts) if math.isfinite(v) else 0 for v in point) for point in points]
    level = zip(tenths, tenths[1:], tenths[2:], strict=False)
    kept = [now for before, now, after in level if not before[1] == now[1] == after[1]]
    (x, y), steps = tenths[0], []
    for now_x, now_y in [*kept, *tenths[1:][-1:]]:
        dx, dy = _step((now_x - x) / parts), _step((now_y - y) / parts)
        steps.append(f"{dx}{dy if dy.startswith('-') else f' {dy}'}")
        x, y = now_x, now_y
    first = f"M{_step(tenths[0][0] / parts)} {_step(tenths[0][1] / parts)}"
    return (
        first
        + "l"
        + "".join(one if i == 0 or one.startswith("-") else f" {one}" for i, one in enumerate(steps))
    )


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The positions moved apart to at least `gap`, in the same order, inside [low, high] if there is room."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [0.0] * len(positions)
    previous = low - gap
    for i in order:
        placed[i] = previous = max(positions[i], previous + gap)
    limit = high
    for i in reversed(order):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed


def stacked(positions: Sequence[float], wide: float) -> list[float]:
    """How far (in marks, up is negative) each mark on a line moves aside, so that marks `wide` across never meet.

    A mark that meets no other stays on the line; what does meet is stacked around it.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    places, start = [0.0] * len(positions), 0
    ends: list[float] = []  # of each lane of the stack: where its last mark stands
    lanes: list[int] = []
    for count, i in enumerate(order, start=1):
        lane = next((n for n, end in enumerate(ends) if positions[i] - end >= wide), len(ends))
        ends[lane : lane + 1] = [positions[i]]
        lanes.append(lane)
        if count == len(order) or positions[order[count]] - positions[i] >= wide:
            for j, own in zip(order[start:count], lanes, strict=True):
                places[j] = own - (len(ends) - 1) / 2
            start, ends, lanes = count, [], []
    return places


@dataclass(frozen=True)
class Plot:
    """The area inside the axes of one chart."""

    canvas: Canvas
    x: Scale
    y: Scale
    left: float
    top: float
    right: float
    bottom: float

    def x_axis(self, label: str, count: int = 6) -> None:
        """Draw the axis below the area, with about `count` ticks."""
        marks = ticks(self.x.low, self.x.high, count)
        ends = [(self.x(mark), self.bottom, self.x(mark), self.bottom + 4) for mark in marks]
        self.canvas.lines(ends, "tick")
        with self.canvas.group(text_anchor="middle"):
            for mark in marks:
                self.canvas.text(self.x(mark), self.bottom + 17, tick_text(mark, marks))
        self.canvas.line(self.left, self.bottom, self.right, self.bottom, "axis")
        if label:
            self.canvas.text(self.right, self.bottom + 34, label, "label strong", "end")

    def y_axis(self, label: str, count: int = 5) -> None:
        """Draw a grid line and a number for each of about `count` ticks."""
        marks = ticks(self.y.low, self.y.high, count)
        ends = [(self.left, self.y(mark), self.right, self.y(mark)) for mark in marks]
        self.canvas.lines(ends, "grid")
        with self.canvas.group(text_anchor="end"):
            for mark in marks:
                self.canvas.text(self.left - 8, self.y(mark) + 4, tick_text(mark, marks))
        if label:
            self.canvas.text(0, self.top - 14, label, "label strong")

    def points(self, data: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """The pixels of data points."""
        return [(self.x(x), self.y(y)) for x, y in data]


def plot_in(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    x: tuple[float, float],
    y: tuple[float, float],
) -> Plot:
    """A plot in a box (left, top, right, bottom; pixels). x and y are the ranges of the data."""
    left, top, right, bottom = box
    return Plot(canvas, Scale(*x, left, right), Scale(*y, bottom, top), left, top, right, bottom)
