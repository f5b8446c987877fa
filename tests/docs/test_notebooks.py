"""The lesson's notebooks: made from its pages, with folded solutions, and executed from the first cell to the last."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import blocks, shows
from tests.docs.notebooks import CELLS, EPISODES, START, notebook, write
from tests.docs.structure import ROOT

pytest.importorskip("nbclient", reason="nbclient and ipykernel come with the extra `lesson`")
SUBMITS = "1-what-a-benchmark-measures"  # as test_pages.py does, nightly
CELL_S = 900  # only ends what hangs


@pytest.mark.parametrize("page", EPISODES, ids=lambda page: page.stem)
def test_every_block_that_is_run_is_a_cell_and_nothing_else_is_lost(page: Path) -> None:
    made = notebook(page)
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    wanted = [block for block in blocks(page) if block.fate in CELLS]
    assert code[0].source == START and len(code) == 1 + len(wanted)
    prose = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert prose.count("### Exercise") == page.read_text().count("### Exercise") >= 2
    assert "!!!" not in prose and "<!--" not in prose and ".md)" not in prose
    for cell in made.cells:
        assert cell.source.count("<details>") == cell.source.count("</details>")


def test_code_of_solutions_is_folded_and_that_of_the_lesson_is_not() -> None:
    made = notebook(next(page for page in EPISODES if page.stem.startswith("2-")))
    folded = ["solution" in cell.metadata.get("tags", []) for cell in made.cells if cell.cell_type == "code"]
    assert folded == [False, False, False, False, True, True, True, False]


def test_notebooks_are_valid_and_the_same_in_each_build(tmp_path: Path) -> None:
    import nbformat

    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert len(first) == 4
    for one, other in zip(first, second, strict=True):
        nbformat.validate(nbformat.read(one, as_version=4))
        assert one.read_bytes() == other.read_bytes()


EXECUTED = [
    pytest.param(page, marks=pytest.mark.nightly if page.stem == SUBMITS else pytest.mark.slow)
    for page in EPISODES
]


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_notebook_runs_and_shows_what_its_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient import NotebookClient

    shutil.copytree(ROOT / "submissions/examples", tmp_path / "submissions/examples")
    # `python` and `cloudmask` of this tree, as the first cell wants them beside Python
    beside = tmp_path / "bin"
    beside.mkdir()
    (beside / "cloudmask").write_text(f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n')
    (beside / "cloudmask").chmod(0o755)
    (tmp_path / "build/notebooks").mkdir(parents=True)
    for name, value in {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3"}.items():
        monkeypatch.setenv(name, value)
    made = notebook(page)
    made.cells[0].source += f'\nos.environ["PATH"] = "{beside}" + os.pathsep + os.environ["PATH"]'
    kernel = {"resources": {"metadata": {"path": str(tmp_path / "build/notebooks")}}}
    NotebookClient(made, timeout=CELL_S, kernel_name="python3", **kernel).execute()
    cells = [cell for cell in made.cells if cell.cell_type == "code"][1:]
    for cell, block in zip(cells, [b for b in blocks(page) if b.fate in CELLS], strict=True):
        if block.kind == "console":
            expected = "\n".join(shown for _, shown in block.commands if shown)
            assert shows(expected, _printed(cell)), f"{page.name}:{block.line}\n{_printed(cell)}"


def _printed(cell: Any) -> str:
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")
