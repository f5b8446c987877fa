"""The timeline of a run, as data."""

from __future__ import annotations

from harness.report.panels.runs.model import Phase
from harness.report.part import Part


class SeriesCard(Part):
    """One measured quantity over time, thinned to what a page can show."""

    label: str  # scope and source, e.g. "node, psutil"
    points: list[tuple[float, float]]


class Panel(Part):
    """One chart of the timeline: all series of one kind."""

    title: str
    unit: str
    maximum: float | None  # upper end of the axis when the quantity has one (100 %)
    series: list[SeriesCard]


class QuantityCard(Part):
    """Mean and range of one measured quantity between run_start and run_stop."""

    source: str
    name: str
    unit: str
    scope: str
    samples: int
    mean: float | None
    minimum: float | None
    maximum: float | None


class TimelineCard(Part):
    """What the machine did during one run; all times are in seconds since run_start."""

    run: int
    start_s: float
    stop_s: float
    clock_stop_s: float | None  # run_stop
    phases: list[Phase]
    panels: list[Panel]
    quantities: list[QuantityCard]
    sampling: str  # interval asked for, rate achieved, longest gap
    notes: list[str]  # what is not shown, and why
