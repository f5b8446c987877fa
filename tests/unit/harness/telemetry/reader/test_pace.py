from __future__ import annotations

import numpy as np
import pytest

from harness.telemetry.reader.pace import FEWEST, MARKS, WINDOW, pace


def sampled(seed: int, count: int = 400, jitter_s: float = 5e-5) -> np.ndarray:
    """Times of a sampler at 10 Hz that is a little late, each time otherwise."""
    return 0.1 * np.arange(count) + np.random.default_rng(seed).exponential(jitter_s, count)


def shared(left: list[int], right: list[int]) -> int:
    return len(set(left) & set(right))


def test_runs_share_next_to_nothing_even_with_two_microseconds_of_jitter():
    marks = [pace([sampled(seed, jitter_s=2e-6)]) for seed in range(20)]
    assert all(len(one) == MARKS for one in marks)
    assert max(shared(a, b) for n, a in enumerate(marks) for b in marks[:n]) < MARKS / 16


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        lambda t: t + 1234.5678,  # moved in time
        lambda t: t[40:],  # cut at its beginning
        lambda t: np.concatenate([t, t[-1] + 0.1 + sampled(9, 80)]),  # made longer
    ],
)
def test_a_file_made_from_another_shares_most(change):
    original = sampled(1)
    assert shared(pace([original]), pace([change(original)])) > 0.7 * MARKS


def test_a_source_that_was_added_hides_nothing():
    """Readings of an invented GPU, more often than anything else was read."""
    left, right = pace([sampled(1), sampled(2, 600)]), pace([sampled(1), sampled(3, 600)])
    assert shared(left, right) > 0.25 * MARKS


@pytest.mark.parametrize(
    "times",
    [
        [],
        [np.empty(0)],
        [np.array([0.0])],
        [0.5 * np.arange(1000)],  # a clock without jitter says nothing
        [sampled(1, FEWEST + WINDOW - 1)],
    ],
    ids=["no source", "no samples", "one sample", "no jitter", "too short"],
)
def test_what_says_too_little_has_no_marks(times):
    assert pace(times) == []


def test_the_shortest_that_counts():
    assert len(pace([sampled(1, FEWEST + WINDOW)])) == FEWEST


def test_absurd_times_are_no_accident():
    with np.errstate(all="raise"):
        assert isinstance(pace([np.array([*sampled(1), 1e300, 1.7e308])]), list)
