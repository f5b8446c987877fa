"""The situations of public reports, where the shared material is there: each script ends with 0."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, SHARED

SITUATIONS = SHARED / "situations"
SCRIPTS = sorted(SITUATIONS.glob("[0-9][0-9]-*/run.sh"))
LIMIT_S = 300
COMPILES = ("01", "15", "17", "18", "35")
# Number -> why the script is judged by what its comment asks for, and by which test instead.
JUDGED_DIFFERENTLY: dict[str, str] = {}

pytestmark = pytest.mark.timeout(LIMIT_S + 60)


def lacking(number: str) -> str | None:
    """What this machine lacks for the script."""
    if number in JUDGED_DIFFERENTLY:
        return JUDGED_DIFFERENTLY[number]
    if number in COMPILES and shutil.which("cc") is None:
        return "there is no C compiler"
    if number in ("25", "34") and shutil.which("git") is None:
        return "there is no git"
    if number == "26" and (os.geteuid() != 0 or shutil.which("unshare") is None):
        return "a mount namespace needs root and unshare"
    if number in ("25", "34") and not (ROOT / ".git").exists():
        return "this is not a checkout"
    return None


@pytest.mark.skipif(not SCRIPTS, reason=f"{SITUATIONS} is not there")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_situation(script: Path, tmp_path: Path) -> None:
    why = lacking(script.parent.name[:2])
    if why:
        pytest.skip(why)
    cloudmask = tmp_path / "cloudmask"
    cloudmask.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m harness "$@"\n')
    cloudmask.chmod(0o755)
    if script.parent.name.startswith("26"):
        probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
        if probe.returncode:
            pytest.skip("this container may not make mount namespaces")
    done = subprocess.run(
        ["sh", str(script), str(cloudmask)],
        env={**os.environ, "REPOSITORY": str(ROOT), "PYTHON": sys.executable},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout[-4000:]
