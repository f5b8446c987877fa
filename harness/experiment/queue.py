"""Which trial is next: one decision at a time, for all processes of an experiment.

A trial has a key: its point (a setting) and its repeat. The queue gives out keys that no trial has yet. Trials whose
process has ended without finishing them are taken back: they are marked, and their key is given out again under a new
number. Who works on a trial holds a lock, which the kernel releases when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.core.locks import Held, exclusive, patient
from harness.experiment.model import Experiment, Values
from harness.experiment.places import Places
from harness.experiment.record import TrialRecord, read_trial
from harness.experiment.space import grid, points
from harness.experiment.storage import distributions, open_study, optuna, sampler

POINT, REPEAT, TAKEN_BACK = "point", "repeat", "taken_back"  # attributes of Optuna's trials


class Key(NamedTuple):
    """A setting, and which of its runs."""

    point: int
    repeat: int


@dataclass(frozen=True)
class Ticket:
    """A trial that this process has to run. `close` it when it is told."""

    number: int
    key: Key
    values: Values
    trial: Any  # Optuna's
    held: ExitStack = field(repr=False)

    def close(self) -> None:
        """Let go of the trial."""
        self.held.close()


class Queue:
    """The trials of an experiment, in Optuna's storage. Raises UserError when that cannot be opened.

    `recover` looks at what a process left behind: the record of a trial that was in fact finished, or None.
    """

    def __init__(
        self, experiment: Experiment, places: Places, recover: Callable[[int], TrialRecord | None]
    ) -> None:
        self._experiment, self._places, self._recover = experiment, places, recover
        self._optuna = optuna()
        with self._alone():
            self._study = open_study(experiment, places)

    def next(self, say: Callable[[str], None]) -> Ticket | None:
        """The next trial; None when there is nothing left to begin. `say` is told of trials taken back."""
        with self._alone():
            self._take_back(say)
            if self._spent():
                say("the budget is spent: no further trial begins")
                return None
            known = self._known()
            key = self._missing(known)
            if key is None:
                return None
            return self._begin(key, self._values(key, known))

    def tell(self, ticket: Ticket, record: TrialRecord) -> None:
        """What came of a trial, whose record is written already."""
        with self._alone():
            self._tell(ticket.number, record)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._places.root.mkdir(parents=True, exist_ok=True)
        with patient(self._places.lock):
            yield

    def _trials(self) -> list[Any]:
        return list(self._study.get_trials(deepcopy=False))

    def _known(self) -> dict[Key, Any]:
        """Trials by key, without those that were taken back."""
        found = {}
        for trial in self._trials():
            said = trial.user_attrs
            if POINT in said and not said.get(TAKEN_BACK):
                found[Key(said[POINT], said[REPEAT])] = trial
        return found

    def _missing(self, known: dict[Key, Any]) -> Key | None:
        """The first key without a trial: of a grid, every point once before any is repeated."""
        runs, settings = range(self._experiment.repeats), range(points(self._experiment))
        by_repeat = self._experiment.search.method == "grid"
        keys = (
            (Key(p, r) for r in runs for p in settings)
            if by_repeat
            else (Key(p, r) for p in settings for r in runs)
        )
        return next((key for key in keys if key not in known), None)

    def _values(self, key: Key, known: dict[Key, Any]) -> Values | None:
        """The values of a point that is known; None for one that has to be drawn."""
        fixed = grid(self._experiment)
        if fixed:
            return fixed[key.point]
        same = [trial for other, trial in known.items() if other.point == key.point]
        taken = [t for t in self._trials() if t.user_attrs.get(POINT) == key.point]
        return next((dict(trial.params) for trial in (*same, *taken) if trial.params), None)

    def _begin(self, key: Key, values: Values | None) -> Ticket:
        if values is not None:
            self._study.enqueue_trial(values, user_attrs={POINT: key.point, REPEAT: key.repeat})
        self._study.sampler = sampler(self._experiment, key.point)
        trial = self._study.ask(distributions(self._experiment))
        if values is None:
            trial.set_user_attr(REPEAT, key.repeat)
            trial.set_user_attr(POINT, key.point)
        held = ExitStack()
        self._places.trial(trial.number).root.mkdir(parents=True, exist_ok=True)
        held.enter_context(exclusive(self._places.trial_lock(trial.number)))
        return Ticket(trial.number, key, dict(trial.params), trial, held)

    def _take_back(self, say: Callable[[str], None]) -> None:
        states = self._optuna.trial.TrialState
        for _ in self._study.get_trials(deepcopy=False, states=(states.WAITING,)):
            # a process ended between the two calls of `_begin`: only what was asked for can be told
            self._study.ask(distributions(self._experiment))
        for trial in self._trials():
            if trial.state != states.RUNNING:
                continue
            root = self._places.trial(trial.number).root
            root.mkdir(parents=True, exist_ok=True)
            try:
                with exclusive(self._places.trial_lock(trial.number)):
                    record = read_trial(self._places.record(trial.number))
                    if record is None or not record.over:
                        record = self._recover(trial.number)
                    self._settle(trial, record, say)
            except Held:
                continue  # somebody works on it

    def _settle(self, trial: Any, record: TrialRecord | None, say: Callable[[str], None]) -> None:
        if record is not None and record.over:
            say(f"trial {trial.number} was finished when its process ended: kept")
            self._tell(trial.number, record)
            return
        handle = self._optuna.trial.Trial(self._study, trial._trial_id)
        handle.set_user_attr(TAKEN_BACK, True)
        self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        if POINT in trial.user_attrs:
            say(f"trial {trial.number} was interrupted: taken back")

    def _tell(self, number: int, record: TrialRecord) -> None:
        states = self._optuna.trial.TrialState
        if record.status == "complete" and record.value is not None:
            self._study.tell(number, record.value)
            return
        early = record.status in ("pruned", "unreached")
        reported = self._trials()[number].intermediate_values
        self._study.tell(number, state=states.PRUNED if early and reported else states.FAIL)

    def _spent(self) -> bool:
        hours = self._experiment.budget.hours
        if hours is None:
            return False
        records = (read_trial(self._places.record(t.number)) for t in self._trials())
        return sum(r.duration_s or 0.0 for r in records if r is not None) >= hours * 3600
