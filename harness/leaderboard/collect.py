"""Every package below a folder, judged: in order of name, by several processes where that pays."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from harness.core.errors import UserError
from harness.leaderboard.judge import Found, Judge, unreadable

REVIEWS = "reviews"  # of this board: no organisation
PAYS_FROM = 8  # packages: starting a process takes longer than checking a small package


def package_folders(submissions: Path, skip: Path) -> list[Path]:
    """Folders that hold systems or results, in order of name. `skip` is the site's own folder.

    Raises UserError when there is no such folder.
    """
    if not submissions.is_dir():
        raise UserError(
            f"There is no folder {submissions}.", "name the folder of all organisations with --submissions."
        )
    return [
        folder
        for folder in sorted(submissions.iterdir())
        if folder.is_dir()
        and not folder.name.startswith(".")
        and folder.name != REVIEWS
        and folder.resolve() != skip.resolve()
        and any((folder / part).is_dir() for part in ("results", "systems"))
    ]


def collect(folders: list[Path], judge: Judge, jobs: int) -> Iterator[Found]:
    """One value per folder, in their order. A folder that ends the process that reads it is unreadable."""
    if jobs < 2 or len(folders) < PAYS_FROM:
        yield from map(judge, folders)
        return
    while folders:
        done = 0
        for found in _until_broken(folders, judge, jobs):
            done += 1
            yield found
        if done < len(
            folders
        ):  # this folder or one near it ended a process: judge this one on its own, then go on
            yield _alone(folders[done], judge)
            done += 1
        folders = folders[done:]


def _until_broken(folders: list[Path], judge: Judge, jobs: int) -> Iterator[Found]:
    pool = _pool(jobs)
    try:
        for future in [pool.submit(judge, folder) for folder in folders]:
            found = _result(future)
            if found is None:
                return
            yield found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone(folder: Path, judge: Judge) -> Found:
    """Judge in a process of its own."""
    with _pool(1) as pool:
        found = _result(pool.submit(judge, folder))
    reason = "the checker's process ended while it read this package: a file in it is broken or hostile"
    return found or Found(None, [unreadable(folder, reason)], False)


def _result(future: Future[Found]) -> Found | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _pool(jobs: int) -> ProcessPoolExecutor:
    # the main process handles Ctrl-C
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
