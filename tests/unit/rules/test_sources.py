"""What rules and rules/coverage/ cite is on docs/sources.md, and every abbreviation is explained there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.rulebook.coverage import load_coverage
from harness.rulebook.sources import anchor, anchors, citation, linked
from rules.registry import Rule, catalogue

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
EXPLAINED = set(re.findall(r"^\| ([A-Z][A-Z0-9]{0,2}) \| ", PAGE, re.MULTILINE))


def test_citation_of_items_documents_and_words() -> None:
    found = citation(
        "TR 11, 12; sources C3, 0.8, B1-B3 (a remark, E1), 1.R, case 29 and 59, W1; the run protocol"
    )
    assert found.documents == ("TR",)
    assert found.items == ("C3", "0.8", "B1", "B2", "B3", "1.R", "case 29", "case 59", "W1")


def test_citation_refuses_what_is_not_an_item() -> None:
    with pytest.raises(ValueError, match="Z9"):
        citation("sources Z9")


def test_linked_leaves_remarks_and_documents_alone() -> None:
    assert linked("TR 1; sources C3 (E1), case 3, 8") == (
        "TR 1; sources [C3](sources.md#c3) (E1), case [3](sources.md#case-3), [8](sources.md#case-8)"
    )


@pytest.mark.parametrize("rule", catalogue(), ids=lambda rule: rule.id)
def test_items_a_rule_cites_are_on_the_page(rule: Rule) -> None:
    found = citation(rule.source)
    assert {anchor(item) for item in found.items} <= anchors(PAGE)
    assert set(found.documents) <= EXPLAINED


def test_items_of_the_coverage_are_on_the_page() -> None:
    found = load_coverage()
    named = [*found.requirements, *found.weaknesses, *(f"case {number}" for number in found.cases)]
    assert [item for item in named if anchor(item) not in anchors(PAGE)] == []


def test_no_anchor_stands_twice() -> None:
    every = re.findall(r'<a id="([^"]+)"></a>', PAGE)
    assert sorted(every) == sorted(set(every))


def test_links_of_the_page_lead_to_its_anchors() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors(PAGE) | headings


def test_sources_of_items_are_explained() -> None:
    """The last cell of each item: documents and programs by their abbreviations."""
    rows = [line for line in PAGE.splitlines() if line.startswith('| <a id="') and "case-" not in line]
    assert len(rows) > 230
    cells = [row.rstrip(" |").rsplit(" | ", 1)[1] for row in rows]
    used = {a for cell in cells for a in re.findall(r"(?:^|[;,] |of )([A-Z][A-Z0-9]{0,2})(?= |;|,|$)", cell)}
    assert used - {"W1", "W6", "F1", "I5"} <= EXPLAINED  # items among them
