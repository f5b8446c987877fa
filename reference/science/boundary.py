"""How well a mask follows the outlines of clouds, and how good it is beside them and away from them.

A pixel is on the outline when it is cloud and one of its four neighbours is clear. Outlines match where they are at
most one pixel apart, also diagonally (the boundary F1 of Csurka et al. 2013, "What is a good evaluation measure for
semantic segmentation?"). A pixel is at an edge when one of its eight neighbours has another truth, else interior.
Pixels that were not observed are on no outline and make none.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

_CROSS = ((0, 1), (1, 0))
_SQUARE = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Outlines:
    """Counts of pixels; those of several scenes add up."""

    predicted: int = 0  # on the outline of the predicted mask
    predicted_near: int = 0  # of them, those with the true outline at most a pixel away
    truth: int = 0  # on the true outline
    truth_near: int = 0  # of them, those with the predicted outline at most a pixel away
    edge: int = 0
    edge_right: int = 0
    interior: int = 0
    interior_right: int = 0

    def __add__(self, other: Outlines) -> Outlines:
        return Outlines(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def scores(self) -> dict[str, float | None]:
        """Boundary precision, recall and F1 at one pixel, and the accuracy at edges and in the interior."""
        precision = _ratio(self.predicted_near, self.predicted)
        recall = _ratio(self.truth_near, self.truth)
        known = precision is not None and recall is not None
        return {
            "precision": precision,
            "recall": recall,
            "f1": _ratio(2 * precision * recall, precision + recall) if known else None,  # type: ignore[operator]
            "edge_accuracy": _ratio(self.edge_right, self.edge),
            "interior_accuracy": _ratio(self.interior_right, self.interior),
        }


def outlines(predicted: np.ndarray, truth: np.ndarray, observed: np.ndarray) -> Outlines:
    """Compare two masks (H, W) of one scene; `observed` (H, W) bool says which pixels count."""
    called, cloud = predicted.astype(bool), truth.astype(bool)
    drawn, real = (mask & _beside(~mask & observed, _CROSS) & observed for mask in (called, cloud))
    edge = observed & (
        (_beside(cloud & observed, _SQUARE) & ~cloud) | (_beside(~cloud & observed, _SQUARE) & cloud)
    )
    right, inside = called == cloud, observed & ~edge
    found = (
        drawn,
        drawn & (real | _beside(real, _SQUARE)),
        real,
        real & (drawn | _beside(drawn, _SQUARE)),
        edge,
        edge & right,
        inside,
        inside & right,
    )
    return Outlines(*(int(np.count_nonzero(pixels)) for pixels in found))


def _beside(mask: np.ndarray, steps: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Pixels with a set pixel one of these steps away, in either direction."""
    height, width = mask.shape
    result = np.zeros_like(mask)
    for down, across in steps:
        lower, upper = slice(down, height), slice(0, height - down)
        left, right = (
            slice(max(0, -across), width - max(0, across)),
            slice(max(0, across), width - max(0, -across)),
        )
        result[lower, right] |= mask[upper, left]
        result[upper, left] |= mask[lower, right]
    return result


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
