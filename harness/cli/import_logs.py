"""cloudmask import: results of upstream's own program, filed as an open entry."""

from __future__ import annotations

from pathlib import Path

import click

from harness.check.formats.text import clean
from harness.cli import options
from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.package.manifest import write_manifest
from harness.package.workspace import Workspace, check_name
from harness.upstream.entry import Entry, Upstream, make_entry
from harness.upstream.reading import Reading
from harness.upstream.sources import Passes, read_config, read_console, read_parts, read_passes, source
from rules.model.layout import PackageLayout


@click.command(name="import")
@click.argument("log", type=options.PathType)
@click.option("--system", required=True, help="What to call the entry: letters, digits, - _ . +")
@options.org
@options.submissions
@click.option("--runtimes", type=options.PathType, help="The file of run times (log_file, cloudMask_Log).")
@click.option("--console", type=options.PathType, help="What the program printed: epochs and accuracy.")
@click.option("--config", type=options.PathType, help="Its cloudMaskConfig.yaml.")
def import_logs(
    log: Path,
    system: str,
    org: str,
    submissions: Path,
    runtimes: Path | None,
    console: Path | None,
    config: Path | None,
) -> None:
    """File the result of upstream's program (mlcommons/science, CloudMask v1.1) as an open, unverified entry.

    LOG is the MLLOG file that the configuration calls mlperf_logfile; one that was appended to holds several runs.
    Its lines are kept as they are, and no value is filled in: what is missing is said here, in the entry's README.md
    and by `cloudmask check`, which finds much, and so no board ranks the entry. `cloudmask times` shows its phases.

    \b
    Examples:
      cloudmask import mlperf_cloudmask.log --system dgx-2 --org my-lab
      cloudmask import mlperf_cloudmask.log --system dgx-2 --org my-lab --runtimes cloudMask_Log \\
        --console output.log --config cloudMaskConfig.yaml
    """
    check_name("a system", system)
    check_name("an organisation", org)
    layout = Workspace(submissions).layout(org, system)
    entry = make_entry(_read(log, runtimes, console, config), layout)
    _write(entry, layout)
    click.echo(f"{_runs(len(entry.readings))} filed as {layout.system_json} and below results/, unverified")
    for reading in entry.readings:
        click.echo(clean(_line(reading)))
    for doubt in entry.doubts:
        click.echo(clean(f"doubtful: {doubt}"))
    for one in entry.missing:
        click.echo(clean(f"missing: {one.what}: {one.so} is not known"))


def _read(log: Path, runtimes: Path | None, console: Path | None, config: Path | None) -> Upstream:
    given = {"MLLOG": log, "run times": runtimes, "console": console, "configuration": config}
    return Upstream(
        read_parts(log),
        read_passes(runtimes) if runtimes else Passes(),
        read_console(console) if console else [],
        read_config(config) if config else {},
        [source(kind, path) for kind, path in given.items() if path],
    )


def _write(entry: Entry, layout: PackageLayout) -> None:
    taken = [p for p in (layout.system_json, layout.code_dir, layout.results_dir) if p.exists()]
    if taken:
        raise UserError(f"{taken[0]} is there already.", "choose another --system; nothing is overwritten.")
    for name, data in entry.files.items():
        write_atomic(layout.root / name, data)
    write_manifest(layout.root)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _line(r: Reading) -> str:
    parts = [
        f"run {r.index}: status {r.status or 'not stated'}",
        f"training {_seconds(r.training_s)}, inference {_seconds(r.inference_s)}",
        f"epochs {r.epochs_done if r.epochs_done is not None else 'not stated'}",
        f"accuracy {r.accuracy if r.accuracy is not None else 'not stated'}",
    ]
    return ", ".join(parts)


def _seconds(value: float | None) -> str:
    return "not stated" if value is None else f"{value:.3f} s"
