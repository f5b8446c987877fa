"""Energy, as data."""

from __future__ import annotations

from harness.report.part import Part


class EnergyRow(Part):
    """Energy of one scope during one run, by one method."""

    run: int
    scope: str
    source: str
    joules: float | None
    mean_w: float | None
    method: str
    note: str


class EnergySummary(Part):
    """Mean over the runs of one scope; scopes overlap (a GPU lies in its node) and are never added up."""

    scope: str
    source: str
    method: str
    joules: float
    runs: int  # that have a value


class EnergyCard(Part):
    """Energy of every run by scope, and why it is missing where it is."""

    rows: list[EnergyRow]
    summary: list[EnergySummary]
    missing: list[str]  # sources that gave nothing, and why
    node_level: bool  # whole-node power of every scored run: eligible for a power score
    explanation: str


class NodeEnergyRow(Part):
    """One power file: a node, or a switch that is estimated."""

    run: int
    file: str
    source: str
    joules: float | None  # by the power rules' formula, run_start to run_stop
    upstream_joules: float | None  # by mlperf_logging's: mean of the whole measurement x time-to-train
    readings: int | None
    longest_gap_s: float | None
    efficiency: float | None
    note: str


class NodeEnergyCard(Part):
    """Energy to train of whole nodes: mean over the runs that the time's mean is made of."""

    joules: float | None
    upstream_joules: float | None
    upstream_difference: float | None  # upstream's relative to ours
    note: str
    rows: list[NodeEnergyRow]
