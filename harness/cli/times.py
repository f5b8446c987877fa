"""cloudmask times: where the time of every run went, phase by phase."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import click

from harness.check.formats.text import clean
from harness.check.log_files import LogFile, result_logs
from harness.cli import options
from harness.core.csv_text import csv_text
from harness.core.errors import UserError
from harness.core.wrapping import beside, width_of
from rules.facts.phases import Phase, phases, span_s

_COLUMNS = [f.name for f in fields(Phase)]
_HEADS = ["phase", "count", "total s", "mean s", "shortest", "longest", "share"]
Row = tuple[LogFile, float | None, list[Phase]]


@click.command()
@click.argument("path", type=options.PathType)
@click.option("--system", default=None, help="One system of the organisation; default: all of them.")
@click.option("--csv", "as_csv", is_flag=True, help="One line per phase and run, for spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def times(path: Path, system: str | None, as_csv: bool, as_json: bool) -> None:
    """Add up every phase of every run at PATH: count, total, mean and share.

    PATH is an organisation's folder, one of its systems, the same packed as .tar.gz or .zip, or one result file; of any
    MLPerf training or HPC benchmark. A share is of the time from a log's first event to its last; phases lie inside
    each other (epochs in the run), so shares do not add up to 100 %. Nothing is judged: see `cloudmask check`.

    \b
    Examples:
      cloudmask times submissions/my-lab
      cloudmask times submissions/my-lab --system box --csv > times.csv
      cloudmask times result_0.txt
    """
    if as_csv and as_json:
        raise UserError("--csv and --json exclude each other.", "leave one out.")
    with _folder(path) as inside:
        rows = [(file, span_s(log), phases(log)) for file, log in result_logs(inside, system)]
    if all(span is None and not found for _, span, found in rows):
        raise UserError(
            f"{path} holds no MLLOG line with a time.", "name a package or one of its result files."
        )
    if as_json:
        click.echo(json.dumps({"schema": 1, "runs": [_record(row) for row in rows]}, indent=1))
    elif as_csv:
        head = ["entry", "run", "file", *_COLUMNS]
        lines = ([f.entry, f.run, f.path, *asdict(p).values()] for f, _, found in rows for p in found)
        click.echo(csv_text(head, lines), nl=False)
    else:
        for line in _tables(rows, width_of(sys.stdout)):
            click.echo(line)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """The path itself, or what is in an archive."""
    from harness.untrusted.archives import is_archive, opened

    if path.is_file() and is_archive(path):
        with opened(path) as inside:
            yield inside
    else:
        yield path


def _record(row: Row) -> dict[str, object]:
    file, span, found = row
    return {**asdict(file), "span_s": span, "phases": [asdict(phase) for phase in found]}


def _tables(rows: list[Row], width: int) -> Iterator[str]:
    """A table per run, all with the same columns; a phase's numbers stand below its name where lines are short."""
    tables = [[_cells(phase) for phase in found] for _, _, found in rows]
    every = [_HEADS, *(line for table in tables for line in table)]
    widths = [max(len(line[column]) for line in every) for column in range(len(_HEADS))]
    room = width - 2 - sum(widths) if width else 2 * len(widths)
    gap = " " * min(2, max(0, room // (len(widths) - 1)))
    for (file, span, found), table in zip(rows, tables, strict=True):
        title = f"{file.entry}, run {file.run}" if file.entry else file.path
        length = "times unknown" if span is None else f"{span:.3f} s from first to last event"
        yield beside("", clean(f"{title} ({length})"), width)
        for line in [_HEADS, *table] if found else []:
            numbers = [cell.rjust(wide) for cell, wide in zip(line[1:], widths[1:], strict=True)]
            whole = gap.join([line[0].ljust(widths[0]), *numbers])
            yield f"  {whole}" if gap else f"  {line[0]}\n    {' '.join(numbers)}"
        for phase in found:
            if phase.unmatched:
                yield beside("  ", f"{clean(phase.name)}: {phase.unmatched} without a counterpart", width)
        if not found:
            yield "  no phase in this log"
        yield ""


def _cells(phase: Phase) -> list[str]:
    seconds = (phase.total_s if phase.count else None, phase.mean_s, phase.shortest_s, phase.longest_s)
    numbers = ["-" if value is None else f"{value:.3f}" for value in seconds]
    return [
        clean(phase.name),
        str(phase.count),
        *numbers,
        "-" if phase.share is None else f"{phase.share:.1%}",
    ]
