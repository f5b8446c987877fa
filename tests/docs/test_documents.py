"""Every document that is generated says so, and each is compared with what its maker makes.

docs/tampering.md and docs/hpc-corpus.md take minutes to make: tests/rules/test_tampering.py and test_corpus.py
compare them. Links and paths in all documents lead somewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.__main__ import main
from tests.docs.documents import DOCS, MAKERS
from tests.docs.structure import ROOT

WRITTEN = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize(
    "name", ["rules", "coverage", "architecture", "commands", "commands-not-run", "test-scenes", "margins"]
)
def test_document_is_in_step(name: str) -> None:
    for place, text in MAKERS[name]().items():
        assert (DOCS / place).read_text(encoding="utf-8") == text, (
            f"docs/{place}: make it anew with `make docs`"
        )


def test_every_document_that_says_it_is_made_has_a_maker() -> None:
    made = {
        path.stem
        for path in [*DOCS.rglob("*.md"), *DOCS.rglob("*.svg")]
        if path.read_text(encoding="utf-8").startswith("<!-- Made by")
    }
    assert made == set(MAKERS)


def test_unknown_documents_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rulez"]) == 2
    assert "rules" in capsys.readouterr().err


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for place, _, mark in re.findall(r"\]\(([\w./-]*)(#([\w.-]+))?\)", re.sub(r"`[^`]*`", "", text)):
        target = page.parent / place if place else page
        if not target.exists() or (mark and mark not in _marks(target)):
            broken.append(f"{place}#{mark}")
    if page.name != "CONTRIBUTING.md":  # it names files that its examples make: test_errands.py
        named = re.findall(
            r"`((?:rules|reference|harness|tests|docs)/[\w./-]+\.\w+|(?:rules|harness|tests)/[\w/]+/)`", text
        )
        broken += [path for path in named if not (ROOT / path).exists()]
    assert broken == []


def _marks(page: Path) -> set[str]:
    """Anchors of a page: its own, and those of its headings."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    made = {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))
