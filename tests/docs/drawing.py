"""The drawing of docs/architecture.md: floors and arrows on the left, stages and their values on the right."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.docs.flow import Stage
from tests.docs.structure import FLOORS, FRAMEWORKS, GROUPS, Structure, direct, node

WIDTH, MARGIN, LEFT = 1180, 20, 840  # LEFT: width of the floors
FLOOR, BOX_HEIGHT, BOX_WIDTH, GAP = 92, 44, 136, 10
COLUMNS = {"reference": (MARGIN, 180), "rules": (190, 350), "harness": (370, LEFT)}
FILL = {"rules": "#d9e8f6", "reference": "#e1f0d9", "harness": "#fbe8d3"}
LINE = {"rules": "#3d6e9e", "reference": "#4f7f3a", "harness": "#a8692a"}
VALUE = "#5b4a8a"


@dataclass(frozen=True)
class Box:
    """A rectangle with one or two centred lines of text."""

    x: float
    y: float
    width: float
    lines: tuple[str, ...]
    house: str

    def svg(self) -> str:
        """The box as SVG elements."""
        middle = self.x + self.width / 2
        first = self.y + BOX_HEIGHT / 2 + 4.5 - 8 * (len(self.lines) - 1)
        texts = "".join(
            _text(middle, first + 16 * number, line, "middle", weight="bold" if number == 0 else "normal")
            for number, line in enumerate(self.lines)
        )
        return (
            f'<rect x="{self.x:.0f}" y="{self.y:.0f}" width="{self.width:.0f}" height="{BOX_HEIGHT}" rx="6" '
            f'fill="{FILL[self.house]}" stroke="{LINE[self.house]}"/>{texts}'
        )


def drawing(found: Structure, stages: list[Stage]) -> str:
    """The whole picture as an SVG document."""
    boxes = _boxes(found)
    height = max(len(FLOORS) * FLOOR, len(stages) * FLOOR) + 90
    nodes = {(node(start), node(end)) for start, end in found.arrows}
    arrows = direct((start, end) for start, end in nodes if _level(start) > _level(end))
    parts = [
        _opening(height),
        "<title>Rooms of the code and the data that flow between them</title>",
        _heads(),
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(
            MARGIN,
            34,
            "Rooms: who imports whom (arrows that others imply are left out)",
            size=16,
            weight="bold",
        ),
        _text(LEFT + 40, 34, "Data: what flows between the stages", size=16, weight="bold"),
        *(_arrow(boxes[start], boxes[end]) for start, end in arrows),
        *(box.svg() for box in boxes.values()),
        *_flow(stages),
        _legend(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _opening(height: int) -> str:
    box, fonts = f"0 0 {WIDTH} {height}", "Helvetica, Arial, sans-serif"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" font-family="{fonts}">'


def _level(name: str) -> int:
    return next(-number for number, names in enumerate(FLOORS) if name in names)


def _boxes(found: Structure) -> dict[str, Box]:
    """A box per room or pattern: floors are rows, and each house has its columns."""
    boxes = {}
    for number, names in enumerate(FLOORS):
        for house, (left, right) in COLUMNS.items():
            own = [name for name in names if name.partition(".")[0] == house]
            for at, name in enumerate(own):
                slot = (right - left) / len(own)
                width = min(BOX_WIDTH, slot - GAP)
                x = left + slot * at + (slot - width) / 2
                boxes[name] = Box(x, 60 + number * FLOOR, width, _label(name, found), house)
    return boxes


def _label(name: str, found: Structure) -> tuple[str, ...]:
    if name == GROUPS:
        count = sum(node(room) == GROUPS for room in found.rooms)
        return f"{count} rule groups", "rules"
    if name == FRAMEWORKS:
        return "frameworks", "reference: " + ", ".join(
            sorted(r[10:] for r in found.rooms if node(r) == FRAMEWORKS)
        )
    house, _, room = name.partition(".")
    return room, house


def _flow(stages: list[Stage]) -> list[str]:
    x, parts = LEFT + 40, []
    step = (len(FLOORS) * FLOOR - 20) / len(stages)
    for number, stage in enumerate(stages):
        top = 60 + number * step
        if number:
            parts.append(_line(x + 90, top - step + BOX_HEIGHT, x + 90, top))
        house, _, room = stage.room.partition(".")
        parts.append(Box(x, top, 180, (stage.name, f"{house}/{room}"), house).svg())
        parts.append(_text(x + 102, top + BOX_HEIGHT + 17, stage.value, fill=VALUE, weight="bold"))
        parts.append(_text(x + 102, top + BOX_HEIGHT + 33, stage.says, size=11, fill="#444444"))
    return parts


def _arrow(upper: Box, lower: Box) -> str:
    start = upper.x + upper.width / 2, upper.y + BOX_HEIGHT
    end = lower.x + lower.width / 2, lower.y
    bend = min(60.0, (end[1] - start[1]) / 2)
    return (
        f'<path d="M{start[0]:.0f} {start[1]:.0f} C{start[0]:.0f} {start[1] + bend:.0f} '
        f'{end[0]:.0f} {end[1] - bend:.0f} {end[0]:.0f} {end[1] - 2:.0f}" fill="none" '
        f'stroke="{LINE[upper.house]}" stroke-opacity="0.75" marker-end="url(#{upper.house})"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2 - 2:.0f}"'
    return f'<line {ends} stroke="{VALUE}" stroke-width="2" marker-end="url(#value)"/>'


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    *,
    size: int = 13,
    fill: str = "#222222",
    weight: str = "",
) -> str:
    bold = f' font-weight="{weight}"' if weight == "bold" else ""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}"{bold}'
    return f'<text {place} fill="{fill}">{escape(text)}</text>'


def _heads() -> str:
    colours = {**LINE, "value": VALUE}
    shapes = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
        for name, colour in colours.items()
    )
    return f"<defs>{shapes}</defs>"


def _legend(height: int) -> str:
    parts, x = [], MARGIN
    for house, says in (("reference", "the benchmark"), ("rules", "the law"), ("harness", "the machinery")):
        square = (
            f'x="{x}" y="{height - 24}" width="14" height="14" fill="{FILL[house]}" stroke="{LINE[house]}"'
        )
        parts.append(f"<rect {square}/>{_text(x + 20, height - 12, f'{house}/: {says}')}")
        x += 220
    return "".join(parts)
