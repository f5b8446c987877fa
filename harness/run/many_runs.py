"""The runs of an entry, one after the other: what is done already is kept, a failure ends the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from harness.core.errors import ExitCode, UserError
from harness.core.files import write_json
from harness.core.locks import Held, exclusive
from harness.package.workspace import adopt
from harness.plan.resolve import RunPlan
from harness.plan.settings import plan_digest, plan_record
from harness.run.folders import FINISHED, attempt_of, finished_runs, read_object, sweep, used_seeds
from harness.run.launch.base import Launcher
from harness.run.launch.nodes import evict_on_all
from harness.run.one_run import Start, draw_seed, run_once
from harness.run.progress import Display, run_name
from harness.run.witnessing import witnessed
from harness.witness.witness import Witness
from rules.model.evidence import RunRecord
from rules.model.layout import PackageLayout, RunFiles

TAIL_LINES = 8
TAIL_CHARACTERS = 300  # of each line


def run_all(plan: RunPlan, launcher: Launcher, display: Display, resume: bool) -> None:
    """Do the runs that are missing.

    Raises UserError when a run fails (it is kept, and the rest can be resumed), when there are runs
    already and `resume` is false, or when another submit is at work in the same place.
    """
    with entry_open(plan, resume), witnessed(plan, display.note) as witness:
        runs = plan.request.runs
        done = finished_runs(plan.layout, runs)
        if done:
            display.note(f"resuming: {len(done)} of {runs} runs are finished already")
        for run in range(runs):
            if run in done:
                continue
            record = run_single(plan, launcher, run, display, witness)
            if record.status not in FINISHED:
                raise _failure(plan, record)


def run_single(
    plan: RunPlan, launcher: Launcher, run: int, display: Display, witness: Witness | None = None
) -> RunRecord:
    """One run on its own, with a new seed and cold data files; raises as run_once does."""
    seed = next_seed(witness, run, used_seeds(plan.layout))
    start = Start(run, seed, launcher, lambda: evict_on_all(launcher, plan.data_files), witness=witness)
    return run_once(plan, start, display)


def next_seed(witness: Witness | None, run: int, used: set[int]) -> int:
    """The seed of a run that begins now: from the witness' registration, or drawn by chance."""
    return witness.open_run(run, lambda: draw_seed(used)) if witness else draw_seed(used)


@contextlib.contextmanager
def entry_open(plan: RunPlan, resume: bool) -> Iterator[None]:
    """The entry, ready for runs and locked against other submits while the block runs.

    The plan is written, or compared with the one that is there; what a killed harness left behind is
    set aside. Raises UserError when another submit holds the lock, when there are runs and `resume` is
    false, or when the plan has changed.
    """
    with _locked(plan.layout):
        _begin(plan, resume)
        sweep(plan.layout)
        yield


@contextlib.contextmanager
def _locked(layout: PackageLayout) -> Iterator[None]:
    layout.evidence_dir.mkdir(parents=True, exist_ok=True)
    path = layout.root / f".lock-{layout.system}"
    try:
        with exclusive(path):
            yield
    except Held as held:
        raise UserError(
            f"Another submit of {layout.system} is at work in {layout.root}{held.by}.", held.fix
        ) from None


def _begin(plan: RunPlan, resume: bool) -> None:
    """Write the plan and what it was made from, or make sure that the plan is the same as before."""
    layout, record = plan.layout, plan_record(plan.plan)
    if before := read_object(layout.plan):
        if not resume:
            raise UserError(
                f"{layout.evidence_dir} already holds runs of this system.",
                "continue them with --resume (make: RESUME=1), or set them aside with --replace (REPLACE=1).",
            )
        if plan_digest(before) != plan_digest(record):
            changed = ", ".join(sorted(k for k in record if record[k] != before.get(k))) or "the plan"
            raise UserError(
                f"Cannot resume: {changed} changed since the first run.",
                "restore it, or start again with --replace: all runs of an entry must be alike.",
            )
    adopt(plan.request.source, layout)
    system = plan.machine.declared
    write_json(layout.system_json, system.fields)
    write_json(
        layout.detected,
        {"schema": 1, "detected": system.detected, "provenance": system.provenance},
    )
    write_json(layout.dataset, {"schema": 1, **asdict(plan.described.dataset)})
    write_json(layout.plan, record)


def _failure(plan: RunPlan, record: RunRecord) -> UserError:
    output = RunFiles(attempt_of(plan.layout, record)).output
    return UserError(
        f"{run_name(record.run, plan.request.runs, 'Run')} {record.status}: {record.reason}.{_tail(output)}",
        f"see {output}; then continue with --resume (make: RESUME=1). Finished runs are kept.",
        ExitCode.FAILED,
    )


def _tail(output: Path) -> str:
    """The last lines of a run's output, for a message; empty when there are none."""
    try:
        lines = output.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    last = [line for line in lines if line.strip()][-TAIL_LINES:]
    if not last:
        return ""
    return " Its last lines:\n" + "\n".join(f"  | {line[:TAIL_CHARACTERS]}" for line in last) + "\n"
