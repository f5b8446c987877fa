"""Tutorials, guides and lesson do what they say: each page is run, block by block, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks, pages, shows
from tests.docs.structure import ROOT

WITH_COMMANDS = [page for page in pages() if any(b.fate == "run" for b in blocks(page))]
QUICK = {  # in the fast tier
    "tutorials/read-a-log",
    "guides/timers",
    "guides/import",
    "lesson/2-time-energy-uncertainty",
}
# the submit of tutorials/first-package once more
LONG = {"guides/laptop", "lesson/1-what-a-benchmark-measures"}


def _name(page: Path) -> str:
    return f"{page.parent.name}/{page.stem}"


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    assert [f"{b.page}:{b.line}" for b in blocks(page) if not b.fate] == []
    assert [f"{b.page}:{b.line}" for b in blocks(page) if b.fate == "not run" and len(b.word) < 10] == []


@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if _name(page) in QUICK], ids=_name)
def test_quick_page_works(page: Path, tmp_path: Path) -> None:
    _work_through(page, tmp_path)


SLOW = [
    pytest.param(page, marks=pytest.mark.nightly if _name(page) in LONG else pytest.mark.slow)
    for page in WITH_COMMANDS
    if _name(page) not in QUICK
]


@pytest.mark.parametrize("page", SLOW, ids=_name)
def test_page_works(page: Path, tmp_path: Path) -> None:
    _work_through(page, tmp_path)


def test_output_is_compared() -> None:
    assert shows("a ... c\n...", "a b c\nd\n") and shows("one\n...\ntwo", "one\n\nx\ntwo")
    assert not shows("a ... d", "a b c") and not shows("a", "a b")


def _work_through(page: Path, place: Path) -> None:
    """Run the blocks in order."""
    shutil.copytree(ROOT / "submissions/examples", place / "submissions/examples")
    (place / "tests").symlink_to(ROOT / "tests")
    (place / "bin").mkdir()
    # a link would not find the environment
    for name, words in (("cloudmask", "-m harness "), ("python", "")):
        shim = place / "bin" / name
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        shim.chmod(0o755)
    for block in blocks(page):
        if block.fate == "file":
            target = place / block.word
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.fate == "run":
            _run(block, place)


def _run(block: Block, place: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "TERM": "dumb",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if block.kind == "python":
        commands = [(f"{sys.executable} - <<'PYTHON'\n{block.text}\nPYTHON", None)]
    else:
        commands = [(command, shown) for command, shown in block.commands]
    for number, (command, shown) in enumerate(commands, start=1):
        wanted = int(block.word) if block.mark == "exit" and number == len(commands) else 0
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        where = f"{block.page}:{block.line}: $ {command}\n{done.stdout[-4000:]}"
        assert done.returncode == wanted, f"exit code {done.returncode}: {where}"
        assert shown is None or shows(shown, done.stdout), f"shown:\n{shown}\n\nbut was: {where}"
