"""What the machine did during one run: measured quantities over time, under the phases of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from harness.core.words import plural
from harness.report.curves import clock, phases
from harness.report.drawing.text import clean, quantity
from harness.report.material import telemetry_paths
from harness.report.panels.machine.model import Panel, QuantityCard, SeriesCard, TimelineCard
from harness.telemetry.reader.energy import NO_DRAW
from harness.telemetry.reader.reader import Series, TelemetryFile
from harness.telemetry.reader.summary import downsample, summary
from rules.model.evidence import Telemetry
from rules.model.run_facts import RunFacts

MAX_POINTS = 400  # per series: more than a page has pixels for
MAX_SERIES = 8  # per panel
MAX_QUANTITIES = 80
OWN_USE = "own_use"
MAX_REMARKS = 10  # of the sampler, per node


@dataclass(frozen=True)
class _Kind:
    """Which series share a panel, and how its axis is scaled."""

    title: str
    unit: str
    factor: float
    maximum: float | None
    takes: Callable[[Series], bool]


def _is_gpu(series: Series) -> bool:
    return series.scope.startswith("gpu")


# what the panel is named for: swapping and pages read again, in B/s too, are in the table of all quantities
TRAFFIC = {
    "disk_read": "disk read",
    "disk_write": "disk write",
    "network_receive": "net in",
    "network_send": "net out",
}
# pages show a chart of each of these, in this order, where it was measured
KINDS = (
    _Kind(
        "Processor use",
        "%",
        1.0,
        100.0,
        lambda s: s.unit == "%" and s.scope.startswith("node") and "cpu" in s.name,
    ),
    _Kind("GPU use", "%", 1.0, 100.0, lambda s: s.unit == "%" and _is_gpu(s) and "util" in s.name),
    _Kind("Power", "W", 1.0, None, lambda s: s.unit == "W" and not any(w in s.name for w in NO_DRAW)),
    _Kind(
        "Memory",
        "GiB",
        2.0**-30,
        None,
        lambda s: s.unit == "B" and s.name in ("memory_used", "rss", "gpu_memory_used"),
    ),
    _Kind("Disk and network", "MB/s", 1e-6, None, lambda s: s.unit == "B/s" and s.name in TRAFFIC),
)


def timeline_card(run: RunFacts, files: list[TelemetryFile]) -> TimelineCard | None:
    """Panels and phases of one run, in seconds since run_start. None when nothing was sampled.

    Samples are averaged over equal time slots so that a panel has at most MAX_POINTS points; slots
    without a sample stay empty rather than being bridged.
    """
    origin, clock_stop = clock(run)
    series = [one for file in files for one in file.series]
    if origin is None or not series:
        return None
    spans = phases(run)
    ends = [span.stop_s for span in spans] + ([clock_stop] if clock_stop is not None else [])
    start = min([span.start_s for span in spans if span.kind == "init"], default=0.0)
    stop = max(ends, default=0.0)
    if stop <= start:
        return None
    panels, notes = [], []
    for kind in KINDS:
        chosen = [one for one in series if kind.takes(one)]
        if kind is KINDS[0]:
            chosen += _own_use(series)
        cards = [card for one in chosen[:MAX_SERIES] if (card := _thin(one, kind, origin, start, stop))]
        if len(chosen) > MAX_SERIES:
            notes.append(f"{kind.title}: {len(chosen)} were measured, the first {MAX_SERIES} are drawn")
        if cards:
            panels.append(Panel(title=kind.title, unit=kind.unit, maximum=kind.maximum, series=cards))
    window = (origin / 1000, origin / 1000 + clock_stop) if clock_stop else (None, None)
    nodes = [summary(file, *window) for file in files if any(t.size for t in file.times.values())]
    drawn = {panel.title for panel in panels}
    absent = [kind.title for kind in KINDS[:3] if kind.title not in drawn]
    if absent:
        notes.append(f"Not measured in this run: {', '.join(absent)}")
    notes += [clean(f"{node.node}: {remark}", 300) for node in nodes for remark in node.remarks[:MAX_REMARKS]]
    return TimelineCard(
        run=run.index,
        start_s=start,
        stop_s=stop,
        clock_stop_s=clock_stop,
        phases=spans,
        panels=panels,
        quantities=list(_quantities(nodes)),
        sampling="; ".join(_sampling(node) for node in nodes),
        notes=notes,
    )


def _own_use(series: list[Series]) -> list[Series]:
    """The run's own processor use as a share of the node, for a single node whose cores were counted."""
    cores = sum(one.name == "core_utilization" for one in series)
    own = [one for one in series if one.scope == "process_tree" and one.name == "cpu" and one.unit == "%"]
    if not cores or len(own) != 1:
        return []
    return [replace(own[0], name=OWN_USE, values=np.asarray(own[0].values, np.float64) / cores)]


def _thin(series: Series, kind: _Kind, origin: float, start: float, stop: float) -> SeriesCard | None:
    times = np.asarray(series.wall_s, np.float64) - origin / 1000
    values = np.asarray(series.values, np.float64)
    inside = np.isfinite(times) & np.isfinite(values) & (times >= start) & (times <= stop)
    times, values = times[inside], values[inside] * kind.factor
    if times.size == 0:
        return None
    mean_times, mean_values = downsample(times, values, MAX_POINTS)
    points = [(round(float(t), 3), float(f"{v:.5g}")) for t, v in zip(mean_times, mean_values, strict=True)]
    return SeriesCard(label=_label(series), points=points)


def _label(series: Series) -> str:
    names = {OWN_USE: "run", "memory_used": "node", "rss": "run", **TRAFFIC}
    return clean(names.get(series.name, series.scope), 30)


def _quantities(telemetry: list[Telemetry]) -> Iterable[QuantityCard]:
    # a row for each hardware thread would push everything else off the page
    every = [one for node in telemetry for one in node.quantities if one.name != "core_utilization"]
    for one in every[:MAX_QUANTITIES]:
        yield QuantityCard(
            source=clean(one.source, 40),
            name=clean(one.name, 60),
            unit=clean(one.unit, 20),
            scope=clean(one.scope, 60),
            samples=one.samples,
            mean=one.mean,
            minimum=one.minimum,
            maximum=one.maximum,
        )


def _sampling(telemetry: Telemetry) -> str:
    asked = (
        f"{clean(telemetry.node, 60)}: a reading every {telemetry.interval_s:.3g}\N{NO-BREAK SPACE}s asked"
    )
    got = f"{quantity(telemetry.achieved_hz, 'Hz')} achieved" if telemetry.achieved_hz else "rate not known"
    gap = (
        f"longest gap {quantity(telemetry.longest_gap_s, 's')}"
        if telemetry.longest_gap_s
        else "gaps not known"
    )
    return f"{asked}, {got}, {gap}"


def missing_reason(runs: list[RunFacts]) -> str:
    """Why there is no timeline at all."""
    if not any(telemetry_paths(run) for run in runs):
        return "no run of this package carries telemetry"
    return f"the telemetry of {plural(len(runs), 'run')} does not cover the time of the log"
