"""The examples of CONTRIBUTING.md work: each is applied to a copy of the tree and checked there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.errands import GUIDE, errands
from tests.docs.structure import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
TREE = (
    "rules",
    "reference",
    "harness",
    "tests",
    "docs",
    "submissions/examples",
    "containers",
    "pyproject.toml",
    *PAGES,
)
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
YEAR = "from rules.ruleset import load_ruleset as load; assert load('cloudmask-2.0').quality.target == 0.92"
LAUNCHER = """
from harness.plan.recipe import Recipe
from harness.run.launch.registry import launcher_for
found = launcher_for(Recipe(launcher="ssh"), environment={"CLOUDMASK_HOSTS": "one"})
assert found.nodes == ["one"] and found.on_node(0) == []
"""
CHECKS: dict[str, list[list[str]]] = {
    "A rule": [
        ["-m", "tests.docs"],
        [
            *PYTEST,
            "tests/rules/test_coverage.py",
            "tests/docs/test_documents.py",
            "tests/unit/rules/test_sources.py",
        ],
        [
            *PYTEST,
            "tests/rules/test_examples.py",
            "tests/rules/test_mutations.py",
            "-k",
            "SED009 or sound or every",
        ],
    ],
    "A ruleset of another year": [
        ["-c", YEAR],
    ],
    "A framework": [
        ["-m", "harness", "submit", "--system", "box", "--org", "my-lab"],
        [*PYTEST, "tests/docs/test_architecture.py", "-k", "floor or cycle or arrow or room"],
    ],
    "A power source": [[*PYTEST, "tests/unit/harness/telemetry/sources/test_wattfile.py"]],
    "A report panel": [["-m", "harness", "report", "submissions/examples", "--system", "local-smoke"]],
    "A launcher": [["-c", LAUNCHER]],
}


def test_guide_has_six_errands() -> None:
    assert list(errands()) == list(CHECKS)
    assert all(errands().values())


def test_files_that_the_guide_names_exist() -> None:
    text = re.sub(r"```.*?```", "", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    made = {step.path for steps in errands().values() for step in steps if step.kind == "file"}
    named = set(re.findall(r"`((?:rules|reference|harness|tests|docs)/[\w./-]*)`", text))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert [path for path in sorted(named - made) if not (ROOT / path).exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("errand", CHECKS)
def test_example_works(errand: str, tmp_path: Path) -> None:
    for name in TREE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    for step in errands()[errand]:
        step.apply(tmp_path)
    for arguments in CHECKS[errand]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
