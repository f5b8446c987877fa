"""cloudmask monitor: the machine as the sampler sees it, live."""

from __future__ import annotations

import json
import math
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.cli.streams import output_is_lost
from harness.core.errors import ExitCode, UserError
from harness.telemetry.recorder.channel import Channel, Lane, Stop, in_lanes
from harness.telemetry.sources.base import Kind, QuantitySpec, Source
from harness.telemetry.sources.registry import open_all, reasons

PERIOD_S = 1.0
FIRST_S = 3.0  # how long a single reading waits for slow sources
COLUMNS = 8  # scopes of one kind that get a column each
# the sampler's own cost means nothing here, and there is no run whose processes could be followed
_LEFT_OUT = ("sampler", "process")


@dataclass(frozen=True)
class Reading:
    """One quantity as it is shown: a counter of joules as the mean power since the reading before."""

    source: str
    spec: QuantitySpec
    value: float | None
    power_w: float | None = None

    @property
    def label(self) -> str:
        """Its name in the table."""
        return f"{self.spec.name}, as power" if self.counts_energy else self.spec.name

    @property
    def counts_energy(self) -> bool:
        """Whether it is a counter of joules."""
        return self.spec.kind is Kind.COUNTER and self.spec.unit == "J"

    @property
    def shown(self) -> tuple[float | None, str]:
        """Value and unit in the table."""
        return (self.power_w, "W") if self.counts_energy else (self.value, self.spec.unit)


@click.command()
@click.option("--once", is_flag=True, help="One reading of everything, then end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per reading, for programs.")
@click.option("--pid", type=click.IntRange(min=1), help="Follow this process and its children too.")
def monitor(once: bool, as_json: bool, pid: int | None) -> int:
    """Watch this machine: every telemetry source that works here. Ends with Ctrl-C.

    Each source is read at its own pace, at most once a second; one that hangs leaves its last line and
    holds up nothing else.
    """
    if pid is not None and not psutil.pid_exists(pid):
        raise UserError(f"There is no process {pid}.", "name one that runs, or leave --pid out.")
    sources = [s for s in open_all(pid=pid) if s.name not in _LEFT_OUT or (pid and s.name == "process")]
    stop = Stop()
    channels = [Channel(source, PERIOD_S) for source in sources if source.unavailable is None]
    lanes = in_lanes(channels, stop)
    notes: list[str] = []
    try:
        rounds = _rounds(lanes, notes, once)
        if as_json:
            for readings in rounds:
                click.echo(json.dumps(_as_json(sources, readings, notes)))
        elif once:
            console = Console(highlight=False)
            console.print(_view(sources, next(rounds), notes), *_missing(sources), sep="\n", markup=False)
        else:
            console = Console(highlight=False)
            console.print(*_missing(sources), sep="\n")  # once: what changes stands below it
            with Live(console=console, auto_refresh=False) as live:
                for readings in rounds:
                    live.update(_view(sources, readings, notes), refresh=True)
    finally:
        stop.set()
        for lane in lanes:
            if lane.join(0.5):
                lane.close()
    return ExitCode.OK


def _rounds(lanes: list[Lane], notes: list[str], once: bool) -> Iterator[list[Reading]]:
    """Newest readings once a second. The first round waits until every rate has had its two readings,
    but not for a source that hangs or is slower than FIRST_S."""
    for lane in lanes:
        lane.start()
    history = {channel.source.name: _History(channel) for lane in lanes for channel in lane.channels}
    waited_until = time.monotonic() + FIRST_S
    while True:
        time.sleep(PERIOD_S)
        for lane in lanes:
            lane.watch_the_time()
        for one in history.values():
            notes.extend(one.update())
        if not all(one.is_full for one in history.values()) and time.monotonic() < waited_until:
            continue
        yield [reading for one in history.values() for reading in one.readings()]
        if once or output_is_lost():
            return


class _History:
    """The last two readings of a source, from which energy counters become power."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._rows: list[tuple[float, list[float | None]]] = []

    @property
    def is_full(self) -> bool:
        needed = 1 if self.channel.pace.interval_s > FIRST_S / 2 else 2
        return len(self._rows) >= needed

    def update(self) -> list[str]:
        rows, remarks = self.channel.drain()
        self._rows = [*self._rows, *((at, list(values)) for at, values in rows)][-2:]
        return remarks

    def readings(self) -> list[Reading]:
        specs = self.channel.source.quantities()
        newest = list(self.channel.newest)
        power = self._power(len(specs))
        return [
            Reading(self.channel.source.name, spec, value, watt)
            for spec, value, watt in zip(specs, newest, power, strict=True)
        ]

    def _power(self, count: int) -> list[float | None]:
        if len(self._rows) < 2:
            return [None] * count
        (before_s, old), (now_s, new) = self._rows
        return [
            None if a is None or b is None or b < a or now_s <= before_s else (b - a) / (now_s - before_s)
            for a, b in zip(old, new, strict=True)
        ]


def _as_json(sources: list[Source], readings: list[Reading], notes: list[str]) -> dict[str, object]:
    return {
        "schema": 1,
        "wall_s": time.time(),
        "host": platform.node(),
        "quantities": [
            {
                "source": reading.source,
                "scope": reading.spec.scope,
                "name": reading.spec.name,
                "unit": reading.spec.unit,
                "kind": reading.spec.kind.value,
                "value": reading.value,
            }
            for reading in readings
        ],
        "devices": {scope: text for source in sources for scope, text in source.devices().items()},
        "notes": notes,
        "unavailable": [asdict(reason) for reason in reasons(sources)],
    }


# ---------------------------------------------------------------- what a person sees


def _view(sources: list[Source], readings: list[Reading], notes: list[str]) -> Group:
    """A table for each kind of scope (node, GPUs, processor packages, ...), a column for each scope."""
    kinds: dict[str, list[Reading]] = {}
    for reading in readings:
        kinds.setdefault(_family(reading.spec.scope), []).append(reading)
    head = Text(f"{platform.node()}, {time.strftime('%H:%M:%S')}", style="bold")
    tables = [_table(members) for members in kinds.values()]
    devices = [
        Text(f"{scope}: {text}", style="dim")
        for source in sources
        for scope, text in source.devices().items()
    ]
    remarks = [Text(f"note: {note}", style="yellow") for note in notes[-5:]]
    return Group(head, *tables, *devices, *remarks)


def _missing(sources: list[Source]) -> list[Text]:
    """What cannot be measured here, and why."""
    return [Text(f"not measured: {reason}", style="dim") for reason in reasons(sources)]


def _family(scope: str) -> str:
    return re.sub(r"\d+\Z", "", scope)


def _table(readings: list[Reading]) -> RenderableType:
    scopes = list(dict.fromkeys(reading.spec.scope for reading in readings))
    many = len(scopes) > COLUMNS
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(f"{len(scopes)} x {_family(scopes[0])}" if many else "", min_width=24, style="cyan")
    for heading in ("lowest", "mean", "highest") if many else scopes:
        table.add_column(heading, justify="right", min_width=12)
    rows: dict[tuple[str, str], dict[str, Reading]] = {}
    for reading in readings:
        rows.setdefault((reading.source, reading.label), {})[reading.spec.scope] = reading
    for (_, label), by_scope in rows.items():
        cells = _spread(by_scope) if many else [_cell(by_scope.get(scope)) for scope in scopes]
        table.add_row(label.replace("_", " "), *cells)
    return table


def _cell(reading: Reading | None) -> str:
    return "" if reading is None else _text(*reading.shown)


def _spread(by_scope: dict[str, Reading]) -> list[str]:
    pairs = [reading.shown for reading in by_scope.values()]
    known = [value for value, _ in pairs if value is not None and math.isfinite(value)]
    if not known:
        return ["-", "-", "-"]
    return [_text(value, pairs[0][1]) for value in (min(known), sum(known) / len(known), max(known))]


def _text(value: float | None, unit: str) -> str:
    """Bytes with a binary prefix; absent is a dash, never 0."""
    if value is None:
        return "-"
    if unit.startswith("B"):
        for prefix, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
            if value >= size:
                return f"{value / size:.1f} {prefix}{unit}"
    if unit == "1":
        return f"{value:g}"
    return f"{value:.1f} {unit}"
