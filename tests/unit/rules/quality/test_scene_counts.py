"""What science.json of schema 2 says of the scenes has to fit together, whatever else it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rules.quality.scene_counts import NAMES, scene_problems, stated_counts
from tests.support.scene_counts import measured

SHAPE = (60, 75)
Change = Callable[[dict[str, Any]], Any]


def problems(change: Change = lambda science: None) -> list[str]:
    science = measured(5, SHAPE)
    whole = stated_counts(science["overall"])
    assert whole is not None
    change(science)
    return list(scene_problems(science, whole))


def test_what_the_reference_writes_fits_together() -> None:
    assert problems() == []


def row(number: int, **changes: Any) -> Change:
    return lambda science: science["per_scene"][number].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update(per_scene=[]), "has no rows"),
        (lambda s: s.update(per_scene=None), "has no rows"),
        (lambda s: s.update(scenes=7), "5 scenes have rows"),
        (row(0, tp=-1), "are not counts"),
        (row(0, tp=True), "are not counts"),
        (row(0, pixels=17), "add up to"),
        (row(1, accuracy=0.99), "accuracy is 0.99"),
        (row(1, cloud_fraction="much"), "cloud_fraction is"),
        (row(2, valid={**dict.fromkeys(NAMES, 10**6), "pixels": 4 * 10**6}), "not a part of its pixels"),
        (row(2, histogram={"clear": [1, 2], "cloud": [3, 4]}), "its histogram gives"),
        (row(2, histogram={"clear": [1, 2, 3], "cloud": [3, 4, 5]}), "are not counts"),
        (row(2, squared_error=0.0), "squared_error is"),
        (row(3, boundary={}), "are not counts"),
        (lambda s: s["per_scene"][3]["boundary"].update(edge_right=10**6), "larger than the one"),
        (lambda s: s["per_scene"][3]["boundary"].update(edge=10**6), "do not add up to its observed"),
        (lambda s: s["per_scene"][3]["boundary"].update(truth_near=0), "boundary: its scenes add up"),
        (lambda s: s["valid"].update(tp=s["valid"]["tp"] + 1), "valid: its scenes add up"),
        (lambda s: s["overall"].update(brier_score=0.001), "brier_score is"),
        (lambda s: s.update(by_daylight={"day": s["overall"]}), "by_daylight: the scenes are of day, night"),
        (lambda s: s["by_daylight"]["day"].update(fn=0), "by_daylight: the scenes of day add up"),
        (lambda s: s["by_surface"]["land"].update(tp=10**6), "more pixels than there are"),
        (lambda s: s["by_surface"]["land"].update(tp=None), "by_surface: a group has no counts"),
        (lambda s: s["by_surface"].update(desert=dict.fromkeys(NAMES, 0)), "by_surface: a group has no pixels"),
        (lambda s: s.update(cloud_fraction_error=None), "bias is None"),
        (lambda s: s["cloud_fraction_error"].update(rmse=0.0), "rmse is 0.0"),
        (lambda s: s["overall"].update(auc=0.9999999), "auc is"),
        (lambda s: s["boundary"].update(f1=1.0), "boundary: f1 is 1.0"),
        (lambda s: s.update(boundary=[]), "boundary: its scenes add up"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(change: Change, said: str) -> None:
    found = problems(change)
    assert any(said in line for line in found), found


def test_scenes_of_other_files_are_told_in_one_line() -> None:
    found = problems(lambda s: [one.update(accuracy=1.0) for one in s["per_scene"]])
    assert len(found) == 1 and "(and 4 more)" in found[0]
