"""What a report shows of the log of a run, out of the facts that were kept of it."""

from __future__ import annotations

from typing import Any

from harness.report.panels.runs.model import Epoch, Phase
from rules.model.run_facts import RunFacts


def logged(run: RunFacts, key: str) -> Any:
    """The value that the log states for a key of the ruleset; None when it states none."""
    return run.settings.value(key)


def clock(run: RunFacts) -> tuple[float | None, float | None]:
    """time_ms of run_start, and the time-to-train in seconds, by the clock that the score counts."""
    return run.timed.start_ms, run.time_to_train_s


def curve(run: RunFacts) -> list[Epoch]:
    """One entry per epoch that has an evaluation or training statistics, in order of epoch."""
    return [Epoch(**point._asdict()) for point in run.curve]


def phases(run: RunFacts) -> list[Phase]:
    """Closed intervals of the log, in seconds since run_start, in order of their start."""
    return [Phase(**span._asdict()) for span in run.phases]
