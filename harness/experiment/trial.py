"""One trial: a run of the base recipe with other settings, followed epoch by epoch."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import Any

import yaml
from rich.console import Console

from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.experiment import outcome
from harness.experiment.model import Experiment, in_words
from harness.experiment.places import Places
from harness.experiment.queue import Ticket
from harness.experiment.record import Header, TrialRecord, read_trial, write_record
from harness.experiment.space import trial_recipe
from harness.plan.recipe import Recipe, TrialRecipe, load_recipe
from harness.plan.resolve import RunPlan
from harness.plan.settings import judged_plan
from harness.run.folders import FINISHED, finished_runs, sweep, used_seeds
from harness.run.launch.nodes import evict_on_all
from harness.run.launch.registry import launcher_for
from harness.run.many_runs import entry_open
from harness.run.one_run import Start, Stop, draw_seed, run_once
from harness.run.progress import PlainDisplay, clock
from rules.model.evidence import RunRecord


@dataclass(frozen=True)
class Workplace:
    """All that the trials of one process share."""

    header: Header
    places: Places
    plan: RunPlan  # of the base recipe: machine and data set, looked up once
    console: Console
    at_once: int  # trials that run on this machine at the same time

    @property
    def experiment(self) -> Experiment:
        """What is searched."""
        return self.header.experiment


class Follower(PlainDisplay):
    """Shows the epochs of a trial, and ends it where Optuna's pruner says so."""

    def __init__(self, console: Console, ticket: Ticket, place: Workplace, stop: Stop) -> None:
        super().__init__(console)
        self._name, self._trial, self._stop = f"trial {ticket.number}", ticket.trial, stop
        self._larger = place.experiment.objective.larger
        self._last_epoch = place.experiment.objective.after_epochs
        self._prunes = place.experiment.pruning is not None
        self._target = place.plan.recipe.hyperparameters.target_accuracy

    def run_started(self, run: int, runs: int, seed: int) -> None:
        """Nothing: the worker has said which trial begins."""
        self._state.start(run, runs)

    def event(self, event: dict[str, Any]) -> None:
        """A line for every evaluation, which Optuna is told of."""
        self._state.learn(event)
        if event.get("key") != "eval_accuracy" or not self._state.accuracies:
            return
        epoch, accuracy = self._state.epoch, self._state.accuracies[-1]
        self._print(f"{self._name}: epoch {epoch}, accuracy {accuracy:.4f}")
        if not isinstance(epoch, int) or self._stop.is_set():
            return
        try:
            self._trial.report(accuracy if self._larger else 1 - accuracy, epoch)
            done = accuracy >= self._target if self._last_epoch is None else epoch >= self._last_epoch
            if self._prunes and not done and self._trial.should_prune():
                self._stop.ask(
                    f"accuracy {accuracy:.4f} after epoch {epoch} is below the median of other trials"
                )
        except Exception as error:  # a storage that does not answer must not end a run
            self._print(
                f"{self._name}: Optuna was not told of epoch {epoch}: {' '.join(str(error).split())[:120]}"
            )

    def run_finished(self, record: RunRecord) -> None:
        """Nothing: the worker says what came of the trial."""


def begin(place: Workplace, ticket: Ticket) -> TrialRecord:
    """The record of a trial that begins now, written."""
    record = TrialRecord(
        number=ticket.number,
        point=ticket.key.point,
        repeat=ticket.key.repeat,
        values=ticket.values,
        status="running",
        system=place.places.system,
        host=platform.node(),
        at_once=place.at_once,
        schema=1,
    )
    write_record(place.places.record(ticket.number), record)
    return record


def run_trial(place: Workplace, ticket: Ticket, begun: TrialRecord) -> TrialRecord:
    """Run the trial and write its record. Raises KeyboardInterrupt, after which the trial can be taken back."""
    layout = place.places.trial(ticket.number)
    mark = TrialRecipe(
        experiment=place.experiment.name,
        digest=place.header.digest,
        number=ticket.number,
        point=ticket.key.point,
        repeat=ticket.key.repeat,
    )
    try:
        recipe = trial_recipe(place.experiment, place.plan.recipe, ticket.values, mark)
        launcher = launcher_for(recipe)
    except UserError as error:
        return _written(place, begun.model_copy(update={"status": "failed", "reason": error.message[:2000]}))
    write_atomic(
        layout.recipe, recipe_text(recipe, f"Trial {ticket.number} of the experiment {mark.experiment}.")
    )
    plan, stop = _plan_of(place.plan, recipe, place, ticket.number), Stop()
    try:
        with entry_open(plan, resume=True):
            seed = draw_seed(used_seeds(layout))
            start = Start(0, seed, launcher, lambda: evict_on_all(launcher, plan.data_files), stop)
            run = run_once(plan, start, Follower(place.console, ticket, place, stop))
    except KeyboardInterrupt:
        if not stop.is_set():
            raise
        return _written(place, outcome.ended(begun, layout, "pruned", place.header.ruleset))
    if run.status not in FINISHED:
        return _written(place, outcome.ended(begun, layout, "failed", place.header.ruleset))
    return _written(place, _finished(place, begun, recipe))


def recover(place: Workplace, number: int) -> TrialRecord | None:
    """The record of a trial whose process has ended: finished if its run was, else interrupted and written as such.

    None when the trial had not begun.
    """
    begun, layout = read_trial(place.places.record(number)), place.places.trial(number)
    if begun is None:
        return None
    sweep(layout)
    if finished_runs(layout, 1):
        return _written(place, _finished(place, begun, load_recipe(layout.recipe)))
    last = {"status": "interrupted", "reason": "its process ended before the run was finished"}
    return _written(place, begun.model_copy(update=last))


def told(record: TrialRecord, experiment: Experiment) -> str:
    """What came of a trial, in one line."""
    objective = experiment.objective
    value = f"{objective.words} {record.value:.6g} {objective.unit}" if record.value is not None else ""
    value = value.removesuffix(" 1")
    took = f" ({clock(record.duration_s)})" if record.duration_s is not None else ""
    return f"trial {record.number}: {value or record.status}{took}" + (
        f": {record.reason}" if record.reason else ""
    )


def shown(ticket: Ticket) -> str:
    """The trial that begins, in one line."""
    which = f"point {ticket.key.point}, run {ticket.key.repeat + 1}"
    return f"trial {ticket.number} ({which}): {in_words(ticket.values) or 'the base recipe'}"


def recipe_text(recipe: Recipe, says: str) -> str:
    """A recipe as YAML: what differs from the defaults, in the order of the fields."""
    body = yaml.safe_dump(recipe.model_dump(exclude_defaults=True), sort_keys=False, allow_unicode=True)
    return f"# {says}\n{body}"


def _plan_of(base: RunPlan, recipe: Recipe, place: Workplace, number: int) -> RunPlan:
    """The plan of a trial: the machine and the data set of the base recipe, and the settings of its own."""
    request = replace(base.request, layout=place.places.trial(number), recipe=recipe, runs=1)
    plan = judged_plan(request, base.source, base.machine.declared, base.described.dataset)
    return replace(base, request=request, plan=plan)


def _finished(place: Workplace, begun: TrialRecord, recipe: Recipe) -> TrialRecord:
    layout = place.places.trial(begun.number)
    return outcome.finished(begun, layout, recipe, place.experiment.objective, place.header.ruleset)


def _written(place: Workplace, record: TrialRecord) -> TrialRecord:
    write_record(place.places.record(record.number), record)
    return record
