"""A step of the check: the epochs of an answer, trained again by the reference from the states in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs

from harness.check.challenge import Answer, Asked
from harness.check.lineage import ENOUGH
from harness.check.replay import NO_DATA, settings_of, train_epoch
from harness.check.replay_data import fitting_section
from harness.check.replay_worker import Reference, UsesReference
from harness.check.watch import Watch
from reference.protocol.keys import COMMITMENT_KEY
from reference.tensorflow.state import TrainingState, load_state, save_state
from reference.tensorflow.weights import as_layers
from rules.facts.log_reading import durations, epoch_num
from rules.model.evidence import Challenge, Retrained
from rules.model.package import PackageHeader
from rules.model.run import Run

States = dict[str, dict[str, np.ndarray]]


class Retrainer(UsesReference):
    """Looks at run after run while their logs are in memory; `outcome` is asked when the entry is through.

    A context manager. Without data the states are compared with their digests only.
    """

    def __init__(self, answer: Answer, data: Sequence[Path] = (), watch: Watch | None = None) -> None:
        self._answer, self._data, self._watch = answer, data, watch or Watch()
        self._header: PackageHeader | None = None
        self._challenge: Challenge | None = None
        self._reason: str | None = None  # why nothing can be trained again
        self._done: list[Retrained] = []

    @property
    def about(self) -> str | None:
        """The entry that the challenge is about; None where that cannot be read."""
        return self._answer.question.entry if self._answer.question is not None else None

    def __call__(self, run: Run) -> None:
        """Train the epochs again that were asked of this run. Raises WrongData for another data set."""
        if run.package is not self._header:
            self._begin(run.package)
        asked = self._answer.question
        if self._challenge is None or self._challenge.answered_s is None or asked is None:
            return
        if self._challenge.problem is None and self._challenge.answer_problem is None:
            self._done += [
                self._again(run, n, one) for n, one in enumerate(asked.epochs) if one.run == run.index
            ]

    def outcome(self, header: PackageHeader) -> Challenge | None:
        """The challenge with all that was trained again; None where it is about another entry."""
        if header is not self._header:
            self._begin(header)
        if self._challenge is None or self._answer.question is None:
            return self._challenge
        looked = {(one.run, one.epoch) for one in self._done}
        missing = [
            Retrained(*pair, problem="the package has no such run")
            for pair in self._challenge.asked
            if pair not in looked and self._challenge.answered_s is not None
        ]
        return structs.replace(self._challenge, retrained=(*self._done, *missing))

    def _begin(self, header: PackageHeader) -> None:
        self.close()
        self._header, self._done = header, []
        self._challenge = self._answer.outcome(header.root, header.entry)

    def _again(self, run: Run, number: int, asked: Asked) -> Retrained:
        found = Retrained(run.index, asked.epoch)
        try:
            states = self._answer.states(number)
        except ValueError as error:
            return structs.replace(found, problem=str(error))
        if "after" not in states or ("before" not in states) != (asked.epoch == 1):
            return structs.replace(found, problem="the answer lacks a state")
        before = _state(states, "before") if asked.epoch > 1 else None
        after = _state(states, "after")
        foreign = [
            *_foreign(run, asked.epoch - 1, before, "the state before is"),
            *_foreign(run, asked.epoch, after, "the state after is"),
        ]
        if foreign:
            return structs.replace(found, foreign=tuple(foreign))
        settings, why = settings_of(run)
        reference = self._with_data(run.package)
        if settings is None or reference is None:
            return structs.replace(found, reason=why or self._reason)
        start, end = reference.folder / "before.npz", reference.folder / "again.npz"
        if before is not None:
            save_state(start, before)
        self._watch.say(
            f"challenge: training epoch {asked.epoch} of run {run.index} again{_took(run, asked.epoch)}"
        )
        trained = train_epoch(reference, run, settings, asked.epoch, start if before else None, end)
        if trained.loss is None:
            return structs.replace(found, reason=trained.reason)
        if before is None:
            beginning = reference.folder / "beginning.npy"
            reference.ask("the beginning", run.index, "initial", seed=asked.seed, out=str(beginning))
            before = replace(after, weights=np.load(beginning, allow_pickle=False))
        distance, worst = distances(before, after, load_state(end))
        return structs.replace(found, distance=distance, worst=worst)

    def _with_data(self, header: PackageHeader) -> Reference | None:
        if self._reference is not None:
            return self._reference
        if not self._data or header.dataset is None:
            self._reason = NO_DATA
            return None
        section = fitting_section(header.dataset, self._data, self._watch.progress)
        self._reference = Reference(section, self._watch)
        return self._reference


def _took(run: Run, epoch: int) -> str:
    """How long an epoch took in its run, as its log says: what it costs on a machine as fast."""
    spans = durations(run.log, "epoch")
    took = [ms for span, ms in spans if ms is not None and epoch_num(span.start) == epoch]
    return f", which took {took[0] / 1000:.0f} s in the run" if took else ""


def distances(before: TrainingState, after: TrainingState, again: TrainingState) -> tuple[float, float]:
    """How far an epoch trained again ends from where it ended: the median over large kernels, and the worst.

    In lengths of the way that each kernel went in the epoch. The worst counts the optimiser's moments
    too, in their own lengths, and is infinite where Adam's step differs.
    """
    kernels = [
        _relative(a, b, b - start)
        for start, a, b in zip(
            as_layers(before.weights), as_layers(again.weights), as_layers(after.weights), strict=True
        )
        if start.size >= ENOUGH
    ]
    moments = [_relative(again.momentum, after.momentum, after.momentum)]
    moments.append(_relative(again.velocity, after.velocity, after.velocity))
    steps = 0.0 if again.step == after.step else float("inf")
    return float(np.median(kernels)), max(*kernels, *moments, steps)


def _relative(a: np.ndarray, b: np.ndarray, way: np.ndarray) -> float:
    length = float(np.linalg.norm(way.astype(np.float64)))
    difference = float(np.linalg.norm(a.astype(np.float64) - b))
    return difference / length if length > 0 else (0.0 if difference == 0 else float("inf"))


def _state(states: States, side: str) -> TrainingState:
    found = states[side]
    step, scale, count = (float(value) for value in found["scalars"])
    whole = all(0 <= value < 2**52 and value == int(value) for value in (step, count))
    return TrainingState(
        found["weights"],
        found["momentum"],
        found["velocity"],
        int(step) if whole else -1,
        (scale, int(count) if whole else -1),
    )


def _foreign(run: Run, epoch: int, state: TrainingState | None, what: str) -> list[str]:
    """Digests of a state that the log did not commit to after this epoch."""
    if state is None:
        return []
    committed = [event for event in run.log.all(COMMITMENT_KEY) if epoch_num(event) == epoch]
    if len(committed) != 1:
        return [what]
    stated = (committed[0].value, committed[0].metadata.get("optimizer_digest"))
    return [] if stated == (state.weights_digest, state.optimizer_digest) else [what]
