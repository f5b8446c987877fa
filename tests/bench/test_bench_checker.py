"""How fast the checker is beside mlperf_logging's, on the same logs in the same process. `make bench`.

CPU seconds, taken in turns, medians of the rounds: other work on the machine would otherwise decide.
mlperf_logging reads nothing but the log, so the logs are compared as they are, alone; with evidence ours
reads and judges the arrival timeline, the records and the digests of all files on top.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlperf_logging.compliance_checker import mlp_compliance, mlp_parser

from harness.check import check_all
from harness.untrusted.logs import read_log
from tests.support import MLLOG_RULES
from tests.support.builders import build_package
from tests.support.many_runs import build_many

pytestmark = pytest.mark.bench

ROUNDS = 9
RUNS = 1000  # of the package
SAMPLE = 20  # logs of the package that mlperf_logging checks in each round
Check = Callable[[Path], object]


def upstream(path: Path) -> None:
    checker = mlp_compliance.make_checker("hpc", "3.0.0", True, False)
    assert mlp_compliance.main(str(path), str(MLLOG_RULES), checker)[0]


def upstream_parser(path: Path) -> None:
    _, errors = mlp_parser.parse_file(str(path), ruleset="3.0.0")
    assert not errors


def ours(path: Path) -> None:
    ((_, verdict),) = check_all(path)
    assert verdict.verdict == "compliant"


def our_parser(path: Path) -> None:
    assert not read_log(path, path.name).problems


def cpu_s(check: Check, paths: list[Path]) -> float:
    """CPU seconds per path."""
    start_s = time.process_time()
    for path in paths:
        check(path)
    return (time.process_time() - start_s) / len(paths)


def compare(theirs: Check, mine: Check, path: Path, times: int) -> tuple[float, float, float]:
    """CPU seconds of each for one path, ours called `times` in a row, and the median ratio of the rounds."""
    rounds = [(cpu_s(theirs, [path]), cpu_s(mine, [path] * times)) for _ in range(ROUNDS)]
    theirs_s, ours_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    return theirs_s, ours_s, statistics.median(a / b for a, b in rounds)


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    """A log of few epochs and one of 200, each alone in a folder and in its package."""
    folder = tmp_path_factory.mktemp("logs")
    built = build_package(folder, not_converged=(0,))
    found = {}
    for name, run in (("short", 1), ("long", 0)):
        alone = folder / name / "result_0.txt"
        alone.parent.mkdir()
        shutil.copy(built.layout.result(run), alone)
        found[name] = (alone, built.layout.result(run))
    return found


@pytest.mark.parametrize("name", ["short", "long"])
def test_parsing(logs, name, caplog, capsys):
    caplog.set_level(logging.CRITICAL)
    path, _ = logs[name]
    lines, size = len(path.read_text().splitlines()), path.stat().st_size
    theirs_s, ours_s, ratio = compare(upstream_parser, our_parser, path, 10)
    with capsys.disabled():
        print(
            f"\nparsing, {name} log ({lines} lines): mlperf_logging {size / theirs_s / 1e6:.1f} MB/s, "
            f"{lines / theirs_s:,.0f} lines/s; ours {size / ours_s / 1e6:.1f} MB/s, "
            f"{lines / ours_s:,.0f} lines/s; ratio of times {ratio:.1f}"
        )
    assert ratio > 5


@pytest.mark.parametrize(("name", "floor"), [("short", 10), ("long", 10)])
@pytest.mark.parametrize("evidence", [False, True], ids=["alone", "with-evidence"])
def test_checking_a_log(logs, name, floor, evidence, caplog, capsys):
    caplog.set_level(logging.CRITICAL)
    path = logs[name][evidence]
    lines = len(path.read_text().splitlines())
    theirs_s, ours_s, ratio = compare(upstream, ours, path, 5)
    with capsys.disabled():
        print(
            f"\nchecking, {name} log ({lines} lines), {'with its evidence' if evidence else 'alone'}: "
            f"mlperf_logging {theirs_s * 1e3:.1f} ms, {lines / theirs_s:,.0f} lines/s; ours with every rule "
            f"{ours_s * 1e3:.2f} ms, {lines / ours_s:,.0f} lines/s; ratio of times {ratio:.1f}"
        )
    assert ratio > (floor / 2 if evidence else floor)


def test_checking_a_package(tmp_path, caplog, capsys):
    """All runs of a package with their evidence and its manifest; mlperf_logging on a sample of its logs."""
    caplog.set_level(logging.CRITICAL)
    built = build_many(tmp_path, RUNS)
    paths = [built.layout.result(run) for run in range(0, RUNS, RUNS // SAMPLE)]
    lines = sum(len(built.layout.result(run).read_text().splitlines()) for run in range(RUNS)) / RUNS
    rounds = [(cpu_s(upstream, paths), cpu_s(ours, [built.root]) / RUNS) for _ in range(3)]
    theirs_s, ours_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    with capsys.disabled():
        print(
            f"\nchecking a package of {RUNS} runs of {lines:.0f} lines: mlperf_logging {theirs_s * 1e3:.1f} "
            f"ms a log ({len(paths)} of them timed), {lines / theirs_s:,.0f} lines/s; ours {ours_s * 1e3:.2f} "
            f"ms a run with all evidence and rules, {lines / ours_s:,.0f} lines/s; ratio of times {ratio:.1f}"
        )
    assert ratio > 5
