"""Energy of each run by scope, from power readings and energy counters. What is absent is named, never zero."""

from __future__ import annotations

import re

from harness.report.curves import clock
from harness.report.drawing.text import clean
from harness.report.panels.energy.model import EnergyCard, EnergyRow, EnergySummary
from harness.score.model import EnergyScore
from harness.telemetry.reader.energy import COUNTER, RIGHT_RECTANGLE, TRAPEZOID, Energy, energies, quoted
from harness.telemetry.reader.reader import TelemetryFile
from harness.telemetry.sources.node_power import NODE
from rules.model.package import Package
from rules.model.run_facts import RunFacts

MAX_ROWS = 400
WHOLE_NODES = "whole nodes"
FORMULA = "MLPerf's formula, mean of the scored runs"
KINDS = {"gpu": "GPUs", "cpu_package": "processor packages"}
METHODS = {
    COUNTER: "energy counter",
    RIGHT_RECTANGLE: "power readings, right-rectangle sum",
    TRAPEZOID: "power readings, trapezoid rule",
}


def energy_card(
    package: Package, telemetry: dict[int, list[TelemetryFile]], nodes: EnergyScore | None = None
) -> EnergyCard:
    """Energy between run_start and run_stop of every run, one row per measured source and scope.

    By the energy counter where there is one, with other methods compared in the note. `nodes` is the score
    of the power files, which leads the summary.
    """
    rows = []
    for run in package.runs:
        files = telemetry.get(run.index, [])
        found = [row for file in files for row in _rows(run, file, len(files) > 1)]
        rows += [*_together(found), *found]
    node_level = has_node_power(package)
    return EnergyCard(
        rows=rows[:MAX_ROWS],
        summary=[*_whole_nodes(nodes), *_summary(rows)],
        missing=_missing(telemetry),
        node_level=node_level,
        explanation=_explain(rows, node_level),
    )


def _rows(run: RunFacts, file: TelemetryFile, name_node: bool) -> list[EnergyRow]:
    origin, duration = clock(run)
    if origin is None or duration is None or duration <= 0:
        return []
    start_s = origin / 1000
    found = energies(file.series, start_s, start_s + duration)
    return [
        EnergyRow(
            run=run.index,
            scope=clean(f"{file.node} {one.scope}" if name_node else one.scope, 60),
            source=clean(one.source, 40),
            joules=one.joule,
            mean_w=None if one.joule is None else one.joule / duration,
            method=METHODS[one.method],
            note=_note(one, found, start_s),
        )
        for one in quoted(found)
    ]


def _note(one: Energy, found: list[Energy], start_s: float) -> str:
    """Why there is no number, how the other methods compare, and where readings are missing."""
    said = [one.note] if one.note else []
    for other in found:
        if (other.source, other.scope) == (one.source, one.scope) and other.difference is not None:
            verdict = ": they disagree" if other.disagrees else ""
            said.append(f"{100 * other.difference:+.1f} % by {METHODS[other.method]}{verdict}")
    if one.gaps:
        first, last = one.gaps[0]
        more = f" and {len(one.gaps) - 1} more" if len(one.gaps) > 1 else ""
        said.append(f"no readings from {first - start_s:.1f} to {last - start_s:.1f} s{more}")
    return clean("; ".join(said))


def _together(rows: list[EnergyRow]) -> list[EnergyRow]:
    """One row for all GPUs and one for all processor packages of a run, by source and method.

    These scopes do not overlap, so they may be added; the row says so, and of how many it is the sum.
    Nothing is added when one of them has no value.
    """
    kinds: dict[tuple[str, str, str], list[EnergyRow]] = {}
    for row in rows:
        match = re.search(r"(gpu|cpu_package)\d+\Z", row.scope)
        if match:
            kinds.setdefault((match[1], row.source, row.method), []).append(row)
    result = []
    for (kind, source, method), members in kinds.items():
        known = [row.joules for row in members if row.joules is not None]
        powers = [row.mean_w for row in members if row.mean_w is not None]
        if len(members) < 2 or len(known) < len(members):
            continue
        scope = f"all {len(members)} {KINDS[kind]}"
        result.append(
            EnergyRow(
                run=members[0].run,
                scope=scope,
                source=source,
                joules=sum(known),
                mean_w=sum(powers),
                method=method,
                note="sum of the rows below",
            )
        )
    return result


def headline(card: EnergyCard) -> EnergySummary | None:
    """The energy to show where there is room for one: of whole nodes, else of a counter, else the largest."""
    return max(card.summary, key=_weight, default=None)


def _weight(one: EnergySummary) -> tuple[bool, bool, float, str]:
    return one.scope == WHOLE_NODES, one.method == METHODS[COUNTER], one.joules, one.scope


def _whole_nodes(nodes: EnergyScore | None) -> list[EnergySummary]:
    if nodes is None or nodes.joule is None:
        return []
    return [
        EnergySummary(
            scope=WHOLE_NODES, source="power files", method=FORMULA, joules=nodes.joule, runs=nodes.scored
        )
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
    """What the sampler could not read and why; a reason that several sources share is given once."""
    said: dict[tuple[str, ...], str] = {}
    for one in (u for files in telemetry.values() for file in files for u in file.unavailable):
        source, what, why, fix = (clean(one.get(name), 200) for name in ("source", "what", "why", "fix"))
        reason = ": ".join(part for part in (source, what, why) if part)
        said.setdefault((what, why, fix), f"{reason}. {fix[:1].upper()}{fix[1:]}".strip())
    return list(said.values())[:20]


def has_node_power(package: Package) -> bool:
    """Whether there are power files of whole nodes for every run of the package."""
    if not package.runs or package.system_name is None:
        return False
    folders = [package.power_of(run.index).as_posix() for run in package.runs]
    return all(any(name.startswith(f"{folder}/node_") for name in package.files) for folder in folders)


_PARTS = """
Energy from run_start to run_stop of the parts of the machine named under scope. It is not the energy of the
whole node (memory, storage, fans and power supply losses are missing), so it gives no power score. Different
kinds of scope are never added up.
"""
_SAMPLED = """
Energy from run_start to run_stop by scope. The whole node was sampled, but not every run has power files,
so there is no power score. Different kinds of scope are never added up.
"""
_NOTHING = """
Energy was not measured: no power meter, GPU power reading or processor energy counter gave a usable value
during the runs. It is unknown, not zero.
"""


def _explain(rows: list[EnergyRow], node_level: bool) -> str:
    if node_level:
        return "Whole-node power logs come with every run, so the package carries a power measurement."
    measured = {row.scope.rpartition(" ")[2] for row in rows if row.joules is not None}
    text = _SAMPLED if NODE in measured else _PARTS if measured else _NOTHING
    return " ".join(text.split())
