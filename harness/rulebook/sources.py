"""How the `source` of a rule cites docs/sources.md, and the items that page holds.

A source is a list of parts with semicolons between them: `TR 11; sources C3, 0.8, case 8 and 9`. A part that
begins with `sources` names items of the page, as do all parts of `rules/coverage/`.
The other parts name a public document and its section, or are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PAGE = "sources.md"  # beside the generated pages in docs/
_ITEMS = re.compile(r"sources\s+(.*)", re.DOTALL)
_ITEM = re.compile(r"[A-RW]\d+|0\.\d+|1\.R")
_RANGE = re.compile(r"([A-RW])(\d+)-\1(\d+)")
_CASE = re.compile(r"case (\d+)")
_DOCUMENT = re.compile(r"([A-Z]{2,3}) \d")
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


@dataclass(frozen=True)
class Citation:
    """What one source cites: abbreviations of documents (`TR`) and items of the page (`C3`, `case 8`)."""

    documents: tuple[str, ...]
    items: tuple[str, ...]


def citation(source: str) -> Citation:
    """The parts of a rule's source. Raises ValueError for a part that begins as items and is not a list of them."""
    documents: list[str] = []
    items: list[str] = []
    for part in source.split(";"):
        named = _ITEMS.fullmatch(part.strip())
        if named:
            items += _listed(named[1])
        elif found := _DOCUMENT.match(part.strip()):
            documents.append(found[1])
    return Citation(tuple(documents), tuple(items))


def linked(source: str) -> str:
    """The source as Markdown: every item is a link to its place on the page; ranges link to their first item."""
    return ";".join(_linked_part(part) for part in source.split(";"))


def anchor(item: str) -> str:
    """The anchor of an item: C3 -> c3, case 8 -> case-8, 0.3 -> 0-3."""
    return item.lower().replace(" ", "-").replace(".", "-")


def anchors(page: str) -> frozenset[str]:
    """All anchors of the page's text."""
    return frozenset(_ANCHOR.findall(page))


def _linked_part(part: str) -> str:
    if not _ITEMS.fullmatch(part.strip()):
        return part
    words, places = re.split(r"(\([^)]*\))", part), []
    for word in words:
        if word.startswith("("):
            places.append(word)
            continue
        places.append(re.sub(r"(?<![\w.])(?:[A-RW]\d+|0\.\d+|1\.R)(?!\w)", _link, word))
    return re.sub(r"case \d+(?:(?:, | and )\d+)*", _case_links, "".join(places))


def _link(found: re.Match[str]) -> str:
    return f"[{found[0]}]({PAGE}#{anchor(found[0])})"


def _case_links(found: re.Match[str]) -> str:
    return re.sub(r"\d+", lambda number: f"[{number[0]}]({PAGE}#case-{number[0]})", found[0])


def _listed(text: str) -> Iterator[str]:
    """The items of a list such as `B1-B30, W5, case 29 and 59`; remarks in parentheses are left out."""
    in_cases = False
    for token in re.split(r",| and ", re.sub(r"\([^)]*\)", "", text)):
        word = token.strip()
        if found := _CASE.fullmatch(word) or (in_cases and re.fullmatch(r"(\d+)", word)):
            in_cases = True
            yield f"case {found[1]}"
            continue
        in_cases = False
        if span := _RANGE.fullmatch(word):
            yield from (f"{span[1]}{number}" for number in range(int(span[2]), int(span[3]) + 1))
        elif _ITEM.fullmatch(word):
            yield word
        else:
            raise ValueError(f"'{word}' in '{text}' is not an item of docs/{PAGE}")
