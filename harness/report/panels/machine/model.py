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


class UsageRow(Part):
    """Whose work one node did between run_start and run_stop of one run; None means: not measured."""

    run: int
    node: str
    cores: int | None  # logical
    own_percent: float | None  # of all cores of the node: the run's own processes
    node_percent: float | None  # all processes together
    others_percent: float | None  # neither the run nor the sampler
    gpu_percent: float | None  # share of time in which a kernel ran, mean of the GPUs
    read_bytes: float | None  # from disks, by all processes of the node
    clock_mhz: float | None  # mean of the cores
    nominal: str  # frequency as the description states it
    crowded: bool  # others took more than 10 % of the node
