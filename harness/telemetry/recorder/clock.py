"""This node's clock against the harness': what makes the files of several nodes comparable.

The sampler asks, the harness answers with its time. The answer was written between question and
arrival, so the offset is known to within half that time (Cristian, Probabilistic clock
synchronization, 1989); of several questions the quickest answer counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from harness.telemetry.sources.base import QuantitySpec, Source

QUESTIONS = 5
ANSWER_S = 1.0


class ClockSource(Source):
    """Wall clock of this node minus that of the harness, and how far that may be wrong, in s."""

    name = "clock"
    interval_s = 30.0

    def __init__(self, ask: Callable[[dict[str, Any]], bool]) -> None:
        self._ask = ask
        self._answers: dict[int, tuple[float, float]] = {}
        self._arrived = threading.Condition()
        self._asked = 0

    def quantities(self) -> list[QuantitySpec]:
        """Offset and uncertainty."""
        return [QuantitySpec("clock_offset", "s", "node"), QuantitySpec("clock_uncertainty", "s", "node")]

    def answer(self, message: dict[str, Any]) -> None:
        """From the thread that listens to the harness: {"clock": number of the question, "wall_s": ...}."""
        number, wall_s = message.get("clock"), message.get("wall_s")
        if isinstance(number, int) and isinstance(wall_s, (int, float)):
            with self._arrived:
                self._answers[number] = (time.time(), float(wall_s))
                self._arrived.notify_all()

    def read(self) -> Sequence[float | None]:
        """By the quickest answer of several, in s; absent without any."""
        found: list[tuple[float, float]] = []
        while len(found) < QUESTIONS:
            one = self._question()
            if one is None:  # without an answer, do not wait again
                break
            found.append(one)
        if not found:
            return [None, None]
        uncertainty_s, offset_s = min(found)
        return [offset_s, uncertainty_s]

    def _question(self) -> tuple[float, float] | None:
        """(uncertainty, offset) by one question; None without an answer."""
        self._asked += 1
        number = self._asked
        sent_s = time.time()
        if not self._ask({"clock": number}):
            return None
        with self._arrived:
            if not self._arrived.wait_for(lambda: number in self._answers, ANSWER_S):
                return None
            arrived_s, theirs_s = self._answers.pop(number)
        return (arrived_s - sent_s) / 2, (arrived_s + sent_s) / 2 - theirs_s
