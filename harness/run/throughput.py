"""Throughput (weak scaling, MLPerf HPC rules 7.2): M models trained at the same time, each on its own nodes.

The metric is the time from the first start to the last stop, with the number of models and the
size of the part of the system that each had. It is optional, and never alone: a package has to have
time-to-train too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rich.console import Console

from harness.core.errors import ExitCode, UserError
from harness.plan.preparation import Prepared
from harness.run.launch import launcher_for
from harness.run.launch.nodes import evict_on_all
from harness.run.one_run import FINISHED, Instance, draw_seed, run_once
from harness.run.progress import PlainDisplay, clock
from rules.model.evidence import RunRecord
from rules.model.layout import WEAK


def throughput_of(prepared: Prepared) -> Prepared:
    """The same system's throughput entry. Raises UserError when its recipe has no `instances`."""
    instances = prepared.recipe.instances
    if instances is None:
        raise UserError(
            "The recipe does not say how many models are to be trained at the same time.",
            "set `instances` in it (docs/recipes.md).",
        )
    plan = replace(prepared.plan, runs=instances, scaling=WEAK)
    return replace(prepared, plan=plan, layout=replace(prepared.layout, scaling=WEAK))


def run_together(prepared: Prepared, used_seeds: set[int], console: Console) -> None:
    """Train all models at once.

    Raises UserError when one fails: the others are ended too, all are kept and marked, and the whole
    has to be done again. Raises KeyboardInterrupt after having kept what there is.
    """
    plan = prepared.run_plan()
    count = prepared.plan.runs
    launcher = launcher_for(plan.recipe, count)
    cleared = evict_on_all(launcher, plan.scenes)
    stop, instances = threading.Event(), []
    for index in range(count):
        seed = draw_seed(used_seeds)
        used_seeds.add(seed)
        instances.append(Instance(launcher.part(index), seed, cleared, stop))

    def train(index: int) -> RunRecord:
        with _stopping(stop):
            record = run_once(plan, index, set(), _Quiet(console, count), instances[index])
        if record.status not in FINISHED:
            stop.set()
        return record

    with ThreadPoolExecutor(count) as pool, _stopping(stop):
        futures = [pool.submit(train, index) for index in range(count)]
        wait(futures)
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, KeyboardInterrupt):  # that one was told to stop
            raise error
    records = [future.result() for future in futures if future.exception() is None]
    failed = [record for record in records if record.status not in FINISHED]
    if failed:
        raise UserError(
            f"Model {failed[0].run + 1} of {count} {failed[0].status}: {failed[0].reason}. All were ended.",
            f"see {plan.layout.failed_dir(0).parent}; then start anew with --replace (make: REPLACE=1).",
            ExitCode.FINDINGS,
        )


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Whatever ends the block early ends the instances: they keep what there is."""
    try:
        yield
    except BaseException:
        stop.set()
        raise


class _Quiet(PlainDisplay):
    """One line at the start and one at the end of a model: several at once would talk at the same time."""

    def __init__(self, console: Console, models: int) -> None:
        super().__init__(console)
        self._models = models

    def run_started(self, run: int, runs: int, seed: int) -> None:
        self._say(f"model {run + 1} of {self._models}: seed {seed}")

    def event(self, event: dict[str, Any]) -> None:
        pass

    def run_finished(self, record: RunRecord) -> None:
        reason = f" ({record.reason})" if record.reason else ""
        self._say(
            f"model {record.run + 1} of {self._models}: {record.status}{reason} in {clock(record.duration_s)}"
        )
