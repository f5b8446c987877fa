"""Which clock times a run: the harness' monotonic one where lines were seen to arrive, else the log's own.

A child may write any time into its lines; when they arrive, it cannot choose. Rulesets say which counts
(`clock.scored`): those of rounds whose packages have no timeline, and cloudmask-1.0, go by the log.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from rules.facts.log_reading import run_start, run_stop, time_ms, time_to_train_s
from rules.model.log import Event, Log, Timeline
from rules.model.run_facts import HARNESS_CLOCK, LOG_CLOCK, ClockName
from rules.ruleset import Ruleset


class RunClock(msgspec.Struct, frozen=True, dict=True):
    """Times of the lines of one log, in seconds since its run_start."""

    log: Log
    timeline: Timeline | None  # None: the log's times count

    @property
    def name(self) -> ClockName:
        """Whose clock it is."""
        return LOG_CLOCK if self.timeline is None else HARNESS_CLOCK

    def at_s(self, event: Event | None) -> float | None:
        """When a line arrived on the monotonic clock, or was written by the log's; None when unknown."""
        if event is None:
            return None
        if self.timeline is not None:
            arrival = self.timeline.of_line(event.line)
            return None if arrival is None else arrival.monotonic_s
        at = time_ms(event)
        return None if at is None else at / 1000

    def since_start_s(self, event: Event | None) -> float | None:
        """Seconds between run_start and this line; None when one of them has no time."""
        start, at = self._start_s, self.at_s(event)
        return None if start is None or at is None else at - start

    @cached_property
    def _start_s(self) -> float | None:
        return self.at_s(run_start(self.log))

    @property
    def time_to_train_s(self) -> float | None:
        """run_stop - run_start (sources C1); None when either is missing or it is not positive."""
        if self.timeline is None:
            return time_to_train_s(self.log)
        found = self.since_start_s(run_stop(self.log))
        return found if found is not None and found > 0 else None


def run_clock(log: Log, timeline: Timeline | None, ruleset: Ruleset) -> RunClock:
    """The clock that counts: the harness', where the ruleset asks for it and both ends were seen to arrive."""
    if ruleset.clock.scored == "arrivals" and timeline is not None:
        found = RunClock(log, timeline)
        if found.time_to_train_s is not None:
            return found
    return RunClock(log, None)
