"""Outlines of masks, against hand-made cases."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from reference.science.boundary import Outlines, outlines


def square(top: int, left: int, side: int = 4, shape: tuple[int, int] = (12, 14)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


ALL = np.ones((12, 14), bool)


def test_equal_masks_have_equal_outlines() -> None:
    found = outlines(square(3, 3), square(3, 3), ALL)
    assert (found.truth, found.predicted) == (12, 12)  # of 16 pixels four are inside
    assert found.edge == 12 + 20 and found.edge + found.interior == 12 * 14  # both sides of the outline
    assert found.scores() == pytest.approx(dict.fromkeys(found.scores(), 1.0))


def test_a_shift_by_one_pixel_is_forgiven_and_by_three_is_not() -> None:
    near, far = (outlines(square(3, 3 + shift), square(3, 3), ALL) for shift in (1, 3))
    assert near.scores()["f1"] == 1.0
    # columns 3 to 6 against 6 to 9, side 4: of the drawn outline's 12 pixels 4 stand in column 6 and 2 in column 7
    assert (far.predicted_near, far.truth_near) == (6, 6) and far.scores()["f1"] == pytest.approx(0.5)
    assert far.scores()["interior_accuracy"] is not None


def test_what_was_not_observed_draws_no_outline() -> None:
    seen = ALL.copy()
    seen[:, 8:] = False
    cloud = np.zeros((12, 14), np.uint8)
    cloud[:, :8] = 1  # cloud up to the border of the swath
    found = outlines(cloud, cloud, seen)
    assert (found.truth, found.edge, found.interior) == (0, 0, 12 * 8)
    assert found.scores()["f1"] is None


def test_counts_of_scenes_add_up() -> None:
    one, two = outlines(square(3, 3), square(3, 4), ALL), outlines(square(2, 2), square(5, 5), ALL)
    assert astuple(one + two) == tuple(a + b for a, b in zip(astuple(one), astuple(two), strict=True))
    assert one + Outlines() == one
