"""EVD: the answer to a reviewer's challenge: epochs drawn by chance, trained again from committed states."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rules.facts.lineage_bounds import FAR, Repeat, bounds_of, precision_of, profile_of
from rules.model.claims import Claim, Standing, Support
from rules.model.evidence import Challenge
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

SOURCE = "proof of learning (Jia et al. 2021); docs/evidence.md; sources R6"


def challenge_of(package: Package) -> Challenge:
    """The challenge. Raises NotApplicable without one."""
    if package.challenge is None:
        raise NotApplicable("no challenge was given (--challenge, --answer)")
    return package.challenge


def answered(package: Package) -> Challenge:
    """The challenge with its answer. Raises NotApplicable or NotChecked without one."""
    challenge = challenge_of(package)
    if challenge.answered_s is None:
        raise NotChecked("there is no answer")
    return challenge


@rule(
    "EVD078",
    "A challenge is answered",
    Scope.PACKAGE,
    source=SOURCE,
    fix="Answer the challenge that the reviewer sent: cloudmask answer CHALLENGE --checkpoints DIR.",
)
def is_answered(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Who has trained can show states of any epoch that is asked for; who has not, cannot answer."""
    challenge = challenge_of(package)
    if challenge.problem is not None:
        yield self.finding(challenge.problem)
    elif challenge.answer_problem is not None:
        yield self.finding(f"the answer cannot be used: {challenge.answer_problem}")
    elif challenge.answered_s is None:
        if challenge.now_s <= challenge.due_s:
            raise NotChecked(f"there is no answer yet; it is due on {_date(challenge.due_s)}")
        yield self.finding(f"there is no answer; it was due on {_date(challenge.due_s)}")
    elif not challenge.own:
        raise NotChecked(
            "the challenge is the answer's own copy: give the one that you sent with --challenge"
        )


@rule(
    "EVD079",
    "The answer came in time",
    Scope.PACKAGE,
    source=SOURCE,
    fix="Answer within the time that the challenge gives: training has to be over when the package is sent.",
)
def in_time(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Given months, the states between which an epoch leads could be made after the question was known."""
    challenge = answered(package)
    if not challenge.asked:
        raise NotChecked("the answer cannot be read (EVD078)")
    if challenge.answered_s is not None and challenge.answered_s > challenge.due_s:
        yield self.finding(
            f"it was due on {_date(challenge.due_s)} and came on {_date(challenge.answered_s)}",
            expected=_date(challenge.due_s),
            actual=_date(challenge.answered_s),
        )


@rule(
    "EVD080",
    "The answer holds the states that the log committed to",
    Scope.PACKAGE,
    source=SOURCE,
    fix="Answer with the checkpoints of the runs in the package (recipe: evidence.checkpoints).",
)
def committed_states(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The digests were in the log before anybody knew which epochs would be drawn: other states were made later."""
    challenge = answered(package)
    if challenge.problem is not None or challenge.answer_problem is not None:
        raise NotChecked("the answer does not fit (EVD078)")
    for one in challenge.retrained:
        where = f"run {one.run}, epoch {one.epoch}"
        if one.problem is not None:
            yield self.finding(f"{where}: {one.problem}")
        elif one.foreign:
            yield self.finding(f"{where}: {', '.join(one.foreign)} not what the log committed to")


@rule(
    "EVD081",
    "A committed epoch, trained again, ends at the committed weights",
    Scope.PACKAGE,
    source=SOURCE,
    fix="Submit runs that were trained by the reference, or by code that computes the same.",
    supports=(Support(Claim.CODE, Standing.RECOMPUTED, "epochs that a reviewer drew, trained again"),),
)
def trained_again(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Seed, order and state determine an epoch up to rounding: a state that was not trained is not reached. Other
    kernels (another framework, another kind of processor) round otherwise: what they may do is a warning, and not
    checked of accelerators and other programs."""
    challenge = answered(package)
    reasons: list[str] = []
    for one in challenge.retrained:
        where = f"run {one.run}, epoch {one.epoch}"
        if one.worst is None or one.distance is None:
            reasons.append(f"{where}: {one.reason or 'its states do not fit (EVD080)'}")
            continue
        ends = (
            f"{where}: training it again ends {one.distance:.3g} of the epoch's way from the committed state in the "
            f"median kernel, {one.worst:.3g} in the worst"
        )
        allowed = _allowed(package, one.run, ruleset)
        if allowed is None:
            reasons.append(f"{ends}; no bounds recorded for its data, precision or program")
            continue
        near = one.distance <= FAR and one.worst <= max(FAR, allowed.worst)
        if not (
            one.distance <= allowed.distance and one.worst <= allowed.worst
        ):  # written so that NaN is far
            yield self.finding(
                ends,
                expected=f"<= {allowed.distance:.3g} and {allowed.worst:.3g}",
                actual=f"{one.distance:.3g} and {one.worst:.3g}",
                severity=Severity.WARNING if near else self.severity,
            )
    if reasons or not challenge.retrained:
        raise NotChecked(reasons[0] if reasons else "nothing was trained again")
    if not challenge.own:
        raise NotChecked("trained again, but who drew the epochs is the answer's own word (EVD078)")


def _allowed(package: Package, index: int, ruleset: Ruleset) -> Repeat | None:
    """How far an epoch of this run may end from where it ended; None where that was not recorded."""
    run = next((run for run in package.runs if run.index == index), None)
    bounds = bounds_of(run.settings, package, ruleset) if run is not None else None
    if run is None or bounds is None:
        return None
    precision, ranks = precision_of(run.settings, package), run.settings.value("number_of_ranks")
    return bounds.repeat(profile_of(package, ruleset), precision, ranks)


def _date(wall_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(wall_s))
