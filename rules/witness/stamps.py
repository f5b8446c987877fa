"""WIT: the stamps themselves: whose they are, on what, and which are missing."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.witness import known_witness_of, witness_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.values import show
from rules.model.witness import Closing, Failure, Mark, Opening, Packaged, Registration
from rules.registry import Rule, rule
from rules.ruleset import Ruleset

NAMES = {
    Registration: "the registration",
    Opening: "the beginning",
    Closing: "the end",
    Packaged: "the package",
}


@rule(
    "WIT005",
    "Every stamp is on its own line of the chain",
    Scope.PACKAGE,
    source="design of this rulebook: an outside clock",
    fix="Package witness.jsonl as the harness wrote it.",
)
def verified(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A stamp is an authority's signature over one head of the chain and a time: a stamp taken from elsewhere,
    or a line changed later, does not verify."""
    for stamp in witness_of(package, ruleset).stamps:
        if stamp.facts.status in ("other message", "invalid"):
            how = "is on another message" if stamp.facts.status == "other message" else "does not verify"
            yield self.finding(
                f"the stamp on line {stamp.of} {how}: {stamp.facts.why}",
                path=package.layout.witness.as_posix(),
                line=stamp.line,
            )


@rule(
    "WIT006",
    "The authority is one that is known",
    Scope.PACKAGE,
    source="design of this rulebook: an outside clock",
    fix="Use an authority whose root the ruleset pins, or give its root to the reviewer: check --roots FILE.",
    severity=Severity.WARNING,
)
def known(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Anybody can set up an authority: its stamps state whatever its owner likes, and count as none."""
    strange = [s for s in witness_of(package, ruleset).stamps if s.facts.status == "unknown authority"]
    if strange:
        who = strange[0].facts.authority
        yield self.finding(
            f"{len(strange)} stamps are of an authority that no pinned root vouches for"
            f"{f' ({show(who)})' if who else ''}: they show nothing here",
            path=package.layout.witness.as_posix(),
            line=strange[0].line,
        )


@rule(
    "WIT007",
    "No stamp is missing",
    Scope.PACKAGE,
    source="design of this rulebook: evidence, not trust",
    fix="Choose an authority that answers; set witness.timeout_s to what it needs.",
    severity=Severity.WARNING,
)
def all_there(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Registration, beginning, start, stop and end of each run and the package each have a stamp, or it is
    said why not. Epochs are stamped at intervals."""
    facts = witness_of(package, ruleset)
    stamped = {stamp.of for stamp in facts.stamps}
    why = {entry.of: entry.why for _, entry in facts.chain.of(Failure)}
    for line in facts.chain.lines:
        entry = line.entry
        if isinstance(entry, Mark):
            name = "" if entry.point == "epoch" else f"run_{entry.point}"
        else:
            name = NAMES.get(type(entry), "")
        if not name or line.number in stamped:
            continue
        run = f" of run {entry.run}" if isinstance(entry, (Mark, Opening, Closing)) else ""
        reason = f": {show(why[line.number])}" if line.number in why else ""
        yield self.finding(
            f"no stamp on {name}{run}{reason}", path=package.layout.witness.as_posix(), line=line.number
        )


@rule(
    "WIT008",
    "Stamps are in the order of the chain",
    Scope.PACKAGE,
    source="design of this rulebook: evidence, not trust",
    fix="Package witness.jsonl as the harness wrote it.",
)
def in_order(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A line that stands after a stamp was written after the time it states, and no stamp on the line can be
    older."""
    facts = known_witness_of(package, ruleset)
    for line, bounds in zip(facts.chain.lines, facts.bounds, strict=True):
        if bounds.earliest_s > bounds.latest_s:
            yield self.finding(
                f"it stands after a stamp that is {bounds.earliest_s - bounds.latest_s:.0f} s younger than one on "
                "it or on what follows",
                path=package.layout.witness.as_posix(),
                line=line.number,
            )
            return


@rule(
    "WIT009",
    "The entry was registered once",
    Scope.PACKAGE,
    source="design of this rulebook; sources G1",
    fix="Say why the entry was begun again.",
    severity=Severity.WARNING,
)
def once(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Whoever registers again gets other seeds: it is an attempt like any other, and is listed."""
    facts = witness_of(package, ruleset)
    stamped = {stamp.of for stamp in facts.stamps}
    registered = [n for n, _ in facts.chain.of(Registration) if n in stamped]
    earlier = sum(entry.earlier for _, entry in list(facts.chain.of(Registration))[:1])
    path = package.layout.witness.as_posix()
    for number in registered[1:]:
        yield self.finding("the plan was registered again", path=path, line=number)
    if earlier > 0:
        yield self.finding(
            f"the entry was registered {earlier} time{'s' if earlier > 1 else ''} before, and set aside",
            path=path,
            line=1,
        )
