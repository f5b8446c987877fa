"""A crate against the field's validator (roc-validator), offline, in an environment of its own.

It cannot be installed beside us: it wants rich below 14. Its contexts are served from files
(tests/support/rocrate_check.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.cli.test_export_cli import export

pytestmark = pytest.mark.nightly  # installs 60 packages
CHECK = Path(__file__).resolve().parents[1] / "support/rocrate_check.py"
VALIDATOR = ("roc-validator==0.13.0",)
CONTEXT = ("--no-deps", "rocrate==0.10.0")  # the last that brings the context of RO-Crate 1.1


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the validator."""
    place = tmp_path_factory.mktemp("validator")
    venv.create(place, with_pip=True)
    interpreter = place / "bin/python"
    for wanted in (VALIDATOR, CONTEXT):
        if subprocess.run(
            [interpreter, "-m", "pip", "install", "--quiet", *wanted], capture_output=True
        ).returncode:
            pytest.skip(f"{wanted[-1]} cannot be installed")
    return interpreter


def issues(python: Path, crate: Path) -> tuple[int, list[str]]:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    context = python.parents[1] / f"lib/{version}/site-packages/rocrate/data/ro-crate.jsonld"
    done = subprocess.run([python, CHECK, crate, context], capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done.returncode, done.stdout.splitlines()


def test_crate_is_valid(python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(capsys, "--layout", "ro-crate", "--out", str(tmp_path))
    code, found = issues(python, tmp_path / "examples")
    assert code == 0, found
    assert {line.split()[1] for line in found} <= {
        "process-run-crate-0.5_3.2",  # addresses of software and of
        "ro-crate-1.1_31.2",  # the organisation: packages state none
        "process-run-crate-0.5_5.1",
        "ro-crate-1.1_22.1",  # nor a licence, where --licence names none
    }


def test_crate_without_its_tool_is_not(
    python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(capsys, "--layout", "ro-crate", "--out", str(tmp_path))
    path = tmp_path / "examples/ro-crate-metadata.json"
    document = json.loads(path.read_text())
    for entity in document["@graph"]:
        entity.pop("instrument", None)
    path.write_text(json.dumps(document))
    code, found = issues(python, tmp_path / "examples")
    assert code == 1 and any("instrument" in line for line in found)
