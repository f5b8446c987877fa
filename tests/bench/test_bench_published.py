"""Verdict and score of published packages, beside mlperf_logging's tools. `make bench`.

CPU seconds of whole processes, start-up included, taken in turns in one run. mlperf_logging needs two
tools for what `cloudmask check` says: the package checker for the verdict, the summarizer for the score.
The ratios compare with both together.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.published import FIVE_LOGS, ROUND, child_cpu_s, copies, large_package, ours_s, theirs_s
from tests.bench.record import Measurement, measurement

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not ROUND.is_dir(), reason="the published packages (../shared/corpus) are not here"),
]
Note = Callable[[Measurement], None]


def _compare(
    name: str, roots: list[Path], of_round: str, rounds: int, measured: Note, whole: Path | None = None
) -> float:
    """The least median ratio of times, of all the packages together: a process each, and one for `whole`."""
    checker, both = [], []
    calls = {name: roots, f"{name}, one call": [whole]} if whole else {name: roots}
    ours: dict[str, list[float]] = {call: [] for call in calls}
    for _ in range(rounds):
        found = [theirs_s(root, of_round) for root in roots]
        checker.append(sum(c for c, _ in found))
        both.append(sum(c + s for c, s in found))
        for call, paths in calls.items():
            ours[call].append(sum(ours_s(path) for path in paths))
    measured(measurement(f"check {name}: mlperf_logging's checker", "CPU s", checker, "none"))
    least = float("inf")
    for call, taken in ours.items():
        ratios = [theirs / o for theirs, o in zip(both, taken, strict=True)]
        measured(measurement(f"check {call}: ours", "CPU s", taken, "lower"))
        measured(measurement(f"check {call}: its checker and summarizer, ratio", "times", ratios))
        least = min(least, statistics.median(ratios))
    return least


def test_start_up(measured):
    child_cpu_s("harness", "check", "--help")  # writes byte code
    found = [child_cpu_s("harness", "check", "--help") for _ in range(5)]
    bare = [child_cpu_s("this") for _ in range(5)]
    measured(measurement("start of `cloudmask check`", "CPU s", found, "lower"))
    measured(measurement("start of Python alone", "CPU s", bare, "none"))


def test_a_package_of_five_logs(tmp_path, measured):
    assert _compare("5 logs (Dell, v3.0)", copies(tmp_path, [FIVE_LOGS]), "3.0.0", 5, measured) > 8


def test_a_round(tmp_path, measured):
    """Every submitter of v3.0 that is here: each package with a process of its own, and all in one call."""
    roots = copies(tmp_path, sorted(p for p in ROUND.iterdir() if p.is_dir()))
    assert _compare(f"v3.0 ({len(roots)} submitters)", roots, "3.0.0", 3, measured, tmp_path) > 12


def test_a_large_package(tmp_path, measured):
    """As NVIDIA's of v1.0: hundreds of long logs, some of them pruned."""
    root = large_package(tmp_path, runs=144, pruned=16)
    assert _compare("160 logs of 3,805 lines", [root], "1.0.0", 1, measured) > 10
