"""WIT: the chain of the witness is that of this entry, and what it covers has not changed."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.witness import NO_WITNESS, known_witness_of, witness_of
from rules.model.claims import Claim, Standing, Support
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import show
from rules.model.witness import Chain, Closing, Mark, Opening, Packaged, Registration, seed_of
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

FINISHED = ("success", "aborted")


@rule(
    "WIT001",
    "The witness saw all of the entry, in order",
    Scope.PACKAGE,
    source="design of this rulebook: evidence, not trust",
    fix="Package witness.jsonl and all attempts as the harness wrote them.",
)
def complete(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Plan, every attempt at a run, and the package stand in the chain in the order they happened: what was
    left out of the package afterwards, or put into it, shows."""
    path, chain = package.layout.witness.as_posix(), package.witness
    if chain is None:
        if (package.recipe or {}).get("witness") is not None:
            yield self.finding(
                "the recipe names a witness, and there is no readable witness.jsonl", path=path
            )
            return
        raise NotChecked(NO_WITNESS)
    first = chain.lines[0].entry if chain.lines else None
    plan = package.record_digests.get(package.layout.plan.name)
    if not isinstance(first, Registration):
        yield self.finding("it does not begin with the registration of the plan", path=path)
    elif plan is not None and plan not in {entry.plan for _, entry in chain.of(Registration)}:
        yield self.finding("plan.json is not the plan that was registered", path=path)
    for run in package.runs:
        problem = _disorder(chain, run.index)
        if problem:
            yield self.finding(f"run {run.index}: {problem}", path=path)
    opened = sum(1 for _ in chain.of(Opening))
    there = len(package.runs) + len(package.pruned) + len(package.failed)
    if opened != there:
        yield self.finding(
            f"{opened} runs were begun, the package holds {len(package.runs) + len(package.pruned)} and "
            f"{len(package.failed)} failed ones",
            path=path,
            expected=opened,
            actual=there,
        )


def _disorder(chain: Chain, run: int) -> str | None:
    """What is wrong with the lines of a run, in words; None when they are as the harness writes them."""
    entries = [entry for _, entry in chain.of_run(run)]
    if not entries:
        return "it is not in the chain"
    points = [entry.point for entry in entries if isinstance(entry, Mark)]
    if not isinstance(entries[-1], Closing) or any(isinstance(e, Closing) for e in entries[:-1]):
        return "it does not end with its closing"
    if entries[-1].status not in FINISHED:
        return f"its last attempt ended as {show(entries[-1].status)}"
    if points[:1] != ["start"] or points[-1:] != ["stop"] or set(points[1:-1]) - {"epoch"}:
        return "start, epochs and stop are not there once each and in order"
    return None


@rule(
    "WIT002",
    "Log and evidence are the ones that the witness saw",
    Scope.RUN,
    source="design of this rulebook: evidence, not trust",
    fix="Do not edit what a run has written: repeat the run.",
)
def unchanged(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Each line of the chain has digests of log and arrivals as they were then, the last one of all files."""
    facts = witness_of(run, ruleset)
    path = run.package.layout.witness.as_posix()
    entries = facts.chain.of_run(run.index)
    marks = [entry for _, entry in entries if isinstance(entry, Mark)]
    for mark in marks:
        for name, expected, actual in (
            (run.path, mark.log, run.log_prefixes.get(mark.lines)),
            (run.files.timeline.as_posix(), mark.timeline, run.timeline_prefixes.get(mark.lines)),
        ):
            if expected != actual:
                yield self.finding(
                    f"its first {mark.lines} lines are not those that the witness saw at "
                    f"{'the end of an epoch' if mark.point == 'epoch' else f'run_{mark.point}'}",
                    path=name,
                    line=mark.lines,
                )
                return
    epochs, seen = len(run.log.all("epoch_stop")), sum(mark.point == "epoch" for mark in marks)
    if epochs != seen:
        yield self.finding(f"{epochs} epochs in the log, the witness saw {seen}", path=path)
    closing = next((entry for _, entry in reversed(entries) if isinstance(entry, Closing)), None)
    if closing is None:
        raise NotChecked("the witness did not see the end of the run")
    for name in sorted({*closing.files, *run.file_digests}):
        if closing.files.get(name) != run.file_digests.get(name):
            yield self.finding(
                "is not the file that the witness saw at the end of the run",
                path=(run.files.root / name).as_posix(),
            )


@rule(
    "WIT003",
    "The seed follows from the registration",
    Scope.RUN,
    source="TR 5.1; design of this rulebook",
    fix="Let the harness derive the seeds.",
    supports=(Support(Claim.SEED, Standing.ATTESTED, "a time stamp of an outside authority on the plan"),),
)
def seed(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A seed made of an authority's stamp and committed entropy can be neither chosen nor known beforehand."""
    facts = known_witness_of(run, ruleset)
    chain, path = facts.chain, run.package.layout.witness.as_posix()
    opening = next((o for o in chain.of_run(run.index) if isinstance(o[1], Opening)), None)
    if opening is None:
        raise NotApplicable("the run is not in the chain (WIT001)")
    number, entry = opening
    assert isinstance(entry, Opening)
    registered = chain.registered(before=number)
    if registered is None:
        raise NotChecked("no registration was stamped before the run: its seed was drawn by chance")
    line, token, entropy = registered
    if not any(s.line == line and s.facts.valid for s in facts.stamps):
        raise NotChecked("the stamp on the registration is not valid (WIT005)")
    before = [o for n, o in chain.of(Opening) if n < number]
    expected = seed_of(token, entropy, run.index, len(before), [o.seed for o in before])
    stated = run.record.seed if run.record else None
    for where, actual in (("the witness has", entry.seed), ("run.json has", stated)):
        if actual is not None and actual != expected:
            yield self.finding(
                f"{where} seed {actual}, from the registration follows {expected}",
                path=path,
                line=number,
                expected=expected,
                actual=actual,
            )


@rule(
    "WIT004",
    "The package was sealed under the witness",
    Scope.PACKAGE,
    source="design of this rulebook: evidence, not trust",
    fix="Finish the entry with `cloudmask submit --resume`, which stamps its records, and change none afterwards.",
)
def sealed(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The last line has the digests of plan, data set, machine and of the record of every attempt."""
    facts = witness_of(package, ruleset)
    path = package.layout.witness.as_posix()
    last = next((entry for _, entry in reversed(list(facts.chain.of(Packaged)))), None)
    if last is None:
        yield self.finding(
            "the package was not stamped when it was made", path=path, severity=Severity.WARNING
        )
        return
    for name in sorted({*last.records, *package.record_digests}):
        if last.records.get(name) != package.record_digests.get(name):
            how = "is gone" if name not in package.record_digests else "is not the one that was stamped"
            if name not in last.records:
                how = "was not there when the package was stamped"
            yield self.finding(how, path=(package.layout.evidence_dir / name).as_posix())
