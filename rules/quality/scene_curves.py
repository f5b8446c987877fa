"""Calibration and the curve of precision and recall in science.json: both follow from histograms of the test pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from rules.model.values import is_int, is_number, show

NEAR = 1e-9
MEAN_NEAR = 1e-6  # of a mean probability: summed up in single steps of float32
WHOLE = 1e-3  # of a pixel
# Edges of the bins of per_scene[].histogram, in 1/256 (reference.science.metrics.COARSE_BINS)
_LOW = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
EDGES = (*_LOW, 128, *(256 - edge for edge in reversed(_LOW)))
STEPS = 256
Above = dict[int, tuple[int, int]]


def curve_problems(science: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """What does not follow from the histograms of the scenes, which are known to hold counts."""
    above = _above(rows)
    if above is not None:
        yield from _calibration(science, above)
        yield from _precision_recall(science.get("precision_recall"), above)


def _above(rows: list[dict[str, Any]]) -> Above | None:
    """Pixels (clear, cloud) whose probability is above an edge; None where the bins are not the reference's."""
    if any(len(row["histogram"]["clear"]) != len(EDGES) - 1 for row in rows):
        return None
    columns = [
        [*accumulate(map(sum, zip(*(row["histogram"][truth][::-1] for row in rows), strict=True)), initial=0)]
        for truth in ("clear", "cloud")
    ]
    return dict(zip(EDGES[::-1], zip(*columns, strict=True), strict=True))


def _calibration(science: dict[str, Any], above: Above) -> Iterator[str]:
    """Each bin is counted, the bins add up to the histograms, and their distances to the calibration error."""
    bins = science.get("calibration")
    if bins is None:
        return
    counted = [_bin(one) for one in bins] if isinstance(bins, list) else []
    known = [one for one in counted if one is not None]
    if not known or len(known) < len(counted):
        yield "calibration: a bin has no count, or a share of cloud that is not a count of pixels"
        return
    for edge, (clear, cloud) in above.items():
        parts = [one for one in known if one[0] >= edge]
        found = (sum(one[2] - one[3] for one in parts), sum(one[3] for one in parts))
        if any(one[0] == edge for one in known) and found != (clear, cloud):
            yield (
                f"calibration: {found} clear and cloudy pixels are above {edge / STEPS:g}, the histograms of the "
                f"scenes have {(clear, cloud)}"
            )
            return
    pixels = sum(one[2] for one in known)
    error = math.fsum(one[4] for one in known) / pixels if pixels else None
    said = (science.get("overall") or {}).get("calibration_error")
    if error is not None and not (is_number(said) and abs(said - error) <= NEAR):
        yield f"calibration_error is {show(said)}, the bins of calibration give {error:.9f}"


def _bin(row: Any) -> tuple[int, int, int, int, float] | None:
    """Lower and upper edge in 1/256, pixels, those of cloud, and pixels times the distance; None for another form."""
    if not isinstance(row, dict) or not is_int(row.get("count")) or row["count"] < 0:
        return None
    edges = [row.get("low"), row.get("high")]
    if not all(is_number(edge) and 0 <= edge <= 1 for edge in edges):
        return None
    low, high = (round(edge * STEPS) for edge in edges if edge is not None)
    count, mean, share = row["count"], row.get("mean_probability"), row.get("cloud_fraction")
    if not count:
        return low, high, 0, 0, 0.0
    if not is_number(mean) or not is_number(share) or not 0 <= share <= 1:
        return None
    cloud = share * count
    if abs(cloud - round(cloud)) > WHOLE or not low / STEPS - MEAN_NEAR <= mean <= high / STEPS + MEAN_NEAR:
        return None
    return low, high, count, round(cloud), abs(mean - share) * count


def _precision_recall(points: Any, above: Above) -> Iterator[str]:
    """Points at the edges of the histograms are ratios of their counts; recall never rises with the threshold."""
    if points is None:
        return
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        yield "precision_recall is not a list of points"
        return
    clouds, before = above[0][1], 1.0
    for point in points:
        threshold, recall = point.get("threshold"), point.get("recall")
        if not is_number(threshold) or not 0 <= threshold <= 1:
            yield f"precision_recall: {show(threshold)} is not a threshold"
            return
        clear, cloud = above.get(round(threshold * STEPS), (None, None))
        if clear is not None and cloud is not None:
            for name, part, whole in (("precision", cloud, clear + cloud), ("recall", cloud, clouds)):
                value, expected = point.get(name), part / whole if whole else None
                if expected is not None and not (is_number(value) and abs(value - expected) <= NEAR):
                    yield (
                        f"precision_recall: {name} above {threshold:g} is {show(value)}, the histograms of the scenes "
                        f"give {expected:.9f}"
                    )
                    return
        if is_number(recall) and recall > before + NEAR:
            yield f"precision_recall: recall rises at threshold {threshold:g}"
            return
        before = recall if is_number(recall) else before
