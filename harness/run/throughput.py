"""Throughput (weak scaling, MLPerf HPC rules 7.2): M models trained at the same time, each on its own nodes.

The metric is the time from the first start to the last stop, with the number of models and the
size of the part of the system that each had. It is optional, and never alone: a package has to have
time-to-train too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from harness.core.errors import ExitCode, UserError
from harness.plan.resolve import RunPlan
from harness.run.folders import FINISHED, used_seeds
from harness.run.launch.base import Launcher
from harness.run.launch.nodes import evict_on_all
from harness.run.many_runs import entry_open, next_seed
from harness.run.one_run import Start, Stop, run_once
from harness.run.progress import PlainDisplay, clock, how_it_ended, run_name
from harness.run.witnessing import witnessed
from harness.witness.witness import Witness
from rules.model.evidence import RunRecord


def run_together(plan: RunPlan, launcher: Launcher, console: Console) -> None:
    """Train all models at once.

    Raises UserError when there are runs already, or when a model fails: the others are ended too, all
    are kept and marked, and the whole has to be done again. Raises KeyboardInterrupt after having kept
    what there is.
    """
    with entry_open(plan, resume=False), witnessed(plan, _Quiet(console, 0).note) as witness:
        starts = _starts(plan, launcher, witness)
        records = _train(plan, starts, console)
    failed = [record for record in records if record.status not in FINISHED]
    if failed:
        raise UserError(
            f"{run_name(failed[0].run, len(starts), 'Model')} {failed[0].status}: {failed[0].reason}. "
            "All were ended.",
            f"see {plan.layout.failed_dir(0).parent}; then start again with --replace (make: REPLACE=1).",
            ExitCode.FAILED,
        )


def _starts(plan: RunPlan, launcher: Launcher, witness: Witness | None) -> list[Start]:
    """One start per model. The data files are evicted once for all, before the first model begins:
    evicting again would take data from those that read already."""
    cleared = evict_on_all(launcher, plan.data_files)
    stop, seeds = Stop(), used_seeds(plan.layout)
    starts = []
    for model in range(plan.request.models):
        seed = next_seed(witness, model, seeds)
        seeds.add(seed)
        starts.append(Start(model, seed, launcher.part(model), lambda: cleared, stop, witness))
    return starts


def _train(plan: RunPlan, starts: list[Start], console: Console) -> list[RunRecord]:
    """Records of all models that were not ended by the stop event."""

    def train(start: Start) -> RunRecord:
        with _stopping(start.stop):
            record = run_once(plan, start, _Quiet(console, len(starts)))
        if record.status not in FINISHED:
            start.stop.set()
        return record

    with ThreadPoolExecutor(len(starts)) as pool, _stopping(starts[0].stop):
        futures = [pool.submit(train, start) for start in starts]
        wait(futures)
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, KeyboardInterrupt):  # the stop event's
            raise error
    return [future.result() for future in futures if future.exception() is None]


@contextmanager
def _stopping(stop: Stop) -> Iterator[None]:
    """Whatever ends the block early ends all models; they keep what there is."""
    try:
        yield
    except BaseException:
        stop.set()
        raise


class _Quiet(PlainDisplay):
    """One line at the start and one at the end of a model, because several are shown at the same time."""

    def __init__(self, console: Console, models: int) -> None:
        super().__init__(console)
        self._models = models

    def run_started(self, run: int, runs: int, seed: int) -> None:
        self._print(f"{run_name(run, self._models, 'model')}: seed {seed}")

    def event(self, event: dict[str, Any]) -> None:
        pass

    def run_finished(self, record: RunRecord) -> None:
        which = run_name(record.run, self._models, "model")
        self._print(f"{which}: {how_it_ended(record)}, {clock(record.duration_s)}")
