"""Code blocks of tutorials, guides and the lesson: which are run by tests, which are not, and why.

    python -m tests.docs.blocks

A comment in front of a block says what it is: `file PATH` (written there), `not run: REASON`, `exit N` (of the last
command). Blocks that are shown inside other text may be indented.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from harness.rulebook.markdown import MADE_BY
from tests.docs.structure import ROOT

DOCS = ROOT / "docs"
PARTS = ("tutorials", "guides", "lesson")
BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>file|not run:|exit) (?P<word>.*?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
RUN = ("console", "python")
_PAGE = """\
{made}

# Commands that no test runs

Tutorials, guides and the lesson show {run} commands and scripts that tests run in order, each page in a fresh folder,
and whose output is compared with what the page shows (tests/docs/test_pages.py). These {count} blocks are not run:

{rows}

Commands on other pages (README.md, reference, explanation) illustrate, and are run by no test as they stand there. That
their verbs, options and make targets exist is tested, on all pages (tests/docs/test_commands_exist.py).
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and what the comment before it says."""

    page: str
    line: int
    kind: str
    text: str
    mark: str
    word: str

    @property
    def fate(self) -> str:
        """What tests do with it: run, file, or "not run"; empty when nothing was decided."""
        named = {"file": "file", "not run:": "not run"}.get(self.mark)
        return named or ("run" if self.kind in RUN else "")

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Commands of a console block (their further lines begin with `> `), each with the output that is shown."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        found = []
        for part in parts:
            lines = part.splitlines()
            more = [i for i, line in enumerate(lines) if i and line.startswith("> ")]
            end = more[-1] + 1 if more else 1
            command = "\n".join([lines[0], *(line[2:] for line in lines[1:end])])
            found.append((command, "\n".join(lines[end:]).strip()))
        return found


def pages() -> list[Path]:
    """The pages whose blocks are accounted for."""
    return sorted(page for part in PARTS for page in (DOCS / part).glob("*.md"))


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(DOCS).as_posix()
    found = []
    for at in BLOCK.finditer(text):
        line = text.count("\n", 0, at.start()) + 1
        body = textwrap.dedent(at["body"])
        found.append(Block(name, line, at["kind"], body, at["mark"] or "", at["word"] or ""))
    return found


def shows(expected: str, actual: str) -> bool:
    """Whether the output is as the page shows it; `...` stands for anything, trailing blanks do not count."""
    actual = "\n".join(line.rstrip() for line in actual.strip().splitlines())
    pattern = ".*?".join(re.escape(part) for part in re.split(r"\n?\.\.\.\n?", expected.strip()))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def page() -> str:
    """docs/reference/commands-not-run.md: what is run and what is not, as Markdown."""
    found = [block for path in pages() for block in blocks(path)]
    run = sum(len(block.commands) if block.kind == "console" else 1 for block in found if block.fate == "run")
    rows = []
    for block in found:
        if block.fate == "not run":
            shown = [f"    {line}" for line in block.text.splitlines() if line.startswith("$ ")]
            fenced = ["", "    ```console", *shown, "    ```", ""] if shown else []
            rows += ["\n".join([f"* [{block.page}](../{block.page}): {block.word}", *fenced])]
    return _PAGE.format(
        made=MADE_BY.format(command="make docs"), run=run, rows="\n".join(rows), count=len(rows)
    )


def main() -> None:
    """Print every block: fate, place, first line, reason."""
    for page in pages():
        for block in blocks(page):
            first = block.text.strip().splitlines()[0][:70] if block.text.strip() else ""
            print(f"{block.fate or '?':8} {block.page}:{block.line}  {first}  ({block.word})")


if __name__ == "__main__":
    main()
