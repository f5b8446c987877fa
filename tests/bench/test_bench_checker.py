"""How fast the checker is beside mlperf_logging's, on the same logs in the same process.

CPU seconds, taken in turns, medians: other work on the machine would otherwise decide. `make bench`.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlperf_logging.compliance_checker import mlp_compliance

from harness.checker import check_all
from rules.ruleset import FOLDER
from tests.builders import build_package

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROUNDS = 9
CONFIG = FOLDER / "mllog" / "cloudmask.yaml"


def upstream(path: Path) -> bool:
    checker = mlp_compliance.make_checker("hpc", "3.0.0", True, False)
    return bool(mlp_compliance.main(str(path), str(CONFIG), checker)[0])


def ours(path: Path) -> bool:
    ((_, verdict),) = check_all(path)
    return verdict.verdict == "compliant"


def cpu_s(check: Callable[[Path], bool], paths: list[Path]) -> float:
    start_s = time.process_time()
    for path in paths:
        assert check(path)
    return time.process_time() - start_s


def test_checking_logs_beside_mlperf_logging(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    built = build_package(tmp_path, not_converged=(0,))  # one long log of 200 epochs, four short ones
    paths = sorted(built.layout.results_dir.glob("result_*.txt"))
    lines = sum(len(path.read_text().splitlines()) for path in paths)
    times = [(cpu_s(upstream, paths), cpu_s(ours, paths)) for _ in range(ROUNDS)]
    theirs_s, ours_s = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(theirs / mine for theirs, mine in times)
    print(f"\n{lines} lines, median of {ROUNDS}: mlperf_logging {lines / theirs_s:,.0f} lines/s,", end=" ")
    print(f"ours with every rule {lines / ours_s:,.0f} lines/s; ratio of times {ratio:.1f}")
    assert ratio > 1
