"""What a person reads while runs go on: one way of counting, and numbers that say of what they are."""

from __future__ import annotations

import io
from typing import cast

import pytest
from rich.console import Console

from harness.run.progress import LiveDisplay, PlainDisplay, how_it_ended, run_name
from rules.model.evidence import RunRecord


class Record:
    def __init__(self, status: str, reason: str = "") -> None:
        self.run, self.status, self.reason, self.duration_s = 0, status, reason, 61.0


def record(status: str, reason: str = "") -> RunRecord:
    return cast(RunRecord, Record(status, reason))


def test_a_run_is_called_by_its_number_in_files_and_reports() -> None:
    assert run_name(0, 5) == "run 0 (1 of 5)" and run_name(4, 5, "Model") == "Model 4 (5 of 5)"


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("success", "", "success"),
        ("failed", "exit code 137", "failed (exit code 137)"),
        ("interrupted", "interrupted by the user", "interrupted by the user"),
    ],
)
def test_no_word_is_said_twice(status: str, reason: str, said: str) -> None:
    assert how_it_ended(record(status, reason)) == said


def test_plain_lines_say_what_is_being_done_and_of_what_the_numbers_are() -> None:
    console = Console(file=io.StringIO(), width=200)
    display = PlainDisplay(console)
    display.run_started(0, 5, 17)
    for _ in range(3):
        display.progress({"phase": "init", "doing": "loading TensorFlow"})
    display.progress({"phase": "train", "step": 1})
    display.event({"key": "epoch_start", "metadata": {"epoch_num": 1}})
    display.event({"key": "tracked_stats", "value": {"train_loss": 0.5, "throughput": 33.0}})
    display.event({"key": "eval_accuracy", "value": 0.85, "metadata": {}})
    display.run_finished(record("success"))
    lines = cast(io.StringIO, console.file).getvalue().splitlines()
    assert lines[0] == "run 0 (1 of 5): seed 17" and lines[1] == "  loading TensorFlow ..."
    assert lines[2] == "  epoch 1, validation accuracy 0.8500, training loss 0.5000, 33.0 patches/s"
    assert lines[3].startswith("run 0 (1 of 5): success, 1 min 01 s") and len(lines) == 4


@pytest.mark.parametrize(("phase", "of"), [("train", "training"), ("evaluate", "validation")])
def test_the_live_panel_says_whose_loss_it_is(phase: str, of: str) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    display = LiveDisplay(console)
    try:
        display.run_started(1, 5, 17)
        display.progress({"phase": phase, "epoch": 2, "step": 3, "steps": 9, "loss": 0.4, "accuracy": 0.8})
        with console.capture() as shown:
            console.print(display._panel())
    finally:
        display.close()
    assert f"run 1 (2 of 5)  {phase}  epoch 2" in shown.get()
    assert f"{of} loss 0.4000" in shown.get() and f"{of} accuracy 0.8000" in shown.get()
