"""Energy by scope, as bars."""

from __future__ import annotations

from harness.core.words import plural
from harness.report.drawing.svg import Canvas, plot_in
from harness.report.drawing.text import energy, quantity
from harness.report.panels.energy.model import EnergyCard

MAX_BARS = 24


def energy_bars(card: EnergyCard, width: int) -> Canvas | None:
    """Mean energy per run of each scope, source and method: side by side, never stacked, for scopes overlap."""
    rows = card.summary[:MAX_BARS]
    if not rows:
        return None
    wide = width > 400
    row, left = 40, 12.0
    height = 8 + row * len(rows) + 44
    told = "; ".join(f"{e.scope}, {e.method}: {energy(e.joules)}" for e in rows)
    canvas = Canvas(width, height, "Energy per run by scope", f"{told}.")
    most = max(e.joules for e in rows)
    divisor, unit = (1e6, "MJ") if most >= 1e6 else (1e3, "kJ") if most >= 1e3 else (1.0, "J")
    plot = plot_in(
        canvas, (left, 8, width - (100 if wide else 84), height - 44), (0, most / divisor or 1), (0, 1)
    )
    for i, one in enumerate(rows):
        y = plot.top + row * i
        canvas.text(left, y + 12, f"{one.scope} ({one.source}), {one.method}"[: 80 if wide else 40])
        tip = f"{one.scope}, {one.method}: {energy(one.joules)}, mean of {plural(one.runs, 'run')}"
        canvas.rect(left, y + 18, plot.x(one.joules / divisor) - left, 13, "bar", tip)
        canvas.text(
            plot.x(one.joules / divisor) + 7, y + 29, quantity(one.joules / divisor, unit, 4), "label strong"
        )
    plot.x_axis(f"energy per run ({unit})", 6 if wide else 4)
    return canvas
