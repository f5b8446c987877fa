"""The metrics of science.json from the counts of scenes, for any number of draws of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.science.counts import SceneCounts
from harness.science.resampling import interval

Metric = Callable[[SceneCounts, np.ndarray], np.ndarray]  # counts, weights (draws, scenes) -> values (draws,)


def metric_interval(name: str, runs: Sequence[SceneCounts]) -> tuple[float, float] | None:
    """The interval, over scenes, of a metric's mean over runs that have the same scenes.

    Every draw takes the same scenes of all runs. None for a metric that the counts of scenes do not give, and for
    too few scenes.
    """
    metric = METRICS.get(name)
    if metric is None or not runs or len({run.names for run in runs}) != 1:
        return None
    return interval(lambda w: np.mean([metric(run, w) for run in runs], axis=0), runs[0].scenes)


def metric_value(name: str, counts: SceneCounts) -> float:
    """A metric of all scenes together; NaN where its definition divides by zero. Raises KeyError for an unknown one."""
    return float(METRICS[name](counts, np.ones((1, counts.scenes)))[0])


def _ratio(part: Any, whole: Any) -> np.ndarray:
    """The quotient; NaN or infinite, without a warning, where it divides by zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient: np.ndarray = np.true_divide(part, whole)
    return quotient


def _right(confusion: np.ndarray, w: np.ndarray) -> np.ndarray:
    tp, fp, fn, tn = (w @ confusion).T
    return _ratio(tp + tn, tp + fp + fn + tn)


def _recall(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    tp, _, fn, _ = (w @ c.confusion).T
    return _ratio(tp, tp + fn)


def _false_alarm_rate(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    _, fp, _, tn = (w @ c.confusion).T
    return _ratio(fp, fp + tn)


def _precision(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    tp, fp, _, _ = (w @ c.confusion).T
    return _ratio(tp, tp + fp)


def _f1(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    tp, fp, fn, _ = (w @ c.confusion).T
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _iou(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    tp, fp, fn, _ = (w @ c.confusion).T
    return _ratio(tp, tp + fp + fn)


def _mcc(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    tp, fp, fn, tn = (w @ c.confusion).T
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _auc(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    """From the coarse histograms of the scenes: pixels of one bin are ties."""
    clear, cloud = w @ c.clear, w @ c.cloud
    below = np.cumsum(clear, axis=1) - clear
    return _ratio(np.sum(cloud * (below + clear / 2), axis=1), clear.sum(axis=1) * cloud.sum(axis=1))


def _fraction_error(c: SceneCounts, w: np.ndarray, power: int) -> np.ndarray:
    """Mean over scenes of a power of predicted minus true cloud fraction."""
    errors = _ratio(c.confusion[:, 1] - c.confusion[:, 2], c.pixels)
    return _ratio(w @ errors**power, w.sum(axis=1))


def _boundary_f1(c: SceneCounts, w: np.ndarray) -> np.ndarray:
    drawn, near, real, met = (w @ c.boundary[:, :4]).T
    precision, recall = _ratio(near, drawn), _ratio(met, real)
    return _ratio(2 * precision * recall, precision + recall)


def _part_of(c: SceneCounts, w: np.ndarray, first: int) -> np.ndarray:
    pixels, right = (w @ c.boundary[:, first : first + 2]).T
    return _ratio(right, pixels)


METRICS: dict[str, Metric] = {
    "accuracy": lambda c, w: _right(c.confusion, w),
    "valid_accuracy": lambda c, w: _right(c.valid, w),
    "balanced_accuracy": lambda c, w: (_recall(c, w) + 1 - _false_alarm_rate(c, w)) / 2,
    "precision": _precision,
    "recall": _recall,
    "specificity": lambda c, w: 1 - _false_alarm_rate(c, w),
    "false_alarm_rate": _false_alarm_rate,
    "true_skill_score": lambda c, w: _recall(c, w) - _false_alarm_rate(c, w),
    "auc": _auc,
    "f1": _f1,
    "iou": _iou,
    "mcc": _mcc,
    "brier_score": lambda c, w: _ratio(w @ c.squared_error, w @ c.pixels),
    "cloud_fraction_bias": lambda c, w: _fraction_error(c, w, 1),
    "cloud_fraction_rmse": lambda c, w: np.sqrt(_fraction_error(c, w, 2)),
    "boundary_f1": _boundary_f1,
    "edge_accuracy": lambda c, w: _part_of(c, w, 4),
    "interior_accuracy": lambda c, w: _part_of(c, w, 6),
}
