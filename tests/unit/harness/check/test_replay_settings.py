"""What a replay computes with is what the log of the run states."""

from __future__ import annotations

from typing import Any

import pytest

from harness.check.replay import settings_of
from rules.model.log import Event, Log
from tests.support.runs import make_run

STATED = {
    "lowest_numerical_precision_in_linear": "fp32",
    "global_batch_size": 32,
    "opt_base_learning_rate": 0.001,
}


def settings(**more: Any) -> tuple[dict[str, Any] | None, str | None]:
    events = [
        Event(1000 * line, "POINT_IN_TIME", key, value, {}, "", line)
        for line, (key, value) in enumerate({**STATED, **more}.items(), 1)
    ]
    return settings_of(make_run(Log("result_0.txt", events)))


def test_the_reference_is_asked_for_nothing_more() -> None:
    found, why = settings()
    assert found is not None and why is None
    assert set(found) == {"precision", "tf32", "hyperparameters"}


def test_inputs_are_made_as_the_run_made_them() -> None:
    found, _ = settings(data_normalisation="per-scene", data_augmentation="radiometric")
    assert found is not None
    assert (found["normalisation"], found["augmentation"]) == ("per-scene", "radiometric")


@pytest.mark.parametrize("value", ["magic", 3, ["per-scene"], {"a": 1}])
def test_what_the_reference_does_not_know_is_not_computed(value: Any) -> None:
    assert settings(data_normalisation=value) == (None, "the reference knows no such data_normalisation")
