"""MLLOG and progress lines."""

from __future__ import annotations

import json
import math

import pytest

from reference.protocol.log import PROGRESS_TOKEN, Progress, RunLog, finite


def test_lines_name_their_caller_and_hold_no_nan(caplog: pytest.LogCaptureFixture) -> None:
    log = RunLog()
    log.start("run_start")
    log.event("result", {"loss": math.nan, "curve": [1.0, math.inf]}, epoch_num=1)
    log.end("run_stop", status="success")
    RunLog(enabled=False).event("seed", 1)
    lines = [json.loads(message.removeprefix(":::MLLOG ")) for message in caplog.messages]
    assert [line["key"] for line in lines] == ["run_start", "result", "run_stop"]
    assert lines[1]["value"] == {"loss": None, "curve": [1.0, None]}
    assert lines[1]["metadata"]["file"] == "tests/unit/reference/protocol/test_log.py"
    assert lines[2]["metadata"]["status"] == "success"


def test_progress_is_sparing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.say("train", loss=math.nan, step=1)
    progress.say("train", step=2)
    progress.say("train", force=True, step=3)
    Progress(enabled=False).say("train", force=True)
    lines = [json.loads(line.removeprefix(PROGRESS_TOKEN)) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"phase": "train", "step": 1}, {"phase": "train", "step": 3}]


def test_finite_keeps_everything_else() -> None:
    assert finite({"a": (1, -math.inf), "b": "nan", "c": 0.0}) == {"a": [1, None], "b": "nan", "c": 0.0}
