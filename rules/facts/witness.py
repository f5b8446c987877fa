"""What the stamps of a witness say about each line of its chain: not before, not after."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from rules.facts.needs import Subject, entry_of
from rules.facts.stamps import StampFacts, message_of, stamp_facts
from rules.model.package import PackageHeader
from rules.model.witness import Chain, Stamp
from rules.registry import NotChecked
from rules.ruleset import Ruleset

ALWAYS, NEVER = float("-inf"), float("inf")
NO_WITNESS = "no witness: times are those of the submitter's own clock"


class Stamped(msgspec.Struct, frozen=True):
    """A stamp in the chain: its own line, the line it is on, and what is known of it."""

    line: int
    of: int
    facts: StampFacts


class Bounds(msgspec.Struct, frozen=True):
    """When a line was written, by the outside clock, seconds since 1970; infinite where no stamp says."""

    earliest_s: float
    latest_s: float


class WitnessFacts(msgspec.Struct, frozen=True):
    """A chain whose stamps are verified."""

    chain: Chain
    stamps: tuple[Stamped, ...]
    bounds: tuple[Bounds, ...]  # of each line, from the first

    def on(self, line: int) -> Stamped | None:
        """The first valid stamp on a line."""
        return next((s for s in self.stamps if s.of == line and s.facts.valid), None)

    def of_line(self, line: int) -> Bounds:
        """When a line was written."""
        return self.bounds[line - 1]


def witness_of(subject: Subject, ruleset: Ruleset) -> WitnessFacts:
    """The witness of an entry. Raises NotChecked where there is none."""
    entry = entry_of(subject)
    if not isinstance(entry, PackageHeader) or entry.witness is None:
        raise NotChecked(NO_WITNESS)
    return witness_facts(
        entry.witness, (*ruleset.witness.roots.values(), *entry.roots), ruleset.witness.accuracy_s
    )


def known_witness_of(subject: Subject, ruleset: Ruleset) -> WitnessFacts:
    """The same, with at least one stamp that counts. Raises NotChecked."""
    facts = witness_of(subject, ruleset)
    if not any(stamp.facts.valid for stamp in facts.stamps):
        raise NotChecked("the witness has no stamp of an authority that is known here")
    return facts


@lru_cache(maxsize=4)
def witness_facts(chain: Chain, roots: tuple[str, ...], accuracy_s: float) -> WitnessFacts:
    """Every stamp of a chain verified, and what follows for its lines.

    A line was written after the times of all stamps that stand before it (its head covers them), and before
    the times of all stamps on itself or on later lines (their heads cover it).
    """
    stamps = []
    for number, entry in chain.of(Stamp):
        head = chain.head(entry.of) if entry.of < number else None
        if head is None:
            facts = StampFacts("other message", "it is on a line that was not there yet")
        else:
            facts = stamp_facts(entry.token, message_of(head), roots, accuracy_s)
        stamps.append(Stamped(number, entry.of, facts))
    return WitnessFacts(chain, tuple(stamps), _bounds(len(chain.lines), stamps))


def _bounds(lines: int, stamps: list[Stamped]) -> tuple[Bounds, ...]:
    after, before = [ALWAYS] * (lines + 1), [NEVER] * (lines + 1)
    for stamp in stamps:
        facts = stamp.facts
        if facts.valid and facts.earliest_s is not None and facts.latest_s is not None:
            after[stamp.line] = max(after[stamp.line], facts.earliest_s)
            before[stamp.of - 1] = min(before[stamp.of - 1], facts.latest_s)
    for at in range(1, lines + 1):
        after[at] = max(after[at], after[at - 1])
    for at in range(lines - 1, -1, -1):
        before[at] = min(before[at], before[at + 1])
    return tuple(Bounds(after[at], before[at]) for at in range(lines))
