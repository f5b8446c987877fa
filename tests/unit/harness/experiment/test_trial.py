"""What follows a trial: Optuna is told of every epoch, and ends it only where that saves something."""

from __future__ import annotations

import io
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.experiment.model import Experiment
from harness.experiment.queue import Key, Ticket
from harness.experiment.record import TrialRecord
from harness.experiment.trial import Follower, shown, told
from harness.plan.recipe import Recipe
from harness.run.one_run import Stop

ACCURACY = {"measure": "accuracy", "after_epochs": 3}


class Pruner:
    """A trial of Optuna's that would always be ended."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def report(self, value: float, step: int) -> None:
        if step == 13:
            raise RuntimeError("the storage does not answer")
        self.told.append((value, step))

    def should_prune(self) -> bool:
        return True


def follow(epochs: list[tuple[int, float]], **said) -> tuple[Pruner, Stop, str]:
    experiment = Experiment.model_validate({"name": "e", "base": "box", **said})
    place = SimpleNamespace(experiment=experiment, plan=SimpleNamespace(recipe=Recipe()))
    trial, stop, screen = Pruner(), Stop(), io.StringIO()
    ticket = Ticket(7, Key(3, 0), {}, trial, ExitStack())
    follower = Follower(Console(file=screen, width=200), ticket, place, stop)  # type: ignore[arg-type]
    follower.run_started(0, 1, 5)
    for epoch, accuracy in epochs:
        follower.event({"key": "epoch_start", "metadata": {"epoch_num": epoch}})
        follower.event({"key": "eval_accuracy", "value": accuracy, "metadata": {"epoch_num": epoch}})
    return trial, stop, screen.getvalue()


@pytest.mark.parametrize(
    "epochs, said, ended",
    [
        ([(1, 0.5)], {"pruning": {}}, True),
        ([(1, 0.5)], {}, False),  # nothing asks for pruning
        ([(1, 0.95)], {"pruning": {}}, False),  # the target is reached: it is over anyway
        ([(3, 0.5)], {"pruning": {}, "objective": ACCURACY}, False),  # so it is after the last epoch
        ([(2, 0.95)], {"pruning": {}, "objective": ACCURACY}, True),
    ],
)
def test_a_trial_is_ended_where_that_saves_something(epochs, said, ended):
    _, stop, _ = follow(epochs, **said)
    assert stop.is_set() is ended
    assert ("below the median" in stop.reason) is ended


def test_smaller_is_better_where_the_objective_is():
    assert follow([(1, 0.75)])[0].told == [(0.25, 1)]
    assert follow([(1, 0.75)], objective=ACCURACY)[0].told == [(0.75, 1)]


def test_a_storage_that_does_not_answer_ends_no_run():
    trial, stop, screen = follow([(13, 0.5), (14, 0.6)], pruning={})
    assert "Optuna was not told of epoch 13" in screen and trial.told == [(0.4, 14)] and stop.is_set()


def test_lines_for_people():
    said = Experiment.model_validate({"name": "e", "base": "box"})
    ticket = Ticket(7, Key(3, 1), {"hyperparameters.learning_rate": 0.00123456}, None, ExitStack())
    assert shown(ticket) == "trial 7 (point 3, run 2): learning_rate 0.001235"
    record = TrialRecord(
        schema=1,
        number=7,
        point=3,
        repeat=1,
        values={},
        status="complete",
        value=61.5,
        system="box",
        duration_s=70,
    )
    assert told(record, said) == "trial 7: time to train 61.5 s (1 min 10 s)"
