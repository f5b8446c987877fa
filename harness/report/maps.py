"""Where the test scenes lie: a plain map with a grid of degrees, drawn from nothing but their positions."""

from __future__ import annotations

from harness.report.model import ScienceCard
from harness.report.science import position
from harness.report.svg import Canvas, Scale

CIRCLES = (
    (66.56, "polar circle"),
    (23.44, "tropic"),
    (0.0, "equator"),
    (-23.44, "tropic"),
    (-66.56, "polar circle"),
)


def scene_map(card: ScienceCard, width: int) -> Canvas | None:
    """Equirectangular map; a dot is a scene by day, a ring one by night. None without positions."""
    rows = [(r, r.latitude, r.longitude) for r in card.per_scene]
    placed = [
        (r, lat, east(lon)) for r, lat, lon in rows if lat is not None and lon is not None and abs(lat) <= 90
    ]
    if not placed:
        return None
    left, top, right = 40.0, 12.0, width - 8.0
    bottom = top + (right - left) / 2
    told = "; ".join(f"{r.name or 'unnamed'}: {position(r.latitude, r.longitude)}" for r, *_ in placed[:20])
    canvas = Canvas(width, round(bottom + 26), "Map of the test scenes", f"{len(placed)} scenes. {told}.")
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
    for row, latitude, longitude in placed:
        accuracy = f", accuracy {row.accuracy:.4f}" if row.accuracy is not None else ""
        guess = ", estimated" if row.estimated else ""
        where = f"{position(latitude, longitude)}{guess}"
        tip = f"{row.name or 'unnamed'}: {where}{', ' + row.daylight if row.daylight else ''}{accuracy}"
        canvas.circle(x(longitude), y(latitude), 5, "dot" if row.daylight != "night" else "dot hollow", tip)
    return canvas


def east(longitude: float) -> float:
    """The longitude between -180 and 180 degrees."""
    return (longitude + 180) % 360 - 180
