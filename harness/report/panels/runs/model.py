"""The runs of a package, as data."""

from __future__ import annotations

from typing import Literal

from harness.report.part import Part


class Epoch(Part):
    """What a run logged about one epoch; None means: not logged."""

    epoch: int
    at_s: float | None  # when the evaluation was logged, since run_start
    train_loss: float | None = None
    train_accuracy: float | None = None
    patches_per_s: float | None = None
    eval_loss: float | None = None
    eval_accuracy: float | None = None


class Phase(Part):
    """A closed interval of the log, in seconds since run_start."""

    kind: Literal["init", "train", "evaluate", "inference"]
    start_s: float
    stop_s: float


class RunCard(Part):
    """One run: its result, its learning curve and its phases."""

    index: int
    seed: str
    status: str
    reason: str  # why it failed, when it did
    epochs: int | None
    time_to_train_s: float | None
    accuracy: float | None
    dropped: str
    peak_rss_bytes: int | None
    host: str
    curve: list[Epoch]
    phases: list[Phase]
    problems: list[str]
