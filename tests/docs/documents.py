"""Which documents are generated, and by what."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.rulebook.coverage import coverage_page
from harness.rulebook.markdown import rules_page
from tests.docs import architecture, blocks, margins, scenes_page
from tests.rules import corpus

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _rules() -> dict[str, str]:
    return {"rules.md": rules_page()}


def _coverage() -> dict[str, str]:
    return {"coverage.md": coverage_page()}


def _tampering() -> dict[str, str]:
    subprocess.run([sys.executable, "-m", "tests.rules.tampering", "--new"], cwd=DOCS.parent, check=True)
    return {"tampering.md": (DOCS / "tampering.md").read_text(encoding="utf-8")}


def _commands() -> dict[str, str]:
    return {"reference/commands.md": _printed_by("tests.docs.commands")}


def _test_scenes() -> dict[str, str]:
    return {"explanation/test-scenes.md": scenes_page.page()}


def _hpc_corpus() -> dict[str, str]:
    if not corpus.CORPUS.is_dir():
        return {}
    return {"hpc-corpus.md": _printed_by("tests.rules.corpus")}


def _printed_by(module: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=DOCS.parent, check=True, capture_output=True, text=True
    )
    return done.stdout


# name -> texts by path below docs/
MAKERS: dict[str, Callable[[], dict[str, str]]] = {
    "architecture": architecture.pages,
    "rules": _rules,
    "coverage": _coverage,
    "commands": _commands,
    "commands-not-run": lambda: {"reference/commands-not-run.md": blocks.page()},
    "test-scenes": _test_scenes,
    "margins": margins.pages,
    "tampering": _tampering,
    "hpc-corpus": _hpc_corpus,
}
