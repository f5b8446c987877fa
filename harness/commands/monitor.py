"""cloudmask monitor: the machine as the sampler sees it, live."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.errors import ExitCode
from harness.telemetry.source import QuantitySpec, Source
from harness.telemetry.sources import open_all

PERIOD_S = 1.0
# the sampler's own cost means nothing here, and there is no run whose processes could be followed
_LEFT_OUT = ("sampler", "process")
Reading = tuple[Source, QuantitySpec, float | None]


@click.command()
@click.option("--once", is_flag=True, help="One reading over a second, then end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per reading, for programs.")
@click.option("--pid", type=click.IntRange(min=1), help="Follow this process and its children too.")
def monitor(once: bool, as_json: bool, pid: int | None) -> int:
    """Watch this machine: every telemetry source that works here. Ends with Ctrl-C."""
    sources = [s for s in open_all(pid=pid) if s.name not in _LEFT_OUT or (pid and s.name == "process")]
    try:
        if as_json:
            for readings in _rounds(sources, once):
                click.echo(json.dumps(_as_json(sources, readings)))
        elif once:
            Console(highlight=False).print(_view(sources, next(_rounds(sources, once))), markup=False)
        else:
            with Live(console=Console(highlight=False), auto_refresh=False) as live:
                for readings in _rounds(sources, once):
                    live.update(_view(sources, readings), refresh=True)
    finally:
        for source in sources:
            source.close()
    return ExitCode.OK


def _rounds(sources: list[Source], once: bool) -> Iterator[list[Reading]]:
    """Readings of every source, a second apart; the first ones only give rates a start."""
    for source in sources:
        source.read()
    while True:
        time.sleep(PERIOD_S)
        yield [
            (source, spec, value)
            for source in sources
            for spec, value in zip(source.quantities(), source.read(), strict=True)
        ]
        if once:
            return


def _as_json(sources: list[Source], readings: list[Reading]) -> dict[str, object]:
    return {
        "schema": 1,
        "wall_s": time.time(),
        "quantities": [
            {
                "source": source.name,
                "scope": spec.scope,
                "name": spec.name,
                "unit": spec.unit,
                "kind": spec.kind.value,
                "value": value,
            }
            for source, spec, value in readings
        ],
        "unavailable": [str(s.unavailable) for s in sources if s.unavailable is not None],
    }


def _view(sources: list[Source], readings: list[Reading]) -> Group:
    table = Table()
    for column in ("source", "scope", "quantity"):
        table.add_column(column)
    table.add_column("value", justify="right")
    table.add_column("unit")
    for source, spec, value in readings:
        table.add_row(source.name, spec.scope, spec.name, *_shown(value, spec.unit))
    reasons = [
        Text(f"not measured: {s.unavailable}", style="dim") for s in sources if s.unavailable is not None
    ]
    return Group(table, *reasons)


def _shown(value: float | None, unit: str) -> tuple[str, str]:
    """Bytes in the unit people read; absent is a dash, never 0."""
    if value is None:
        return "-", unit
    if unit.startswith("B"):
        for prefix, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
            if value >= size:
                return f"{value / size:.1f}", prefix + unit
    return f"{value:.1f}", unit
