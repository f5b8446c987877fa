"""Sources that are read less often where reading them is dear: /proc is slow where there are many cores,
and slower in some containers and virtual machines."""

from __future__ import annotations

import time

from harness.telemetry.sources.base import Source

PROBES = 3
WORTH_A_WORD_S = 0.1  # the sampler's usual interval: a source that keeps up with it needs no remark


class PacedSource(Source):
    """Costs no more than `cpu_share` of a core, but is read at least every `slowest_s`."""

    cpu_share = 0.001
    slowest_s = 10.0
    _remark: str | None = None

    def pace(self) -> None:
        """To be called at the end of open(): time some readings, and lengthen `interval_s` if need be."""
        costs_s = []
        for _ in range(PROBES):
            before_s = time.thread_time()
            self.read()
            costs_s.append(time.thread_time() - before_s)
        cost_s = sorted(costs_s)[PROBES // 2]
        wanted_s = min(self.slowest_s, cost_s / self.cpu_share)
        if wanted_s > max(self.interval_s, WORTH_A_WORD_S):
            self.interval_s = wanted_s
            self._remark = (
                f"{self.name}: read at most every {wanted_s:.2g} s: one reading takes {1e3 * cost_s:.2g} ms "
                "of processor time"
            )

    def notes(self) -> list[str]:
        """What pace() has to say, once."""
        remark, self._remark = self._remark, None
        return [remark] if remark else []
