"""What the order of a table says and what it does not: every row against the first, and the one above it."""

from __future__ import annotations

from harness.leaderboard.model import Entry
from harness.score.interval import ratio
from harness.score.model import Interval, Ratio
from harness.score.words import ratio_text


def in_order(entry: Entry) -> tuple[bool, float, str, str]:
    """The key that entries of a table are sorted by: those without a rank last, by name, since a place says less."""
    time_s = (entry.time_to_train_s or 0.0) if entry.ranked else 0.0
    return not entry.ranked, time_s, entry.org, entry.system


def placed(entries: list[Entry]) -> list[Entry]:
    """The entries of one table, in order, each that has a rank with how it compares in words."""
    result: list[Entry] = []
    for place, entry in enumerate(entries):
        if place == 0 or not entry.ranked:
            result.append(entry)
            continue
        first, above = compared(entries[0], entry), compared(entries[place - 1], entry)
        words = {"against_first": ratio_text(first)}
        if above is not None and not above.told_apart:
            words["against_above"] = ratio_text(above)
        result.append(entry.model_copy(update=words))
    return result


def compared(base: Entry, other: Entry) -> Ratio | None:
    """How many times longer `other` takes than `base`, with an interval where both have one."""
    return ratio(
        base.time_to_train_s or 0.0, interval_of(base), other.time_to_train_s or 0.0, interval_of(other)
    )


def interval_of(entry: Entry) -> Interval | None:
    """The interval of an entry's score; None where its runs were too few."""
    low, high, error, degrees = entry.low_s, entry.high_s, entry.error_s, entry.degrees
    if low is None or high is None or error is None or degrees is None:
        return None
    return Interval(low, high, error, degrees)
