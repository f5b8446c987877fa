"""Where a run lies: in a `.part` folder while it is on, then in the package or, when it failed, in failed/."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.core.files import write_json
from rules.model.evidence import RunRecord
from rules.model.layout import FAILED_LOG, PackageLayout, RunFiles

PART = ".part"
PART_RESULT = FAILED_LOG  # until its run is finished
RECORD_SCHEMA = 1
FINISHED = ("success", "aborted")  # runs that count; all others are kept as failed


def part_dir(layout: PackageLayout, run: int) -> Path:
    """The folder of a run that is not finished: its name in the package and `.part`."""
    folder = layout.run_dir(run)
    return folder.with_name(folder.name + PART)


def place_result(layout: PackageLayout, run: int) -> None:
    """Move a finished run's log from its evidence to results/. Does nothing the second time."""
    log = layout.run_dir(run) / PART_RESULT
    if log.exists():
        layout.result(run).parent.mkdir(parents=True, exist_ok=True)
        os.replace(log, layout.result(run))


def package_name(name: str, layout: PackageLayout, run: int) -> str:
    """What a file of the `.part` folder is called in the package."""
    return layout.result(run).name if name == PART_RESULT else name


def set_aside(layout: PackageLayout, folder: Path) -> Path:
    """Move an unfinished run to the next free place below failed/. Returns the new folder."""
    attempt = 0
    layout.failed_dir(attempt).parent.mkdir(parents=True, exist_ok=True)
    while True:
        target = layout.failed_dir(attempt)
        attempt += 1
        if target.exists():
            continue
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # taken by another instance meanwhile
                continue
            raise
        return target


def attempt_of(layout: PackageLayout, record: RunRecord) -> Path:
    """The folder below failed/ that holds the run of this record; failed/ itself when it was removed."""
    failed = layout.failed_dir(0).parent
    for folder in sorted(failed.iterdir()):
        if read_object(RunFiles(folder).record).get("started_wall_s") == record.started_wall_s:
            return folder
    return failed


def finished_runs(layout: PackageLayout, runs: int) -> set[int]:
    """Those of the first `runs` runs whose evidence and log are complete and in place."""
    done = set()
    for run in range(runs):
        if _status(RunFiles(layout.run_dir(run))) in FINISHED:
            place_result(layout, run)
            if layout.result(run).is_file():
                done.add(run)
    return done


def sweep(layout: PackageLayout) -> None:
    """Put every `.part` folder that a killed harness left behind into its place.

    Unfinished runs are set aside, marked as interrupted where there is no record yet.
    """
    for run, folder in _parts(layout):
        files = RunFiles(folder)
        if not files.record.exists():
            write_json(files.record, _interrupted(run, files))
            set_aside(layout, folder)
        elif _status(files) in FINISHED and not layout.run_dir(run).exists():
            folder.rename(layout.run_dir(run))  # killed between the record and the move
        else:
            set_aside(layout, folder)


def used_seeds(layout: PackageLayout) -> set[int]:
    """Seeds of all runs of this entry, failed ones too."""
    name = RunFiles(layout.evidence_dir).record.name
    records = (read_object(path) for path in layout.evidence_dir.glob(f"**/{name}"))
    return {record["seed"] for record in records if isinstance(record.get("seed"), int)}


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of this harness' own; empty when the file is missing or holds something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _status(files: RunFiles) -> Any:
    return read_object(files.record).get("status")


def _parts(layout: PackageLayout) -> Iterator[tuple[int, Path]]:
    prefix = part_dir(layout, 0).name.removesuffix(f"0{PART}")
    for folder in sorted(layout.evidence_dir.glob(f"{prefix}*{PART}")):
        yield int(folder.name.removeprefix(prefix).removesuffix(PART)), folder


def _interrupted(run: int, files: RunFiles) -> dict[str, Any]:
    """The record of a run whose harness could not write one."""
    return {
        "schema": RECORD_SCHEMA,
        "run": run,
        "status": "interrupted",
        "reason": "the harness was ended before the run was finished",
        "seed": read_object(files.spec).get("seed"),
    }
