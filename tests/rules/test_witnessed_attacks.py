"""Forgeries that nothing in a package can show, on packages with a witness: edits afterwards.

The same done while the runs go on are cases of tests/rules/cases/witness.py (runs_took_twice_as_long,
room_for_a_run, failed_attempts_deleted, dates_moved). Attack 26 needs telemetry of a real run; done afterwards it
is the case telemetry_replaced, done while the run goes on no witness sees it.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.check import check_package
from tests.rules.test_mutations import errors
from tests.rules.test_witness import ruleset
from tests.support import ROOT

ATTACKS = ROOT.parent / "shared" / "attacks"
EXPECTED = {
    "01_all_runs_twice_as_fast": {"WIT002"},
    "04_hide_slow_runs_best_5_of_10": {"WIT002"},
    "06_attempts_renumbered_after_deleting": {"WIT001"},
    "41_dates_moved_to_last_year_and_runs_reordered": {"WIT002"},
}


@pytest.mark.skipif(not ATTACKS.is_dir(), reason="../shared/attacks is not here")
@pytest.mark.parametrize("name", EXPECTED)
def test_attack_on_a_witnessed_package_is_found(fresh, tmp_path, name: str):
    built = fresh(system="local", witness=True)
    _, before = check_package(built.root, ruleset())
    assert errors(before) == set()
    forged = tmp_path / "forged" / built.root.name
    forged.parent.mkdir()
    done = subprocess.run(
        [sys.executable, str(ATTACKS / f"{name}.py"), str(built.root), str(forged)],
        cwd=ATTACKS,
        env={**os.environ, "REPOSITORY": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    _, after = check_package(forged, ruleset())
    assert errors(after) >= EXPECTED[name], sorted(errors(after))
