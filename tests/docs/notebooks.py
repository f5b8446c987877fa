"""The lesson as notebooks, made from its pages: the pages are the source, notebooks are never edited.

    python -m tests.docs.notebooks [FOLDER]

Console blocks become bash cells, solutions are folded, and the first cell finds the folder to work in. Blocks that a
page does not run stay text. (jupytext knows neither console blocks nor solutions, and so is not used.)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.blocks import BLOCK, DOCS, Block, blocks
from tests.docs.structure import ROOT

OUT = ROOT / "build/notebooks"
EPISODES = sorted((DOCS / "lesson").glob("[0-9]-*.md"))
SITE = "../site/lesson/"  # from the notebooks: `make docs` builds it
START = """\
# run this first: it finds the folder that holds submissions/examples, and `cloudmask` beside this Python
import os
import sys
from pathlib import Path

here = Path.cwd()
os.chdir(next(p for p in (here, *here.parents) if (p / "submissions/examples").is_dir()))
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""
CELLS = ("run", "file")  # what becomes of blocks that are
FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["solution"]}
CONTINUED, _END = "<details><summary>Solution, continued</summary>\n", "\n</details>\n"
_EMPTY = re.compile(r"<details><summary>[^<]*</summary>\s*</details>\n?")
_ADMONITION = re.compile(r"^!!! \w+ \"(.*)\"\n((?:^ {4}.*\n|^\n(?= {4}))*)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([\w./-]+)\.md(#[\w-]+)?\)")


def notebook(page: Path) -> Any:
    """The page as a notebook of nbformat 4."""
    from nbformat.v4 import new_notebook

    made = new_notebook(cells=list(_cells(page)))
    for number, cell in enumerate(made.cells):
        cell["id"] = f"{page.stem[:40]}-{number}"  # the same in each build
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def write(out: Path = OUT) -> list[Path]:
    """Write all episodes; returns their paths."""
    import nbformat

    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{page.stem}.ipynb" for page in EPISODES]
    for page, path in zip(EPISODES, paths, strict=True):
        nbformat.write(notebook(page), path)
    return paths


def _cells(page: Path) -> Iterator[Any]:
    """Blocks that are run or written are cells, everything between them is text."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    text = page.read_text(encoding="utf-8")
    found = {block.line: block for block in blocks(page)}
    yield new_code_cell(START)
    at, folded = 0, False  # inside of a solution
    for match in BLOCK.finditer(text):
        block = found[text.count("\n", 0, match.start()) + 1]
        if block.fate in CELLS:
            before = text[at : match.start()]
            goes_on = _ends_inside(before, folded)
            if shown := _text(before, folded, goes_on):
                yield new_markdown_cell(shown)
            yield new_code_cell(_code(block), metadata=FOLDED if goes_on else {})
            at, folded = match.end(), goes_on
    yield new_markdown_cell(_text(text[at:], folded, False))


def _code(block: Block) -> str:
    if block.fate == "file":
        return f"%%writefile {block.word}\n{block.text.rstrip()}"
    if block.kind == "python":
        return block.text.rstrip()
    no_raise = " --no-raise-error" if block.mark == "exit" else ""
    return f"%%bash{no_raise}\n" + "\n".join(command for command, _ in block.commands)


def _ends_inside(text: str, inside: bool) -> bool:
    marks = re.findall(r"</?details", text)
    return marks[-1] == "<details" if marks else inside


def _text(text: str, begins_inside: bool, ends_inside: bool) -> str:
    """Text between cells; a solution that goes on behind a cell is folded on both sides of it."""
    text = f"{CONTINUED if begins_inside else ''}{text}{_END if ends_inside else ''}"
    text = text.replace('<details markdown="1">', "<details>")
    text = _EMPTY.sub("", text)
    text = re.sub(r"(<summary>[^<]*</summary>)\n*", r"\1\n\n", text)
    text = re.sub(r"<!-- .*? -->\n", "", text)
    text = _ADMONITION.sub(_quote, text)
    return _LINK.sub(lambda m: f"]({SITE}{m[1]}.html{m[2] or ''})", text).strip()


def _quote(match: re.Match[str]) -> str:
    lines = [line[4:] for line in match[2].rstrip().splitlines()]
    return "\n".join([f"> **{match[1]}**", ">", *(f"> {line}".rstrip() for line in lines)]) + "\n\n"


def main(arguments: list[str]) -> None:
    """Write them into the folder named, or build/notebooks."""
    for path in write(Path(arguments[0]) if arguments else OUT):
        print(f"Notebook: {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
