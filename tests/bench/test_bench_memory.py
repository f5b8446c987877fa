"""How much memory a package of 10,000 runs takes to check, and that time grows with the runs only.

Building the package takes minutes and about a gigabyte of disk. `make bench`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.many_runs import build_many

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc"),
]

LIMIT_BYTES = 300_000_000
RUNS = 10_000
CHECK = """
import json, sys, time
from pathlib import Path
from harness.check import check_all
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.bench.record import peak_bytes
start_s = time.process_time()
((package, verdict),) = check_all(Path(sys.argv[1]))
took_s = time.process_time() - start_s
scored = score(package, load_ruleset()).time_to_train_s
errors = [f.message for f in verdict.findings if f.severity == "error"]
print(json.dumps([verdict.verdict, errors[:5], len(package.runs), took_s, scored, peak_bytes()]))
"""


def check(root: Path) -> tuple[str, list[str], int, float, float, int]:
    """Verdict, first errors, runs, CPU seconds, score and peak resident bytes of a process of its own."""
    command = [sys.executable, "-c", CHECK, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path.cwd())
    return tuple(json.loads(done.stdout))


def test_ten_thousand_runs(tmp_path, capsys):
    few = check(build_many(tmp_path / "few", RUNS // 10).root)
    verdict, errors, runs, took_s, scored, peak = check(build_many(tmp_path / "many", RUNS).root)
    per_run = [found[3] / found[2] * 1e3 for found in (few, (verdict, errors, runs, took_s))]
    with capsys.disabled():
        print(
            f"\n{runs} runs checked in {took_s:.1f} s of CPU time, {per_run[1]:.2f} ms each ({per_run[0]:.2f} "
            f"ms each of {few[2]} runs); at most {peak / 1e6:.0f} MB resident ({few[5] / 1e6:.0f} MB)"
        )
    assert (verdict, errors, runs) == ("compliant", [], RUNS)
    assert scored is not None
    assert peak < LIMIT_BYTES
    assert per_run[1] < 3 * per_run[0], "the time per run grows with their number"
