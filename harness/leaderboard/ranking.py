"""Who has a rank in the closed division: whose code need not be believed, because its work was computed again.

A program can print any line. What ranks an entry, for any code, is that in every run the weights descend from the
seed, as training moves them, and give the logged accuracy, and the first epoch was trained again: by the build of this
site (--replay), or by a reviewer whose verdict stands in the entry's review. All of it is needed: the way of another
run, added to the seed's beginning, descends from it and computes nothing; a fifth of the beginning, added to weights
from elsewhere, descends and computes, but did not move as training moves. The code of a release was read by others;
that it ran, the run records only assert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.leaderboard.model import Entry
from harness.leaderboard.reviews import Event, Recomputed, Review
from rules.evidence.lineage import aligned, descends, moved_as_recorded
from rules.evidence.replay import first_epoch
from rules.evidence.replay import replay as evaluation
from rules.model.findings import Outcome, Verdict
from rules.package.released import code_ran, code_read, released
from rules.ruleset import Ruleset

# rules that have to pass
RECOMPUTED = (evaluation.id, descends.id, moved_as_recorded.id, aligned.id, first_epoch.id)
RELEASED = (code_ran.id, released.id, code_read.id)
HERE, RELEASE = "recomputed when this site was built", "of a release, as the run records state"
UNREAD = "code unread"
OPEN = "open"


def basis(verdict: Verdict) -> str:
    """What this verdict by itself ranks an entry by, in words; empty where it is nothing."""
    outcomes = {rule.id: rule.outcome.value for rule in verdict.rules}
    if _all_pass(outcomes, RECOMPUTED):
        return HERE
    return RELEASE if _all_pass(outcomes, RELEASED) else ""


def kept_of(record: Mapping[str, Any]) -> Recomputed:
    """What a review keeps of a verdict, from the output of `cloudmask check --format json`.

    Raises ValueError in one line when it is not of exactly one entry, not such an output, or of a check that
    computed nothing again.
    """
    try:
        (entry,) = record["entries"]
        outcomes = {rule["id"]: rule["outcome"] for rule in record["rules"]}
        kept = {id: outcomes[id] for id in RECOMPUTED}
        said: dict[str, Any] = {"ruleset": record["ruleset"], "verdict": record["verdict"], "rules": kept}
        found = Recomputed(entry=entry["sha256"], **said)
    except (KeyError, TypeError, ValueError):
        raise ValueError("it is not what `cloudmask check --format json` prints of one system") from None
    if set(kept.values()) <= {Outcome.NOT_CHECKED.value, Outcome.NOT_APPLICABLE.value}:
        raise ValueError("that check computed nothing again")
    return found


def ranked(entry: Entry, division: str, review: Review, ruleset: Ruleset) -> Entry:
    """The entry with whether it has a rank, and by what or why not.

    Open entries always have one, and so have all by a rulebook that has no rules for recomputing runs.
    """
    if division == OPEN or entry.code == HERE or any(id in ruleset.excluded for id in RECOMPUTED):
        return entry
    said = next((event for event in reversed(review.events) if event.recomputed is not None), None)
    why = "nothing was recomputed" if said is None else _against(entry, said, ruleset.name)
    if said is not None and not why:
        return entry.model_copy(update={"code": f"recomputed by {said.by}, {said.when}"})
    if entry.code:
        return entry
    return entry.model_copy(update={"ranked": False, "code": f"{UNREAD}: {why}"})


def _against(entry: Entry, said: Event, ruleset: str) -> str:
    """Why a reviewer's verdict does not rank the entry; empty where it does."""
    kept = said.recomputed
    assert kept is not None
    whose = f"the verdict of {said.by}, {said.when},"
    if kept.entry != entry.digest:
        return f"{whose} is on other files"
    if kept.ruleset != ruleset:
        return f"{whose} is by {kept.ruleset}"
    if kept.verdict != "compliant":
        return f"{whose} found errors"
    wrong = [id for id in RECOMPUTED if kept.rules.get(id) != Outcome.PASS.value]
    return f"{whose} has {wrong[0]}: {kept.rules.get(wrong[0], 'absent')}".replace("_", " ") if wrong else ""


def _all_pass(outcomes: Mapping[str, str], rules: tuple[str, ...]) -> bool:
    return all(outcomes.get(id) == Outcome.PASS.value for id in rules)
