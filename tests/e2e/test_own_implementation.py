"""An implementation that shares nothing with the reference but the protocol makes a whole open submission."""

from __future__ import annotations

import ast
import json
import sys

from tests.e2e.conftest import ROOT, Trial

PLAIN = ROOT / "tests/support/plain_implementation.py"


def test_it_makes_a_compliant_open_package(trial: Trial) -> None:
    trial.recipe(command=["python", str(PLAIN)], implementation="plain", division="open", runs=3, best_of=3)
    done = trial.submitted()
    assert "verdict: consistent with the rules" in done.stdout
    assert trial.results() == ["result_0.txt", "result_1.txt", "result_2.txt"]
    assert (trial.org / "reports/box/index.html").is_file()
    checked = trial.cloudmask("check", "submissions/lab", "--format", "json")
    assert checked.returncode == 0, checked.stdout
    verdict = json.loads(checked.stdout)
    assert verdict["verdict"] == "compliant"
    assert not [finding for finding in verdict["findings"] if finding["severity"] == "error"]


def test_it_is_short_and_needs_the_protocol_only() -> None:
    source = PLAIN.read_text()
    assert len(source.splitlines()) <= 60
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("reference.protocol.")
