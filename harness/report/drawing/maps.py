"""A plain map of the world: a grid of degrees and the circles of latitude, without coastlines."""

from __future__ import annotations

from harness.report.drawing.svg import Canvas, Scale

CIRCLES = (
    (66.56, "polar circle"),
    (23.44, "tropic"),
    (0.0, "equator"),
    (-23.44, "tropic"),
    (-66.56, "polar circle"),
)


def draw_world(width: int, title: str, description: str) -> tuple[Canvas, Scale, Scale]:
    """An equirectangular map, and its scales of longitude and latitude (degrees)."""
    left, top, right = 40.0, 12.0, width - 8.0
    bottom = top + (right - left) / 2
    canvas = Canvas(width, round(bottom + 26), title, description)
    x, y = Scale(-180, 180, left, right), Scale(-90, 90, bottom, top)
    step = 30 if width > 400 else 60
    for degrees in range(-180, 181, step):
        canvas.line(x(degrees), top, x(degrees), bottom, "grid")
        mark = f"{abs(degrees)}°" + ("" if degrees == 0 else "E" if degrees > 0 else "W")
        if abs(degrees) < 180:
            canvas.text(x(degrees), bottom + 17, mark, "label", "middle")
    for degrees in range(-90, 91, 30):
        canvas.line(left, y(degrees), right, y(degrees), "grid")
        mark = f"{abs(degrees)}°" + ("" if degrees == 0 else "N" if degrees > 0 else "S")
        canvas.text(left - 6, y(degrees) + 4, mark, "label", "end")
    for latitude, name in CIRCLES:
        canvas.line(left, y(latitude), right, y(latitude), "axis" if latitude == 0 else "target")
        if width > 400:
            canvas.text(left + 4, y(latitude) - 3, name, "label muted")
    return canvas, x, y
