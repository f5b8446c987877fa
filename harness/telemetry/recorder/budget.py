"""What the sampler may take of the machine that it measures: one hundredth of a core.

What a reading costs depends on the processor, on the number of GPUs and cores, and on what else runs: it is
not known beforehand. So the sampler looks at the processor time it has taken, and reads less often the
sources that may be read less often (Source.stretch_to_s) while it is too much.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from harness.telemetry.recorder.channel import Channel
from harness.telemetry.recorder.file import PACED

SHARE = 0.01  # of a core, at the usual interval; who asks for more readings accepts that they cost more
USUAL_INTERVAL_S = 0.1
WINDOW_S = 5.0
_AIM, _ENOUGH, _PLENTY = 0.85, 0.95, 0.6  # parts of the share: what to go for, from where, back from where
_STEP_BACK = 1.25
_MOST = 10.0


class Budget:
    """Keeps one sampler to its share of a core by the spacing of its readings."""

    def __init__(self, channels: Iterable[Channel], interval_s: float) -> None:
        self._channels = list(channels)
        self._share = SHARE * max(1.0, USUAL_INTERVAL_S / interval_s)
        self._stretch = self._said = 1.0
        self._last = (time.monotonic(), time.process_time())

    def look(self) -> str | None:
        """To be called often. A remark when the readings come further apart than ever before."""
        now = (time.monotonic(), time.process_time())
        elapsed_s = now[0] - self._last[0]
        if elapsed_s < WINDOW_S:
            return None
        used = (now[1] - self._last[1]) / elapsed_s / self._share
        self._last = now
        if used > _ENOUGH:
            self._set(self._stretch * used / _AIM)
        elif used < _PLENTY:
            self._set(self._stretch / _STEP_BACK)
        return self._remark(100 * used * self._share)

    def _set(self, stretch: float) -> None:
        self._stretch = min(_MOST, max(1.0, stretch))
        for channel in self._channels:
            channel.stretch = self._stretch

    def _remark(self, percent: float) -> str | None:
        spaced = [
            f"{c.source.name} {c.spacing_s:.2g} s" for c in self._channels if c.spacing_s > c.interval_s
        ]
        if self._stretch <= self._said or not spaced:
            return None
        self._said = self._stretch
        took = f"the sampler took {percent:.2g} % of a core"
        return f"{PACED} {took}; it reads less often for a while: {', '.join(spaced)}"
