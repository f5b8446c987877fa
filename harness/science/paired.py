"""Two runs, systems or methods compared by scene: the difference in accuracy on the same scenes, and how sure it is.

Compared are accuracies of scenes, because scenes are independent and pixels are not: McNemar's test on pixels finds a
difference of 0.4 points beyond all doubt (chi-square 79) that eight other scenes may turn round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.science.counts import SceneCounts, in_common
from harness.science.resampling import FEWEST, interval


@dataclass(frozen=True)
class Paired:
    """Accuracy of the first minus that of the second, in the scenes that both have (weighted by pixels)."""

    difference: float
    low: float | None  # of a 95 % interval over scenes; None for too few scenes
    high: float | None
    scenes: int
    better: int  # scenes in which the first is more accurate
    worse: int

    @property
    def apart(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare(first: Sequence[SceneCounts], second: Sequence[SceneCounts]) -> Paired | None:
    """Compare two sides, each one or several runs whose pixels are added up; None without a scene in common."""
    matched = in_common([*first, *second]) if first and second else []
    if not matched or not matched[0].scenes:
        return None
    sides = matched[: len(first)], matched[len(first) :]
    right, pixels = (np.array([part(side) for side in sides]) for part in (_right, _pixels))
    share = right / pixels
    gaps = share[0] - share[1]
    bounds = interval(
        lambda w: (w @ right[0]) / (w @ pixels[0]) - (w @ right[1]) / (w @ pixels[1]), gaps.size
    )
    total = right.sum(axis=1) / pixels.sum(axis=1)
    return Paired(
        difference=float(total[0] - total[1]),
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
        scenes=gaps.size,
        better=int(np.count_nonzero(gaps > 0)),
        worse=int(np.count_nonzero(gaps < 0)),
    )


def in_words(found: Paired, first: str, second: str) -> str:
    """The comparison in one sentence, in points (hundredths) of accuracy."""
    scenes = f"{found.scenes} scene{'s' if found.scenes != 1 else ''}"
    more, better = ("more", found.better) if found.difference > 0 else ("fewer", found.worse)
    labels = f"{first} labels {abs(100 * found.difference):.2f} points {more} pixels right than {second}"
    if found.low is None or found.high is None:
        few = f"too few to say whether that is more than chance ({FEWEST} are needed)"
        return f"{labels} in {scenes}, {few}"
    span = f"{_points(found.low)} to {_points(found.high)} points, {scenes}"
    if not found.apart:
        return f"{first} and {second} cannot be told apart by their masks ({span})"
    return f"{labels} ({span}, {more} in {better} of them)"


def _points(share: float) -> str:
    return f"{100 * share:+.2f}".replace("-", "\N{MINUS SIGN}")


def _right(side: Sequence[SceneCounts]) -> np.ndarray:
    right: np.ndarray = np.sum([one.confusion[:, 0] + one.confusion[:, 3] for one in side], axis=0)
    return right


def _pixels(side: Sequence[SceneCounts]) -> np.ndarray:
    pixels: np.ndarray = np.sum([one.pixels for one in side], axis=0)
    return pixels
