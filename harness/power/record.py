"""From the sampler's readings of whole-node power to the power files of a package.

Only sources that measure the node count (IPMI, Redfish, the ACPI power meter). GPU and processor power is
never written here: it is a part of the node and stays in telemetry and report, not eligible.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.plan.recipe import PowerRecipe, Recipe
from harness.power.files import Readings, Supply, cut, node_text, switch_text
from harness.telemetry.reader.reader import Series, series
from harness.telemetry.sources.base import QuantitySpec, Unavailable
from harness.telemetry.sources.node_power import NODE, NODE_POWER
from harness.telemetry.sources.registry import NODE_POWER_SOURCES, open_all
from harness.untrusted.logs import read_log
from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.model.layout import PackageLayout, RunFiles
from rules.model.log import Log
from rules.ruleset import load_ruleset


class NotMeasured(ValueError):
    """No source measured the whole node."""


@dataclass(frozen=True)
class PowerRecord:
    """What record_power did: runs with power files, or why there are none. `problem` is true when the node
    was measured, or should have been, but the readings are not usable."""

    written: list[int]
    reason: str | None = None
    problem: bool = False


def require_source(recipe: Recipe) -> None:
    """Raises UserError when the recipe names a source that does not work here. Called before the first run,
    because its readings are missed only after the last one."""
    name = recipe.power.source if recipe.power else "auto"
    if name in ("auto", "none"):
        return
    (source,) = open_all([name])
    try:
        reason = source.unavailable
        if reason is None and not any(_is_node(spec) for spec in source.quantities()):
            reason = Unavailable(
                name, "it measures parts only", "no sensor of the node", "use power.source: auto"
            )
        if reason is not None:
            raise UserError(
                f"The recipe asks for the node's power by {name}: {reason.what}, {reason.why}.",
                f"{reason.fix}.",
            )
    finally:
        source.close()


def record_power(layout: PackageLayout, recipe: Recipe, runs: int) -> PowerRecord:
    """Write the power files of all `runs` runs, or of none: power of some runs only is not compliant.

    Files that are there already (of an external meter, say) stay as they are.
    """
    wanted = recipe.power or PowerRecipe()
    if wanted.source == "none":
        return PowerRecord([], "the recipe asks for none")
    texts: dict[Path, str] = {}
    written: list[int] = []
    for run in range(runs):
        try:
            found = _files(layout, recipe, wanted, run)
        except NotMeasured as error:
            return PowerRecord([], f"run {run}: {error}", bool(written) or wanted.source != "auto")
        except ValueError as error:
            return PowerRecord([], f"run {run}: {error}", problem=True)
        texts |= found
        if found:
            written.append(run)
    for path, text in texts.items():
        write_atomic(path, text)
    return PowerRecord(written)


def _files(layout: PackageLayout, recipe: Recipe, wanted: PowerRecipe, run: int) -> dict[Path, str]:
    """Contents of one run's power files that are not there yet. Raises ValueError."""
    start_ms, stop_ms = window(layout, run)
    supply = Supply(wanted.measurement_type, wanted.conversion_efficiency)
    folder = layout.power_dir(run)
    texts = {}
    for node in range(recipe.devices.nodes):
        if (folder / f"node_{node}.txt").exists():
            continue
        readings = node_readings(RunFiles(layout.run_dir(run)).telemetry(node), wanted.source)
        try:
            kept = cut(readings, start_ms, stop_ms)
            check_holes(kept, start_ms)
            texts[folder / f"node_{node}.txt"] = node_text(kept, supply)
        except ValueError as error:
            raise ValueError(f"node {node}, {readings.source}: {error}") from None
    switches = switch_files(folder, wanted, start_ms)
    return texts | {path: text for path, text in switches.items() if not path.exists()}


def check_holes(readings: Readings, start_ms: int) -> None:
    """Raises ValueError when two readings are further apart than the power rules allow (PM 3.4)."""
    rules = load_ruleset().power
    limit_s = rules.interval_s + rules.interval_slack_s
    for before, after in itertools.pairwise(readings.times_ms):
        if (after - before) / 1000 > limit_s:
            at_s = (before - start_ms) / 1000
            raise ValueError(f"no reading for {(after - before) / 1000:.1f} s, {at_s:.0f} s after run_start")


def switch_files(folder: Path, wanted: PowerRecipe, time_ms: int) -> dict[Path, str]:
    """sw_<k>.txt for each part of the interconnect that the recipe declares."""
    return {
        folder / f"sw_{k}.txt": switch_text(part.name, part.maximum_w, part.share, part.basis, time_ms)
        for k, part in enumerate(wanted.interconnect)
    }


def window(layout: PackageLayout, run: int) -> tuple[int, int]:
    """(run_start, run_stop) of a run's log in Unix milliseconds. Raises ValueError."""
    try:
        log: Log = read_log(layout.result(run), layout.result(run).name)
    except OSError as error:
        raise ValueError(f"{layout.result(run).name} cannot be read ({error.strerror})") from None
    start_ms, stop_ms = time_ms(run_start(log)), time_ms(run_stop(log))
    if start_ms is None or stop_ms is None or stop_ms <= start_ms:
        raise ValueError(f"{layout.result(run).name} has no run_start before a run_stop")
    return start_ms, stop_ms


def node_readings(telemetry: Path, source: str = "auto") -> Readings:
    """The node's power in a telemetry file, by the named source or the first of NODE_POWER_SOURCES that has any.

    Raises ValueError when the node was not measured.
    """
    known = {one.source: one for one in series(telemetry) if _is_node(one)}
    names = NODE_POWER_SOURCES if source == "auto" else (source,)
    for name in names:
        one = known.get(name)
        if one is not None and np.isfinite(one.values).any():
            return _readings(one)
    raise NotMeasured(f"{telemetry.name} has no power of the whole node by {' or '.join(names)}")


def _is_node(one: Series | QuantitySpec) -> bool:
    return one.unit == "W" and one.scope == NODE and one.name == NODE_POWER


def _readings(one: Series) -> Readings:
    good = np.isfinite(one.values)
    times_ms = np.rint(one.wall_s[good] * 1000).astype(np.int64).tolist()
    return Readings(one.source, times_ms, [round(float(v), 3) for v in one.values[good]])
