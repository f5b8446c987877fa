"""The quality of a cloud mask, from counts alone: histograms of probabilities for cloud and for clear.

Cloud is the positive class, the Bayesian mask the truth. A pixel is called cloud when its probability is
above 0.5. A score is None where its definition divides by zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

BINS = 256
CALIBRATION_BINS = 16
CURVE_POINTS = 64
FRACTION_EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)
# The histogram that is kept of every scene: bins of BINS taken together, narrow where most pixels are. Its middle
# edge is 0.5, so that either half adds up to what is called clear, or cloud.
_HALF = (1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32)
COARSE_BINS = np.array((*_HALF, *_HALF[::-1]))


@dataclass
class Tally:
    """Counts of pixels. Bin k is for probabilities in (k / 256, (k + 1) / 256], bin 0 also for 0.

    Therefore probability > 0.5 is exactly bin 128 and above.
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros((BINS, 2), np.int64))  # [bin, truth]
    probability_sums: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    squared_error: float = 0.0

    def add(self, probability: np.ndarray, truth: np.ndarray) -> Tally:
        """Count pixels: probability of cloud in [0, 1] and truth 0 or 1, of equal shape. Returns this tally."""
        p = np.asarray(probability, np.float32).ravel()
        t = np.asarray(truth).ravel().astype(np.int64)
        bins = bin_of(p)
        self.counts += np.bincount(bins * 2 + t, minlength=2 * BINS).reshape(BINS, 2)
        self.probability_sums += np.bincount(bins, weights=p, minlength=BINS)
        self.squared_error += float(np.sum((p - t) ** 2, dtype=np.float64))
        return self

    def merge(self, other: Tally) -> Tally:
        """Add the counts of another tally. Returns this one."""
        self.counts += other.counts
        self.probability_sums += other.probability_sums
        self.squared_error += other.squared_error
        return self

    def without(self, part: Tally) -> Tally:
        """A tally of what is not in `part`, which is a part of this one."""
        return Tally(
            self.counts - part.counts,
            self.probability_sums - part.probability_sums,
            max(0.0, self.squared_error - part.squared_error),
        )

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())


def bin_of(probability: np.ndarray) -> np.ndarray:
    """Histogram bin (int64, 0..255) of each probability."""
    bins: np.ndarray = np.clip(np.ceil(probability * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins


def confusion(tally: Tally) -> dict[str, int]:
    """Pixels that threshold 0.5 makes true or false positives (tp, fp) and negatives (fn, tn); cloud is positive."""
    half = BINS // 2
    tn, fn = (int(v) for v in tally.counts[:half].sum(axis=0))
    fp, tp = (int(v) for v in tally.counts[half:].sum(axis=0))
    return {"tp": tp, "fp": fp, "fn": fn, "tn": tn}


def summary(tally: Tally) -> dict[str, float | int | None]:
    """Counts and scores of a tally at threshold 0.5, its Brier score and the area under its ROC curve.

    MCC after Matthews (1975), Brier score after Brier (1950): mean of (probability - truth)^2. The hit rate is the
    recall; true skill score = hit rate - false alarm rate, after Hanssen and Kuipers (1965).
    """
    counted = confusion(tally)
    tp, fp, fn, tn = counted.values()
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    both = None if recall is None or specificity is None else (recall + specificity) / 2
    root = math.sqrt(float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn))
    total = tally.pixels
    return {
        "pixels": total,
        **counted,
        "cloud_fraction": _ratio(tp + fn, total),
        "predicted_cloud_fraction": _ratio(tp + fp, total),
        "accuracy": _ratio(tp + tn, total),
        "balanced_accuracy": both,
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "false_alarm_rate": _ratio(fp, fp + tn),
        "true_skill_score": None if both is None else 2 * both - 1,
        "auc": area_under_roc(tally.counts),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "iou": _ratio(tp, tp + fp + fn),
        "mcc": _ratio(tp * tn - fp * fn, root),
        "brier_score": _ratio(tally.squared_error, total),
        "calibration_error": calibration_error(tally),
    }


def area_under_roc(counts: np.ndarray) -> float | None:
    """Chance that a cloud pixel has a higher probability than a clear one, ties counted half (Hanley, McNeil 1982).

    `counts` are [bin, truth] in order of probability; pixels of one bin count as ties.
    """
    clear, cloud = counts[:, 0].astype(float), counts[:, 1].astype(float)
    below = np.cumsum(clear) - clear
    return _ratio(float(np.sum(cloud * (below + clear / 2))), float(clear.sum() * cloud.sum()))


def coarse(tally: Tally) -> dict[str, list[int]]:
    """The tally's histogram in few bins (COARSE_BINS): pixels of either truth, by probability of cloud."""
    starts = np.cumsum(COARSE_BINS) - COARSE_BINS
    clear, cloud = np.add.reduceat(tally.counts, starts, axis=0).T.tolist()
    return {"clear": clear, "cloud": cloud}


def calibration(tally: Tally, bins: int = CALIBRATION_BINS) -> list[dict[str, float | int | None]]:
    """Reliability: for equal bins of probability, the mean that was predicted and how often it was cloud."""
    step = BINS // bins
    rows: list[dict[str, float | int | None]] = []
    for low in range(0, BINS, step):
        counts = tally.counts[low : low + step]
        count = int(counts.sum())
        rows.append(
            {
                "low": low / BINS,
                "high": (low + step) / BINS,
                "count": count,
                "mean_probability": _ratio(float(tally.probability_sums[low : low + step].sum()), count),
                "cloud_fraction": _ratio(int(counts[:, 1].sum()), count),
            }
        )
    return rows


def calibration_error(tally: Tally) -> float | None:
    """Expected calibration error: mean of |predicted - observed| over the bins, weighted by count."""
    error = 0.0
    for row in calibration(tally):
        predicted, observed, count = row["mean_probability"], row["cloud_fraction"], row["count"]
        if predicted is not None and observed is not None and count:
            error += abs(predicted - observed) * count
    return _ratio(error, tally.pixels)


def precision_recall(tally: Tally, points: int = CURVE_POINTS) -> list[dict[str, float | None]]:
    """Precision and recall when only probabilities above each threshold are called cloud."""
    called = np.cumsum(tally.counts[::-1], axis=0)[::-1]  # pixels in this bin or above: [clear, cloud]
    clouds = int(tally.counts[:, 1].sum())
    return [
        {
            "threshold": k / BINS,
            "precision": _ratio(int(called[k, 1]), int(called[k].sum())),
            "recall": _ratio(int(called[k, 1]), clouds),
        }
        for k in range(0, BINS, BINS // points)
    ]


def fraction_group(fraction: float) -> str:
    """The name of the quarter in which a scene's cloud fraction (0 to 1) lies, such as '0.25-0.50'."""
    for low, high in zip(FRACTION_EDGES[:-1], FRACTION_EDGES[1:], strict=True):
        if fraction < high or high == FRACTION_EDGES[-1]:
            return f"{low:.2f}-{high:.2f}"
    raise AssertionError("the last group has no upper bound")


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
