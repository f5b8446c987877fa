"""Watching the sampler from outside: a process that is stopped (SIGSTOP) says nothing, and samples nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

import psutil

SILENT_S = 5.0  # it reports every second; a starved one is late
FEW = 20  # readings: fewer say nothing about a rate
MISSED = 0.5  # share of the readings that were due


class Watch:
    """What the harness notices about one sampler, in lines that become part of the run's record."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self._heard_s = time.monotonic()
        self._stops = 0  # how often it was found stopped
        self._silent = False
        self._taken = self._missed = 0

    def heard(self, message: dict[str, Any]) -> None:
        """A message of the sampler arrived."""
        now_s = time.monotonic()
        if self._silent:
            self._add(f"the telemetry sampler said nothing for {now_s - self._heard_s:.1f} s")
        self._heard_s, self._silent = now_s, False
        for name in ("taken", "missed"):
            if isinstance(message.get(name), int):
                setattr(self, f"_{name}", message[name])

    def look(self, pid: int) -> str | None:
        """To be called about once a second. One line when something is wrong that was right before."""
        if _goes_on(pid):
            self._stops += 1
            return None if self._stops > 1 else "the telemetry sampler was stopped (SIGSTOP); it goes on"
        if not self._silent and time.monotonic() - self._heard_s > SILENT_S:
            self._silent = True
            return f"no word from the telemetry sampler for {SILENT_S:g} s"
        return None

    def end(self, pid: int) -> None:
        """The sampling is to end: sum up."""
        self._stops += _goes_on(pid, ending=True)
        if self._stops:
            self._add(f"the telemetry sampler was found stopped (SIGSTOP) {self._stops} times")
        if self._silent:
            self._add(f"the telemetry sampler said nothing for {time.monotonic() - self._heard_s:.1f} s")
        due = self._taken + self._missed
        if due >= FEW and self._missed > MISSED * due:
            self._add(
                f"the telemetry sampler made {self._taken} of {due} readings: it was stopped or starved"
            )

    def _add(self, trouble: str) -> None:
        self.troubles.append(trouble)


def _goes_on(pid: int, ending: bool = False) -> bool:
    """Whether the process was stopped; it goes on then. `ending` also takes back a stop that is on its way."""
    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        stopped = psutil.Process(pid).status() == psutil.STATUS_STOPPED
        if stopped or ending:
            os.kill(pid, signal.SIGCONT)
        return stopped
    return False
