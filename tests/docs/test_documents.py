"""Every document that is generated says so, and each is compared with what its maker makes.

docs/tampering.md and docs/hpc-corpus.md take minutes to make: tests/rules/test_tampering.py and test_corpus.py
compare them.
"""

from __future__ import annotations

import pytest

from tests.docs.__main__ import main
from tests.docs.documents import DOCS, MAKERS


@pytest.mark.parametrize("name", ["rules", "coverage", "architecture"])
def test_document_is_in_step(name):
    for place, text in MAKERS[name]().items():
        assert (DOCS / place).read_text(encoding="utf-8") == text, (
            f"docs/{place}: make it anew with `make docs`"
        )


def test_every_document_that_says_it_is_made_has_a_maker():
    made = {
        path.stem for path in DOCS.glob("*.md") if path.read_text(encoding="utf-8").startswith("<!-- Made by")
    }
    assert made == set(MAKERS)


def test_unknown_documents_are_refused(capsys):
    assert main(["rulez"]) == 2
    assert "rules" in capsys.readouterr().err
