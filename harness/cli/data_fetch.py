"""`cloudmask data fetch`: download the official scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from harness.core.errors import ExitCode, UserError
from harness.fetch.bucket import BUCKET, ENDPOINT, PREFIX, Bucket, Source
from harness.fetch.etag import Match
from harness.fetch.official import AGAIN, FetchPlan, plan_fetch
from harness.fetch.official import fetch as carry_out
from harness.fetch.transfer import Outcome
from harness.package.workspace import Workspace, official_data
from reference.protocol.official import SAMPLE_PROFILE

STEP = 0.05  # without a terminal, one line for each such part


@click.command()
@click.option("--profile", type=click.Choice(["official"]), default="official", show_default=True)
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to fetch into. Default: $CLOUDMASK_DATA, or data/official-sample with --scenes.",
)
@click.option(
    "--scenes",
    type=click.IntRange(min=2),
    metavar="N",
    help="N training scenes and a tenth as many test scenes only: profile official-sample, never official.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be fetched; writes nothing.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Files at a time.")
@click.option(
    "--endpoint", envvar="CLOUDMASK_S3_ENDPOINT", show_envvar=True, default=ENDPOINT, show_default=True
)
@click.option("--bucket", envvar="CLOUDMASK_S3_BUCKET", show_envvar=True, default=BUCKET, show_default=True)
@click.option("--prefix", envvar="CLOUDMASK_S3_PREFIX", show_envvar=True, default=PREFIX, show_default=True)
def fetch(
    profile: str,
    folder: Path | None,
    scenes: int | None,
    dry_run: bool,
    workers: int,
    endpoint: str,
    bucket: str,
    prefix: str,
) -> None:
    """Download the official scenes (180 GB) from their public bucket; no account is needed.

    Several files at a time; each is compared with its size and ETag before it gets its name. Whatever
    interrupts it, the same command goes on where it ended. Needs boto3 (make setup EXTRA=fetch).
    """
    root = folder or _default_folder(scenes, dry_run)
    opened = Bucket(Source(endpoint, bucket, prefix), workers)
    plan = plan_fetch(opened, root, scenes)
    _show(plan, opened.source)
    if dry_run:
        click.echo("Nothing was fetched (--dry-run).")
        return
    try:
        with _progress(plan.missing_bytes) as arrived:
            outcome = carry_out(plan, opened, workers, arrived)
    except KeyboardInterrupt:
        raise UserError("Interrupted.", AGAIN, ExitCode.INTERRUPTED) from None
    _conclude(plan, outcome)


def _default_folder(scenes: int | None, dry_run: bool) -> Path:
    if scenes is not None:
        return Workspace().data / SAMPLE_PROFILE
    named = official_data() or (Workspace().data / "official" if dry_run else None)
    if named is None:
        raise UserError(
            "It is not said where to fetch to.", "pass --data FOLDER or set CLOUDMASK_DATA (180 GB)."
        )
    return named


def _show(plan: FetchPlan, source: Source) -> None:
    there = len(plan.targets) - plan.missing
    click.echo(f"{source}: {len(plan.targets):,} scenes, {plan.total_bytes / 1e9:,.2f} GB ({plan.profile})")
    click.echo(
        f"{plan.folder.root}: {there:,} complete ({plan.unchecked:,} to be checked), {plan.missing:,} to be "
        f"fetched: {plan.missing_bytes / 1e9:,.2f} GB; {plan.folder.free_bytes() / 1e9:,.1f} GB free"
        + (", which is not enough" if plan.lacking_bytes > 0 else "")
    )
    for doubt in plan.doubts:
        click.echo(f"note: the bucket differs from the data set as it is known: {doubt}", err=True)


def _conclude(plan: FetchPlan, outcome: Outcome) -> None:
    counts = {match: outcome.checked.get(match, 0) for match in Match}
    earlier = sum(target.done for target in plan.targets)
    click.echo(
        f"{len(plan.targets):,} scenes are in {plan.folder.root}: {counts[Match.EQUAL]:,} compared by ETag, "
        f"{counts[Match.SIZE_ONLY]:,} by size only, {earlier:,} checked before."
    )
    click.echo(f"Next: cloudmask data describe --profile {plan.profile} --data {plan.folder.root}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal; else a line for every 5 %. Yields a function of bytes."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(total)
        return
    with Progress(
        TextColumn("Fetching"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("Fetching", total=total)
        yield lambda count: progress.advance(task, count)


class _Lines:
    """Progress in lines, for logs of batch jobs."""

    def __init__(self, total: int) -> None:
        self._total, self._arrived, self._next = max(total, 1), 0, STEP
        self._since, self._lock = monotonic(), Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self._arrived += count
            share = self._arrived / self._total
            if share < self._next:
                return
            self._next = min(share + STEP, 1.0) if share < 1 else inf
            self._say(share)

    def _say(self, share: float) -> None:
        rate = self._arrived / max(monotonic() - self._since, 1e-6)
        left_s = max(self._total - self._arrived, 0) / rate
        click.echo(
            f"{share:4.0%} of {self._total / 1e9:,.2f} GB, {rate / 1e6:,.1f} MB/s, {left_s / 60:.0f} min left",
            err=True,
        )
