"""cloudmask score, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.builders import build_package
from tests.support.command import cloudmask


def test_one_log_shows_its_run_and_no_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = next(build_package(tmp_path).root.rglob("result_0.txt"))
    code, out, _ = cloudmask(capsys, "score", str(log))
    assert code == 1 and "run 0" in out and "no score: 5 runs are needed, there are 1" in out
    code, out, _ = cloudmask(capsys, "score", str(log), "--json")
    (record,) = json.loads(out)["scores"]
    assert code == 1 and record["score_s"] is None and record["entry"] == "result_0.txt"


@pytest.mark.parametrize("text", ["nothing was run\n", "", ':::MLLOG {"key": "other"}\n'])
def test_a_file_that_is_not_a_log_is_named_as_such(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text(text)
    code, out, err = cloudmask(capsys, "score", str(tmp_path / "notes.txt"))
    assert (code, out) == (2, "")
    assert "notes.txt is not a result log" in err and "fix: name a package" in err
