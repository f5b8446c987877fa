"""How a log's time divides into phases: every pair of X_start and X_stop, added up.

Of any log of MLPerf's line format: keys are not known beforehand, and decide alone: upstream's program logs
run_start as an end and eval_start as a point in time. A phase that begins twice without an end, or ends without a
beginning, is counted as such and adds no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.facts.log_reading import time_ms
from rules.model.log import Log

_START, _STOP = "_start", "_stop"
MAX_PHASES = 200  # names that one log may bring


@dataclass(frozen=True)
class Phase:
    """All intervals of one name in one log."""

    name: str
    count: int  # intervals with a beginning and an end
    total_s: float
    mean_s: float | None  # None where count is 0
    shortest_s: float | None
    longest_s: float | None
    share: float | None  # of the time from the log's first event to its last; phases lie inside each other
    unmatched: int  # beginnings without an end, ends without a beginning, and times that run backwards


@dataclass
class _Sum:
    open_ms: list[int | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unmatched: int = 0


def span_s(log: Log) -> float | None:
    """Seconds from the first event to the last; None where fewer than two have a time."""
    times = [at for event in log.events if (at := time_ms(event)) is not None]
    return (max(times) - min(times)) / 1000 if len(times) > 1 else None


def phases(log: Log) -> list[Phase]:
    """The phases of a log in the order of their first beginning, MAX_PHASES at most."""
    sums: dict[tuple[str, str], _Sum] = {}
    for event in log.events:
        begins = event.key.endswith(_START)
        if not begins and not event.key.endswith(_STOP):
            continue
        name = event.key.removesuffix(_START if begins else _STOP)
        scope = event.namespace if isinstance(event.namespace, str) else ""
        key = (name, scope)
        if key not in sums and len(sums) >= MAX_PHASES:
            continue
        _add(sums.setdefault(key, _Sum()), begins, time_ms(event))
    whole = span_s(log)
    return [
        _phase(f"{name} ({scope})" if scope else name, found, whole) for (name, scope), found in sums.items()
    ]


def _add(found: _Sum, begins: bool, at: int | None) -> None:
    if begins:
        found.unmatched += len(found.open_ms)
        found.open_ms = [at]
        return
    if not found.open_ms:
        found.unmatched += 1
        return
    start = found.open_ms.pop()
    if start is None or at is None or at < start:
        found.unmatched += 1
    else:
        found.seconds.append((at - start) / 1000)


def _phase(name: str, found: _Sum, whole_s: float | None) -> Phase:
    total, count = sum(found.seconds), len(found.seconds)
    return Phase(
        name=name,
        count=count,
        total_s=round(total, 3),
        mean_s=round(total / count, 6) if count else None,
        shortest_s=min(found.seconds, default=None),
        longest_s=max(found.seconds, default=None),
        share=round(total / whole_s, 6) if whole_s and count else None,
        unmatched=found.unmatched + len(found.open_ms),
    )
