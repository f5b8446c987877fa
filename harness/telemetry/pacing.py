"""How often things are read: one share of a core for all of them, and the most expensive give way first.

What a reading costs depends on the processor, on the number of GPUs and cores, and on what else runs, so it
is measured while sampling. Every source, and every part of one that is read less often than the rest, has a
Pace, which spaces readings so that they take no more than a certain part of the share, except where it
promises more of them. While the process takes more than its share, the Budget lowers one level for all, above
which no Pace may take, to what the measured costs say is needed; afterwards it raises the level in steps.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

SHARE = 0.01  # of a core, at the usual interval; asking for more readings means accepting what they cost
USUAL_INTERVAL_S = 0.1
LARGEST = 0.3  # part of the share that the calls of one Pace may take
LEVELS = tuple(0.8**step for step in range(18))  # parts of it, while everything together takes too much
WAKE_S = 200e-6  # processor time of a reading besides the call itself: waking a thread, writing the values
COSTS = 3  # readings whose median counts
SOON_S = 0.005  # what is due so soon is read now: one wake-up instead of two
WINDOW_S = 5.0
_AIM, _ENOUGH, _PLENTY = 0.85, 0.95, 0.6  # parts of the share: what to go for, from where, back from where
_STEPS_BACK = 2
_WORTH_A_WORD = 1.5  # how much further apart than last told

_Values = TypeVar("_Values")


class Pace:
    """Schedule of one thing that is read again and again: when it is due, and what a reading costs.

    `interval_s`: shortest time between readings. `slowest_s`: it is read at least this often, whatever the
    sampling costs; None means always at `interval_s`. `costly_s`: the same where one reading is so expensive
    that `slowest_s` alone would exceed the largest part of the share.
    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        slowest_s: float | None = None,
        costly_s: float | None = None,
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self.slowest_s = interval_s if slowest_s is None else slowest_s
        self.costly_s = self.slowest_s if costly_s is None else costly_s
        self.share = SHARE  # of a core, for everything together
        self.level = LEVELS[0]
        self.due_s = -math.inf  # monotonic; minus infinity: at once
        self.spent_s = 0.0  # processor time of all readings
        self.cost_s = 0.0  # of one reading
        # readings made, and readings that were due and could not be made in time
        self.taken = self.missed = 0
        self._costs_s: deque[float] = deque(maxlen=COSTS)

    @property
    def spacing_s(self) -> float:
        """Time between two readings, as it is now."""
        return self.spacing_at(self.level)

    def spacing_at(self, level: float) -> float:
        """Time between two readings at a level: a multiple of `interval_s`, so that what is read by one thread
        stays in step."""
        own_s = self.cost_s / (LARGEST * self.share)
        granted_s = (self.cost_s + WAKE_S) / (level * self.share)
        wanted_s = max(min(granted_s, self.slowest_s), min(own_s, self.costly_s))
        steps = math.ceil(wanted_s / self.interval_s - 1e-6)
        limit_s = self.slowest_s if own_s <= self.slowest_s else self.costly_s
        return max(self.interval_s, min(steps * self.interval_s, limit_s))

    def taken_at(self, level: float) -> float:
        """Part of the share that the readings take at a level."""
        return (self.cost_s + WAKE_S) / (self.spacing_at(level) * self.share)

    def is_due(self, now_s: float) -> bool:
        """Whether it is to be read at this moment, or so soon that waking up again is not worth it."""
        return self.due_s <= now_s + SOON_S

    def at_once(self) -> None:
        """The next reading is due now, and the schedule begins anew with it."""
        self.due_s = -math.inf

    def measured(self, read: Callable[[], _Values], parts: Sequence[Pace] = ()) -> _Values:
        """The result of a reading, whose processor time is noted, less that of `parts` read within it.

        The next one is due one spacing after this one was due, so delays do not add up; readings that could
        not be made in time are skipped, not bunched. Raises what `read` raises.
        """
        began_s, of_parts_s = time.thread_time(), sum(part.spent_s for part in parts)
        values = read()
        of_parts_s = sum(part.spent_s for part in parts) - of_parts_s
        cost_s = max(0.0, time.thread_time() - began_s - of_parts_s)
        self.spent_s += cost_s
        self._costs_s.append(cost_s)
        self.cost_s = sorted(self._costs_s)[(len(self._costs_s) - 1) // 2]
        now_s, spacing_s = time.monotonic(), self.spacing_s  # once: another thread may change them
        due_s = self.due_s
        due_s = now_s if due_s == -math.inf else due_s
        steps = max(1, int((now_s - due_s) / spacing_s))
        self.taken, self.missed = self.taken + 1, self.missed + steps - 1
        self.due_s = due_s + spacing_s * steps
        return values


class Budget:
    """Keeps this process to its share of a core by the spacing of its readings."""

    def __init__(self, paces: Sequence[Pace], interval_s: float) -> None:
        self._paces = paces
        self._told_s = {pace.name: max(pace.interval_s, USUAL_INTERVAL_S) for pace in paces}
        self._share = SHARE * max(1.0, USUAL_INTERVAL_S / interval_s)
        self._last = (time.monotonic(), time.process_time())
        self._step = 0  # of LEVELS
        for pace in paces:
            pace.share = self._share

    def look(self) -> str | None:
        """To be called often. A remark when readings come clearly further apart than ever before."""
        now = (time.monotonic(), time.process_time())
        elapsed_s = now[0] - self._last[0]
        if elapsed_s < WINDOW_S:
            return None
        used = (now[1] - self._last[1]) / elapsed_s / self._share
        self._last = now
        if used > _ENOUGH:
            target = self._taken_at(self._step) - (used - _AIM)
            lower = range(self._step + 1, len(LEVELS))
            self._step = next((step for step in lower if self._taken_at(step) <= target), len(LEVELS) - 1)
        elif used < _PLENTY:
            self._step = max(0, self._step - _STEPS_BACK)
        for pace in self._paces:
            pace.level = LEVELS[self._step]
        return self._remark(100 * used * self._share)

    def _taken_at(self, step: int) -> float:
        return sum(pace.taken_at(LEVELS[step]) for pace in self._paces)

    def _remark(self, percent: float) -> str | None:
        spaced = {pace.name: pace.spacing_s for pace in self._paces if pace.spacing_s > pace.interval_s}
        if not any(spacing_s >= _WORTH_A_WORD * self._told_s[name] for name, spacing_s in spaced.items()):
            return None
        self._told_s |= {name: max(spacing_s, self._told_s[name]) for name, spacing_s in spaced.items()}
        listed = ", ".join(f"{name} {spacing_s:.2g} s" for name, spacing_s in spaced.items())
        return f"the sampler took {percent:.2g} % of a core; it reads less often for a while: {listed}"
