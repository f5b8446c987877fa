"""Which documents are generated, and by what."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.rulebook.coverage import coverage_page
from harness.rulebook.markdown import rules_page
from tests.docs import architecture
from tests.rules import corpus

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _rules() -> dict[str, str]:
    return {"rules.md": rules_page()}


def _coverage() -> dict[str, str]:
    return {"coverage.md": coverage_page()}


def _tampering() -> dict[str, str]:
    subprocess.run([sys.executable, "-m", "tests.rules.tampering", "--new"], cwd=DOCS.parent, check=True)
    return {"tampering.md": (DOCS / "tampering.md").read_text(encoding="utf-8")}


def _hpc_corpus() -> dict[str, str]:
    if not corpus.CORPUS.is_dir():
        return {}
    made = subprocess.run(
        [sys.executable, "-m", "tests.rules.corpus"],
        cwd=DOCS.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return {"hpc-corpus.md": made.stdout}


# name -> texts by path below docs/
MAKERS: dict[str, Callable[[], dict[str, str]]] = {
    "architecture": architecture.pages,
    "rules": _rules,
    "coverage": _coverage,
    "tampering": _tampering,
    "hpc-corpus": _hpc_corpus,
}
