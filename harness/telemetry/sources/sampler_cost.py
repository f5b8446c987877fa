"""Processor time that the sampling itself takes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, Subject


class SamplerCostSource(Source):
    """What the sampling itself costs, so that the overhead is evidence and not a claim."""

    name = "sampler"
    subject = Subject.SAMPLER
    lane = KERNEL
    interval_s = 1.0

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def quantities(self) -> list[QuantitySpec]:
        """Its share of one core."""
        return [QuantitySpec("cpu", "%", "sampler", Kind.RATE)]

    def read(self) -> Sequence[float | None]:
        """Percent of a core since the reading before, tools that it started included."""
        of_tools = os.times()  # ipmitool and the like, which the sampler starts
        now = (time.monotonic(), time.process_time() + of_tools.children_user + of_tools.children_system)
        last, self._last = self._last, now
        if last is None or now[0] <= last[0]:
            return [None]
        return [100.0 * (now[1] - last[1]) / (now[0] - last[0])]
