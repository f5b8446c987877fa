"""Energy of each run by scope, from power readings and energy counters; absent is said, never zero."""

from __future__ import annotations

from harness.report.curves import origin_ms, seconds_since
from harness.report.model import EnergyCard, EnergyRow, EnergySummary
from harness.report.text import clean
from harness.telemetry.energy import energies
from harness.telemetry.reader import Series, TelemetryFile
from rules.model import Package, Run

MAX_ROWS = 400
METHODS = {"counter": "energy counter", "trapezoid": "power readings, trapezoid rule"}


def energy_card(package: Package, telemetry: dict[int, list[TelemetryFile]]) -> EnergyCard:
    """Energy between run_start and run_stop of every run, one row per measured scope and method."""
    rows = []
    for run in package.runs:
        for file in telemetry.get(run.index, []):
            rows += _rows(run, file.series)
    node_level = bool(package.runs) and all(_has_node_power(package, run) for run in package.runs)
    return EnergyCard(
        rows=rows[:MAX_ROWS],
        summary=_summary(rows),
        missing=_missing(telemetry),
        node_level=node_level,
        explanation=_explain(rows, node_level),
    )


def _rows(run: Run, series: list[Series]) -> list[EnergyRow]:
    origin = origin_ms(run.log)
    duration = seconds_since(origin)(run.log.first("run_stop"))
    if origin is None or duration is None or duration <= 0:
        return []
    return [
        EnergyRow(
            run=run.index,
            scope=clean(one.scope, 60),
            source=clean(one.source, 40),
            joules=one.joule,
            mean_w=None if one.joule is None else one.joule / duration,
            method=METHODS.get(one.method, clean(one.method, 60)),
            note=clean(one.note),
        )
        for one in energies(series, origin / 1000, origin / 1000 + duration)
    ]


def _summary(rows: list[EnergyRow]) -> list[EnergySummary]:
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if row.joules is not None:
            found.setdefault((row.scope, row.source, row.method), []).append(row.joules)
    return [
        EnergySummary(scope=scope, source=source, method=method, joules=sum(v) / len(v), runs=len(v))
        for (scope, source, method), v in sorted(found.items())
    ]


def _missing(telemetry: dict[int, list[TelemetryFile]]) -> list[str]:
    """What the sampler could not read and why, each said once."""
    said = {}
    for files in telemetry.values():
        for file in files:
            for one in file.unavailable:
                parts = [clean(one.get(name), 200) for name in ("what", "why", "fix")]
                said[f"{clean(one.get('source'), 40)}: {': '.join(p for p in parts[:2] if p)}. {parts[2]}".strip()] = 1
    return list(said)[:20]


def _has_node_power(package: Package, run: Run) -> bool:
    folder = f"/power/result_{run.index}/"
    return any(folder in name and name.rpartition("/")[2].startswith("node_") for name in package.files)


def _explain(rows: list[EnergyRow], node_level: bool) -> str:
    if node_level:
        return "Whole-node power logs come with every run, so the package carries a power measurement."
    if any(row.joules is not None for row in rows):
        return (
            "Energy from run_start to run_stop of the parts of the machine named under scope. It is not the energy of "
            "the whole node (memory, storage, fans and power supply losses are missing), so it gives no power score. "
            "Scopes are never added up."
        )
    return (
        "Energy was not measured: no power meter, GPU power reading or processor energy counter gave a usable value "
        "during the runs. It is unknown, not zero."
    )
