"""The arithmetic of a score and its interval, worked by hand and by drawing."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest

from harness.score import words
from harness.score.breakdown import breakdown
from harness.score.convergence import from_comparison
from harness.score.interval import mean_interval, quantile, ratio
from harness.score.model import Convergence, Interval, RunScore, Score
from rules.facts.reference_points import Comparison, Limit
from rules.ruleset import load_ruleset

CLOSED = load_ruleset().division("closed")
OPEN = load_ruleset().division("open")
NO_FACTOR = Convergence(1.0, "not_compared", "Not scaled: made for this test.")
LIMIT = Limit(8, 2.625, 0.5, 8, 2.024)
SMOKE_EPOCHS = [3, 3, 3, 2, 3, 4, 2, 3, 2, 2]  # of the recorded reference runs


def runs(*times: float | None) -> list[RunScore]:
    return [
        RunScore(i, time, 3, 0.9, None if time is not None else "did not converge")
        for i, time in enumerate(times)
    ]


def test_every_step_is_there() -> None:
    factor = Convergence(1.25, "within", "Multiplied by 1.25: few epochs.")
    steps = breakdown(runs(64.53, 90.0, 68.23, 60.0, 83.12), CLOSED, factor)
    assert [run.index for run in steps.counted] == [0, 2, 4]
    assert steps.mean_s == pytest.approx(71.96) and steps.score_s == pytest.approx(89.95)
    assert words.sum_text(steps) == "(64.53 + 68.23 + 83.12) / 3 = 71.96 s; × 1.25 = 89.95 s"
    said = words.record(Score(steps.score_s, steps.method, steps.runs, breakdown=steps))
    assert said["mean_s"] == steps.mean_s and said["convergence"]["factor"] == 1.25
    assert [run["in_the_mean"] for run in said["runs"]] == [True, False, True, False, True]


def test_a_score_that_cannot_be_has_no_number() -> None:
    steps = breakdown(runs(1.0, 2.0), CLOSED, NO_FACTOR)
    assert steps.score_s is None and steps.interval is None and "5 runs are needed" in (steps.note or "")
    assert "5 runs are needed" in "\n".join(words.table(Score(None, "", steps.runs, breakdown=steps)))


def test_one_consequence_of_convergence_faster_than_chance() -> None:
    practice = Comparison("fail", 2.0, LIMIT, "", factor=1.3125, practice=True)
    official = Comparison("fail", 2.0, LIMIT, "")
    within = Comparison("pass", 2.1, LIMIT, "", factor=1.25)
    assert from_comparison(practice).factor == 1.3125 and from_comparison(practice).pace == "beyond"
    unscaled = from_comparison(Comparison("fail", 2.0, LIMIT, "", practice=True))
    for found in map(from_comparison, (practice, official)):
        assert "faster than chance explains" in found.reason
    assert unscaled.factor == 1 and "the time may flatter" in unscaled.reason
    assert from_comparison(official).factor == 1 and "does not count" in from_comparison(official).reason
    assert from_comparison(within).factor == 1.25 and from_comparison(within).pace == "within"
    assert from_comparison(Comparison("pass", 3.0, LIMIT, "")).pace == "not_faster"


def test_the_interval_is_students() -> None:
    times = [10.0, 11.0, 12.0, 13.0, 14.0]
    found = mean_interval(12.0, times)
    assert found is not None and found.degrees == 4
    # t(0.975; 4) = 2.776 of any table; s = sqrt(2.5)
    assert found.high_s - 12 == pytest.approx(2.7764451 * math.sqrt(2.5 / 5), rel=1e-6)


def test_too_few_runs_or_one_without_a_time_say_nothing() -> None:
    assert mean_interval(1.5, [1.0, 2.0]) is None
    assert breakdown(runs(1.0, 2.0, None, 3.0, 4.0), CLOSED, NO_FACTOR).interval is None
    assert words.interval_text(None) == words.TOO_FEW
    assert breakdown(runs(1.0, 2.0, 4.0), OPEN, NO_FACTOR).interval is not None


def test_five_runs_hold_the_score_as_often_as_is_said() -> None:
    rng = random.Random(5)

    def five() -> list[float]:
        return [3.1 * rng.choice(SMOKE_EPOCHS) + rng.gauss(0, 0.1) for _ in range(5)]

    def score(times: list[float]) -> float:
        return fmean(sorted(times)[1:-1])

    truth = fmean(score(five()) for _ in range(40_000))
    held = 0
    for _ in range(4_000):
        times = five()
        found = mean_interval(score(times), times)
        held += found is not None and found.low_s <= truth <= found.high_s
    assert 0.87 < held / 4_000 < 0.91


def interval(middle: float, error: float) -> Interval:
    reach = quantile(4) * error
    return Interval(middle - reach, middle + reach, error, 4)


@pytest.mark.parametrize(
    ("other", "error", "said"),
    [
        (13.0, 0.1, "1.3x slower (1.3x to 1.3x)"),
        (5.0, 0.05, "2.0x faster (1.9x to 2.1x)"),
        (10.5, 1.0, "cannot be told apart (0.80x to 1.4x the time)"),
        (1234.0, 1.0, "120x slower (120x to 130x)"),
    ],
)
def test_ratios_in_words(other: float, error: float, said: str) -> None:
    assert words.ratio_text(ratio(10.0, interval(10.0, 0.1), other, interval(other, error))) == said


def test_a_ratio_without_intervals_says_that_nothing_is_known() -> None:
    assert words.ratio_text(ratio(10.0, None, 13.0, interval(13.0, 1))) == (
        "1.3x slower; too few to say whether that is more than chance"
    )
    assert ratio(0.0, None, 1.0, None) is None


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_terminal_is_wider_and_no_word_is_broken(width: int) -> None:
    pace = from_comparison(Comparison("fail", 2.0, LIMIT, "", factor=1.3125, practice=True))
    steps = breakdown(runs(64.53, 90.0, 68.23, 60.0, 83.12), CLOSED, pace)
    lines = words.table(Score(steps.score_s, steps.method, steps.runs, breakdown=steps), width)
    assert max(map(len, lines)) <= max(width, 60)
    assert pace.reason.split() == [
        word for line in lines if line.startswith(" " * 10) for word in line.split()
    ]
