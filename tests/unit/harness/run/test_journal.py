"""The journal knows what it wrote, whatever becomes of its files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from harness.run.journal import Journal, open_journal

LINES = [
    ':::MLLOG {"key": "a", "value": "1.0"}',
    ':::MLLOG {"key": "run_stop", "metadata": {"status": "success"}}',
]


@pytest.fixture
def written(tmp_path: Path) -> Journal:
    with open_journal(tmp_path / "result.txt", tmp_path / "timeline.jsonl", lambda event: None) as journal:
        for line in LINES:
            journal.write(line, "child", 1.0, 2.0)
        assert len((tmp_path / "result.txt").read_text().splitlines()) == len(LINES)  # nothing is kept back
    return journal


def test_files_as_they_were_written_are_not_changed(written: Journal, tmp_path: Path) -> None:
    assert written.changed() == []
    record = written.record()
    assert record["lines"] == 2
    assert record["result"] == hashlib.sha256((tmp_path / "result.txt").read_bytes()).hexdigest()
    assert record["timeline"] == hashlib.sha256((tmp_path / "timeline.jsonl").read_bytes()).hexdigest()


@pytest.mark.parametrize("how", ["in place", "replaced", "longer", "gone"])
def test_any_other_content_is(written: Journal, tmp_path: Path, how: str) -> None:
    log = tmp_path / "result.txt"
    if how == "in place":
        with log.open("r+b") as file:
            file.write(log.read_bytes().replace(b"1.0", b"9.9"))
    elif how == "replaced":
        (tmp_path / "other").write_text(LINES[0])
        os.replace(tmp_path / "other", log)
    elif how == "longer":
        log.open("a").write("x\n")
    else:
        log.unlink()
    assert written.changed() == ["result.txt"]
