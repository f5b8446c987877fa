"""cloudmask power: energy of a package, and readings of an external meter."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table

from harness.check import check_package
from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_atomic
from harness.core.words import plural
from harness.package.manifest import write_manifest
from harness.plan.recipe import PowerRecipe, load_recipe
from harness.power.files import Readings, Supply, cut, node_text
from harness.power.meter_import import FORMATS, UNITS, MeterLog, parse_utc_offset, read_meter
from harness.power.record import switch_files, window
from harness.report.drawing.text import energy as joules_text
from harness.score.model import EnergyScore
from harness.score.score import score
from rules.model.layout import RESULT_PATTERN, PackageLayout
from rules.ruleset import load_ruleset


@click.group()
def power() -> None:
    """Energy of whole nodes: show it, import an external meter's log."""


# ---------------------------------------------------------------- show


@power.command(name="show")
@click.argument("package", type=options.PathType)
@click.option("--system", default=None, help="Which system, when the package has several.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show_command(package: Path, system: str | None, as_json: bool) -> int:
    """Energy of each run of PACKAGE, by MLPerf's formula and by mlperf_logging's.

    \b
    Exit codes: 0 shown, 1 there is no energy, 2 cannot be read.
    """
    if not package.is_dir():
        raise UserError(f"{package} is not a package.", "name the folder of an organisation.")
    ruleset = load_ruleset()
    found, _ = check_package(package, ruleset, system=system)
    energy = score(found, ruleset).energy
    if as_json:
        click.echo(json.dumps({"schema": 1, "path": str(package), "energy": _as_json(energy)}, indent=1))
    elif energy is None:
        click.echo("no power files: the power of whole nodes was not measured (see docs/power.md)")
    else:
        _show(energy)
    return ExitCode.OK if energy is not None and energy.joule is not None else ExitCode.FINDINGS


def _as_json(energy: EnergyScore | None) -> dict[str, object] | None:
    if energy is None:
        return None
    runs = [
        {"run": run.index, "joule": run.joule, "upstream_joule": run.upstream_joule}
        | {"files": [asdict(file) for file in run.files]}
        for run in energy.runs
    ]
    return {
        "joule": energy.joule,
        "upstream_joule": energy.upstream_joule,
        "difference": energy.difference,
        "note": energy.note,
        "runs": runs,
    }


def _show(energy: EnergyScore) -> None:
    table = Table(title="energy, run_start to run_stop", title_justify="left")
    for column in ("run", "file", "source"):
        table.add_column(column, no_wrap=True)
    for column in ("MLPerf's formula", "mlperf_logging's", "readings", "gap"):
        table.add_column(column, justify="right")
    for run in energy.runs:
        for file in run.files:
            table.add_row(
                str(run.index),
                file.path.rpartition("/")[2],
                file.source or ("not stated" if file.node else "estimate"),
                f"{file.joule:.6g} J" if file.joule is not None else f"none: {file.note}",
                f"{file.upstream_joule:.6g} J" if file.upstream_joule is not None else "none",
                str(file.readings) if file.node else "",
                f"{file.longest_gap_s:.2f} s" if file.longest_gap_s is not None else "",
            )
    Console(highlight=False).print(table, markup=False)
    if energy.joule is None:
        click.echo(f"energy to train: none ({energy.note})")
        return
    beside = (
        f"; {energy.difference:+.2%} by mlperf_logging's formula" if energy.difference is not None else ""
    )
    click.echo(f"energy to train: {energy.joule:.6g} J = {joules_text(energy.joule)}{beside}")


# ---------------------------------------------------------------- import


@power.command(name="import")
@click.argument("file", type=options.PathType)
@click.option("--system", required=True, help="System of the package.")
@options.org
@options.submissions
@click.option(
    "--run", "runs", type=int, multiple=True, help="Only this run; may be repeated.  [default: all]"
)
@click.option("--node", type=click.IntRange(0, 9999), default=0, show_default=True, help="Which node.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--time-column", help="CSV: column of times (s or ms since 1970, or ISO 8601).")
@click.option("--power-column", help="CSV: column of power.")
@click.option("--unit", type=click.Choice(list(UNITS)), default="W", show_default=True, help="CSV: of power.")
@click.option("--decimal-comma", is_flag=True, help="CSV: numbers are written 412,5.")
@click.option("--utc-offset", default="+00:00", show_default=True, help="Of times that state no zone.")
@click.option(
    "--clock-offset", type=float, default=0.0, help="Meter's clock minus the node's, in s.  [default: 0]"
)
@click.option("--replace", is_flag=True, help="Replace the node's power files that are there.")
def import_command(
    file: Path,
    system: str,
    org: str,
    submissions: Path,
    runs: tuple[int, ...],
    node: int,
    kind: str,
    time_column: str | None,
    power_column: str | None,
    unit: str,
    decimal_comma: bool,
    utc_offset: str,
    clock_offset: float,
    replace: bool,
) -> int:
    """Make power files of a package from the log FILE of an external meter of one node.

    IPMI text or CSV. The log is cut to each run; its digest is kept in the power files. How the meter is
    connected (AC or DC, efficiency of the supply, switches) is read from the recipe, section power.

    \b
    Exit codes: 0 imported, 2 the log cannot be read or does not cover a run: nothing is written.
    """
    layout = options.workspace_of(system, org, submissions, Path("data")).layout(org, system)
    offset = parse_utc_offset(utc_offset)
    if not math.isfinite(clock_offset):
        raise UserError("--clock-offset is not a number of seconds.", "give it like 1.5.")
    log = MeterLog(file, kind, time_column, power_column, unit, decimal_comma, offset, clock_offset)
    wanted = list(runs) or _runs(layout)
    texts = _texts(layout, read_meter(log), wanted, node, replace)
    for path, text in texts.items():
        write_atomic(path, text)
    write_manifest(layout.root)
    click.echo(
        f"power of node {node} imported for {plural(len(wanted), 'run')}; the manifest is written anew"
    )
    click.echo(f"now: cloudmask check {layout.root} and cloudmask report {layout.root}")
    return ExitCode.OK


def _runs(layout: PackageLayout) -> list[int]:
    names = (RESULT_PATTERN.match(p.name) for p in layout.results_dir.glob("result_*.txt"))
    found = sorted(int(m[1]) for m in names if m)
    if not found:
        raise UserError(f"{layout.results_dir} holds no runs.", "check --system, --org and --submissions.")
    return found


def _texts(
    layout: PackageLayout, readings: Readings, runs: list[int], node: int, replace: bool
) -> dict[Path, str]:
    """Contents of every power file to be written. Raises UserError when one run cannot be served."""
    declared = load_recipe(layout.recipe).power or PowerRecipe()
    supply = Supply(declared.measurement_type, declared.conversion_efficiency)
    texts: dict[Path, str] = {}
    for run in runs:
        folder = layout.power_dir(run)
        path = folder / f"node_{node}.txt"
        if path.exists() and not replace:
            raise UserError(f"{path} is there already.", "replace it with --replace.")
        try:
            start_ms, stop_ms = window(layout, run)
            texts[path] = node_text(cut(readings, start_ms, stop_ms), supply)
        except ValueError as error:
            raise UserError(
                f"Run {run} is not covered by the log: {error}.",
                "check --clock-offset and --utc-offset, or the log. Nothing was written.",
            ) from None
        texts |= switch_files(folder, declared, start_ms)
    return texts
