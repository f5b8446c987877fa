"""One set of runs under two names is found, and unrelated ones are not."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from harness.leaderboard.likeness import SKETCH, Marked, RunMark, likenesses, mark
from tests.support.builders import build_package
from tests.support.runs import load


def _sketch(seed: int, noise: float = 0.0) -> str:
    found = np.random.default_rng(seed).standard_normal(SKETCH)
    found = found + noise * np.random.default_rng(seed + 1).standard_normal(SKETCH)
    return base64.b64encode((found / np.linalg.norm(found)).astype(np.float16).tobytes()).decode()


def _entry(name: str, **said: object) -> Marked:
    return Marked(id=name, name=name, runs=[RunMark.model_validate({"index": 0, **said})])


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ({"weights": "a" * 64}, {"weights": "a" * 64}, "weights"),
        ({"sketch": _sketch(1)}, {"sketch": _sketch(1, noise=0.3)}, "weights"),
        ({"losses": [0.51234, 0.4123]}, {"losses": [0.51234, 0.4123, 0.3]}, "losses"),
        ({"epochs_ms": [9001, 8003, 8011, 8007]}, {"epochs_ms": [9001, 8003, 8011, 8007]}, "epoch times"),
        ({"span_s": (10.5, 90.25)}, {"span_s": (10.5, 90.25)}, "clock"),
        (
            {"boot": "b", "span_s": (10.0, 90.0)},
            {"boot": "b", "span_s": (50.0, 120.0)},
            "time of one machine",
        ),
        ({"telemetry": ["a", "b", "c", "d"]}, {"telemetry": ["b", "c", "d", "e"]}, "telemetry"),
        ({"steps": list(range(64))}, {"steps": list(range(40, 104))}, "times of samples"),
    ],
)
def test_what_two_entries_share_is_named_on_both(left, right, reason):
    found = likenesses([_entry("A / box", **left), _entry("B / box", **right)])
    assert set(found) == {"A / box", "B / box"}
    assert "B / box" in found["A / box"][0] and found["A / box"][0].endswith(f"the same {reason}")
    assert "A / box" in found["B / box"][0]


def test_chance_is_not_likeness():
    unrelated = [
        _entry(
            f"lab {n}",
            sketch=_sketch(n),
            seeds=[1234],  # fixed by a recipe
            losses=[0.5, 0.1 + n],
            epochs_ms=[9000, 8000],
            boot="b",
            span_s=(100.0 * n, 100.0 * n + 90),
            telemetry=["a", f"b{n}"],
            steps=[*range(15), *range(100 * n + 100, 100 * n + 149)],
        )
        for n in range(20)
    ]
    assert likenesses(unrelated) == {}


def test_runs_of_one_entry_are_not_compared_with_each_other():
    same = RunMark(index=0, weights="a" * 64)
    assert likenesses([Marked(id="A", name="A", runs=[same, same])]) == {}


def test_a_renamed_package_is_found(tmp_path):
    mine = build_package(tmp_path / "a", org="Mine")
    thine = build_package(tmp_path / "b", org="Thine")
    found = likenesses([mark(load(p.root), p.root.name, p.root.name) for p in (mine, thine)])
    assert "5 of 5 runs are those of Thine" in found["Mine"][0]
    assert "losses" in found["Mine"][0] and "seeds" in found["Mine"][0] and "weights" in found["Mine"][0]
    assert "5 of 5 runs are those of Mine" in found["Thine"][0]
