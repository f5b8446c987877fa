"""The last line of a test run says what was skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.skips import skipped_line
from tests.support.waiting import HANG_S

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_page(number):
    pytest.skip("Chromium is missing (apt-get install chromium)")

@pytest.mark.skipif(True, reason="Slurm is missing (apt-get install slurm-wlm munge)")
def test_job(): ...

def test_sum(): assert 1 + 1 == 2
"""
LINE = (
    "4 tests skipped: 3 because Chromium is missing (apt-get install chromium), "
    "1 because Slurm is missing (apt-get install slurm-wlm munge)"
)


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_one_line_at_the_end(tmp_path: Path, workers: str) -> None:
    """Of this process and of xdist's workers."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "tests.support.skips", "-n", workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "400", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, line, total = done.stdout.splitlines()
    assert line == LINE and "1 passed, 4 skipped" in total


def test_nothing_skipped_is_no_line() -> None:
    assert skipped_line([]) == ""
    assert skipped_line(["Skipped: there is no tar"]) == "1 test skipped: 1 because there is no tar"
