"""What was recorded of honest runs: how far training moves the weights, and how exactly an epoch repeats.

rules/rulesets/<ruleset>/lineage.json, made by tests/bench/lineage.py, with the reference on processors. How far
weights move is judged of accelerators and other programs too, by wider bounds: their arithmetic lies between the
precisions that were recorded, and the optimiser moves weights, whatever computes. Else nothing outside of what was
recorded is judged.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache

import msgspec
from msgspec import structs

from rules.facts.log_reading import integer, number, stated
from rules.facts.reference_code import is_reference
from rules.model.log import Stated
from rules.model.package import PackageHeader
from rules.model.run import Run
from rules.model.values import same
from rules.registry import NotChecked
from rules.ruleset import FOLDER, Ruleset

FAR = 0.8  # of an epoch's way; the same state trained with the patches in another order ended 0.88 and more away
EXACT = "fp32"
BETWEEN = "tf32"  # as exact as fp16 and as wide as fp32: between the precisions that were recorded
HOW = "record them with `python -m tests.bench.lineage` (docs/evidence.md)"


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Smallest and largest value of honest runs after each of `LineageBounds.steps`."""

    low: list[float]
    high: list[float]


class Repeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Largest differences of an epoch that was trained again from the same state."""

    loss: float  # relative, of the first epoch
    distance: float  # of its end, in lengths of its way: the median of the kernels
    worst: float  # the largest of kernels and moments


class LineageBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Recorded extremes, and the factor that is allowed beyond them."""

    schema: int
    source: str
    profiles: list[str]  # data sets on which it was recorded how far weights move
    precisions: list[str]  # as logged
    learning_rate: float
    runs: int  # that were recorded
    steps: list[int]
    moved: list[Band]  # of each kernel: root mean square of its way, in learning rates
    drift: Band  # of all kernels but the last: cosine between beginning and way
    moved_margin: float  # factor
    drift_margin: float  # difference
    repeats: dict[str, dict[str, Repeat]]  # by data set and logged precision
    loss_margin: float  # factor
    repeat_margin: float  # factor of both distances
    # Largest relative difference of the first epoch's loss, by data set, where other kernels trained it again: another
    # framework, another instruction set. Some seeds amplify rounding a hundred times as much as others.
    other_kernels: dict[str, float] = {}
    # Precisions whose epochs repeat on one device only: the scale of the loss with float16 follows the replicas.
    repeat_on_one_device: list[str] = []

    def repeat(self, profile: str | None, precision: str, ranks: int | None) -> Repeat | None:
        """How far an epoch of such a run may end from where it ended, margins included; None where none was recorded.

        The median is what tells: a way that was not trained is 0.88 and more away, so 0.8 is never exceeded.
        """
        found = self.repeats.get(profile or "", {}).get(precision)
        if found is None or (precision in self.repeat_on_one_device and ranks != 1):
            return None
        return Repeat(
            found.loss * self.loss_margin,
            min(found.distance * self.repeat_margin, FAR),
            found.worst * self.repeat_margin,
        )

    def loss_by_other_kernels(self, profile: str | None) -> float | None:
        """How far the first epoch's loss may be where other kernels trained it, margin included; None: not recorded."""
        found = self.other_kernels.get(profile or "")
        return None if found is None else found * self.loss_margin

    def elsewhere(self) -> LineageBounds:
        """For what was not recorded itself: margins of ways twice, the factor squared; no repeats."""
        return structs.replace(
            self,
            precisions=[*self.precisions, BETWEEN],
            moved_margin=self.moved_margin**2,
            drift_margin=2 * self.drift_margin,
            repeats={profile: {} for profile in self.repeats},
        )

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


def elsewhere(settings: Mapping[str, Stated], package: PackageHeader) -> bool:
    """Whether a run was computed otherwise than what was recorded: on accelerators, or by another program."""
    return integer(settings, "accelerators_per_node") != 0 or not is_reference(package)


def bounds_of(
    settings: Mapping[str, Stated], package: PackageHeader, ruleset: Ruleset
) -> LineageBounds | None:
    """The recorded bounds, wider for a run that was computed elsewhere; None where none were recorded."""
    bounds = load_bounds(ruleset.name)
    return bounds.elsewhere() if bounds is not None and elsewhere(settings, package) else bounds


def profile_of(package: PackageHeader, ruleset: Ruleset) -> str | None:
    """The name of the data set: that of its digest where it is a known one, whatever the package calls it."""
    dataset = package.dataset
    return None if dataset is None else ruleset.data.synthetic.digests.get(dataset.digest, dataset.profile)


def precision_of(settings: Mapping[str, Stated], package: PackageHeader) -> str:
    """The logged precision; processors have no TF32, and compute in float32 what calls itself so."""
    found = stated(settings, "lowest_numerical_precision_in_linear")
    precision = str(found.value) if found is not None else "none"
    return EXACT if precision == BETWEEN and not elsewhere(settings, package) else precision


def require_recorded(run: Run, ruleset: Ruleset, steps: int) -> None:
    """Raise NotChecked for a run that is unlike those recorded."""
    bounds_for(run, ruleset, steps)


def bounds_for(run: Run, ruleset: Ruleset, steps: int | None = None) -> LineageBounds:
    """The recorded bounds that fit a run: of its way after so many steps, else of repeating its epochs.

    Raises NotChecked where none do."""
    settings, profile, precision = (
        run.settings,
        profile_of(run.package, ruleset),
        precision_of(run.settings, run.package),
    )
    bounds = bounds_of(settings, run.package, ruleset)
    if bounds is None:
        raise NotChecked(f"no bounds recorded for {ruleset.name}: {HOW}")
    misses = [
        what
        for what, known in (
            (f"{profile} data", profile in (bounds.repeats if steps is None else bounds.profiles)),
            (f"precision {precision}", precision in bounds.precisions),
            ("this learning rate", same(number(settings, "opt_base_learning_rate"), bounds.learning_rate)),
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
