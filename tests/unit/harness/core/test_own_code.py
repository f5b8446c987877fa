"""What runs is this tree, whatever lies in the working directory, in PYTHONPATH or in the environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.core.own_code import start_module, tree_files
from harness.core.start_module import TOKEN
from reference.protocol.spec import SPEC_VARIABLE
from tests.support import ROOT

EVIL = "open({mark!r}, 'a').write(__name__ + chr(10))\n"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with modules of the names that the run imports, each of which leaves a mark."""
    evil = EVIL.format(mark=str(tmp_path / "mark"))
    for package in ("reference", "rules", "harness"):
        (tmp_path / package).mkdir()
        for name in ("__init__", "__main__"):
            (tmp_path / package / f"{name}.py").write_text(evil)
    for name in ("numpy", "json", "sitecustomize", "usercustomize", "startup"):
        (tmp_path / f"{name}.py").write_text(evil)
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    hooks = {
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONUSERBASE": str(folder),
    }
    environment = {k: v for k, v in {**os.environ, **hooks}.items() if k not in (SPEC_VARIABLE, "PYTHONPATH")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_reference_of_this_tree_runs_and_says_what_it_loaded(trap: Path) -> None:
    done = run(start_module("reference", report=True), trap)
    assert done.returncode == 2 and "CLOUDMASK_RUN_SPEC is not set" in done.stderr
    assert not (trap / "mark").exists()
    loaded = json.loads(done.stdout.splitlines()[-1].removeprefix(TOKEN))
    tree = tree_files()
    assert loaded["reference/tensorflow/run.py"] == tree["reference/tensorflow/run.py"]
    assert {name: tree.get(name) for name in loaded} == loaded


def test_the_trap_works_where_nothing_is_done_against_it(trap: Path) -> None:
    """Without the starter the folder in the working directory runs: the test above can fail."""
    python = start_module("reference")[0]
    run([python, "-m", "reference"], trap)
    assert (trap / "mark").exists()


@pytest.mark.parametrize("module", ["harness.telemetry.recorder.sampler", "harness.run.launch.worker"])
def test_so_do_the_other_processes_of_a_run(trap: Path, module: str) -> None:
    done = run(start_module(module, "--help"), trap)
    assert not (trap / "mark").exists() and "Traceback" not in done.stderr


def test_a_forged_pyc_is_not_read(tmp_path: Path) -> None:
    """Python runs a .pyc beside the source when its header fits; the starter compiles the source."""
    root = tmp_path / "tree"
    (root / "harness/core").mkdir(parents=True)
    (root / "harness/core/start_module.py").write_text((ROOT / "harness/core/start_module.py").read_text())
    (root / "reference/__pycache__").mkdir(parents=True)
    (root / "reference/__init__.py").write_text("")
    source = root / "reference/told.py"
    source.write_text("print('forged')\n")
    python = start_module("reference")[0]
    compiling = "import py_compile; py_compile.compile('reference/told.py', invalidation_mode=2)"  # unchecked
    subprocess.run(
        [python, "-c", compiling.replace("=2", "=py_compile.PycInvalidationMode(3)")], cwd=root, check=True
    )
    source.write_text("print('honest')\n")
    plain = subprocess.run([python, "-m", "reference.told"], cwd=root, capture_output=True, text=True)
    starter = [python, "-I", str(root / "harness/core/start_module.py"), "reference.told"]
    started = subprocess.run(starter, cwd=root, capture_output=True, text=True)
    assert (plain.stdout, started.stdout) == ("forged\n", "honest\n")


def test_every_file_counts_but_caches_and_the_list_of_releases() -> None:
    files = tree_files()
    assert (
        "reference/tensorflow/training.py" in files and "rules/rulesets/cloudmask-1.0/ruleset.yaml" in files
    )
    assert "rules/releases.yaml" not in files and not any("__pycache__" in name for name in files)
