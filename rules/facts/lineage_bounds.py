"""What was recorded of honest runs: how far training moves the weights, and how exactly an epoch repeats.

rules/rulesets/<ruleset>/lineage.json, made by tests/bench/lineage.py. Nothing outside of what was recorded is
judged by these bounds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache

import msgspec

from rules.facts.log_reading import integer, number
from rules.model.run import Run
from rules.registry import NotChecked
from rules.ruleset import FOLDER, Ruleset

FAR = 0.9  # of an epoch's way
HOW = "record them with `python -m tests.bench.lineage` (docs/evidence.md)"


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Smallest and largest value of honest runs after each of `LineageBounds.steps`."""

    low: list[float]
    high: list[float]


class LineageBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Recorded extremes, and the factor that is allowed beyond them."""

    schema: int
    source: str
    profiles: list[str]  # data sets on which it was recorded how far weights move
    repeat_profiles: list[str]  # and those on which epochs were trained again
    precisions: list[str]  # as logged
    learning_rate: float
    runs: int  # that were recorded
    steps: list[int]
    moved: list[Band]  # of each kernel: root mean square of its way, in learning rates
    drift: Band  # of all kernels but the last: cosine between beginning and way
    moved_margin: float  # factor
    drift_margin: float  # difference
    epoch_loss: dict[str, float]  # by precision: relative difference of the loss of one epoch trained again
    # by precision: distance of an epoch's end from the one trained again, in lengths of the epoch's way
    retrained: dict[str, float]  # of a kernel, the median
    retrained_worst: dict[str, float]  # the largest of kernels and moments
    repeat_margin: float  # factor, for both
    # Precisions whose epochs repeat on one device only: the scale of the loss with float16 follows the replicas.
    repeat_on_one_device: list[str] = []

    def retrained_within(self, precision: str) -> tuple[float, float]:
        """Largest median and largest worst distance of a repeated epoch, margin included.

        Another way through the epoch is a distance of more than 1, so 0.9 is never exceeded.
        """
        median, worst = self.retrained[precision], self.retrained_worst[precision]
        return min(median * self.repeat_margin, FAR), min(worst * self.repeat_margin, FAR)

    def repeats(self, precision: str, ranks: int | None) -> bool:
        """Whether it was recorded how exactly epochs of such a run repeat."""
        return precision in self.epoch_loss and (precision not in self.repeat_on_one_device or ranks == 1)

    def moved_within(self, kernel: int, steps: int) -> tuple[float, float]:
        """How far a kernel may have moved after so many steps, in learning rates, margin included."""
        band = self.moved[kernel]
        return self._at(band.low, steps) / self.moved_margin, self._at(band.high, steps) * self.moved_margin

    def drift_within(self, steps: int) -> tuple[float, float]:
        """How much a kernel may have moved along or against its beginning, as a cosine, margin included."""
        low, high = (self._at(values, steps) for values in (self.drift.low, self.drift.high))
        return low - self.drift_margin, high + self.drift_margin

    def _at(self, values: list[float], steps: int) -> float:
        """Between recorded steps: linear in the logarithm of the steps."""
        right = min(max(bisect_right(self.steps, steps), 1), len(self.steps) - 1)
        a, b = math.log(self.steps[right - 1]), math.log(self.steps[right])
        share = (math.log(steps) - a) / (b - a)
        return values[right - 1] + share * (values[right] - values[right - 1])


@lru_cache(maxsize=8)
def load_bounds(ruleset: str) -> LineageBounds | None:
    """The bounds of a ruleset; None where none were recorded."""
    path = FOLDER / ruleset / "lineage.json"
    if not path.is_file():
        return None
    return msgspec.json.decode(path.read_bytes(), type=LineageBounds)


def bounds_for(run: Run, ruleset: Ruleset, steps: int | None = None) -> LineageBounds:
    """The recorded bounds that fit a run: of its way after so many steps, else of repeating its epochs.

    Raises NotChecked where none do."""
    bounds = load_bounds(ruleset.name)
    if bounds is None:
        raise NotChecked(f"no bounds recorded for {ruleset.name}: {HOW}")
    dataset, settings = run.package.dataset, run.settings
    profile = dataset.profile if dataset is not None else None
    precision = str(run.log.value("lowest_numerical_precision_in_linear"))
    misses = [
        what
        for what, known in (
            (f"{profile} data", profile in (bounds.repeat_profiles if steps is None else bounds.profiles)),
            (f"precision {precision}", precision in bounds.precisions),
            ("runs on accelerators", integer(settings, "accelerators_per_node") == 0),
            ("this learning rate", number(settings, "opt_base_learning_rate") == bounds.learning_rate),
            ("this optimiser", run.log.value("opt_name") == "adam"),
            (f"{steps} steps", steps is None or bounds.steps[0] <= steps <= bounds.steps[-1]),
        )
        if not known
    ]
    if misses:
        raise NotChecked(f"no bounds recorded for {', '.join(misses)}: {HOW}")
    return bounds


def steps_of(run: Run) -> int | None:
    """Optimiser steps of the whole run, by its log; None where that does not say."""
    samples, batch = integer(run.settings, "train_samples"), integer(run.settings, "global_batch_size")
    epochs = len(run.log.all("epoch_stop"))
    if not samples or not batch or samples < 1 or batch < 1 or not epochs:
        return None
    return epochs * -(-samples // batch)
