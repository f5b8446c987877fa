"""EVD: closed means complete: what is left out cannot be checked, and so cannot count."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import evaluations, integer
from rules.facts.reference_code import is_reference
from rules.model.findings import Finding, Scope
from rules.model.package import Package, Plan
from rules.model.run import Run
from rules.model.values import is_number
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

_FIX = (
    "Run again with all of the evidence kept (recipe: evidence.weights true), or enter the open division "
    "(division: open in the recipe and the system description, best_of in the recipe), where it may be absent."
)

# of a run spec, what rules look at
SPEC = {"data": dict, "hyperparameters": dict, "precision": str, "gallery_scenes": int}


@rule(
    "EVD050",
    "Closed: the evidence is complete",
    (Scope.PLAN, Scope.RUN, Scope.PACKAGE),
    source="TR 12.1; sources H5, W7; evidence of this rulebook",
    fix=_FIX,
    divisions=("closed",),
)
def complete(self: Rule, subject: Plan | Run | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A rule whose evidence is absent is not checked: whoever leaves out the telemetry, the arrivals or the
    weights would choose the rules. In closed each of them is therefore required."""
    if isinstance(subject, Plan):
        evidence = subject.recipe.get("evidence")
        if isinstance(evidence, dict) and evidence.get("weights") is False:
            yield self.finding(
                "the recipe keeps no weights: the accuracy of such a run cannot be recomputed",
                path=subject.recipe_path,
                expected="evidence: {weights: true}",
            )
    elif isinstance(subject, Run):
        yield from _of_run(self, subject, ruleset)
    else:
        layout = subject.layout
        for what, there, path in (
            ("the plan", subject.plan, layout.plan),
            ("the description of the data set", subject.dataset, layout.dataset),
            # of a description that cannot be read, SYS001 speaks: what was probed is read through it
            (
                "what was probed of the machine",
                subject.system is None or subject.system.detected,
                layout.detected,
            ),
        ):
            if not there:
                yield self.finding(f"{what} is missing or cannot be read", path=path.as_posix())


def _asked(self: Rule, run: Run) -> Iterator[Finding]:
    """What the harness asked the run for, as its record has it: log, recipe and data set are compared with that."""
    spec = run.record.spec if run.record else {}
    missing = [
        name for name, kind in SPEC.items() if type(spec.get(name)) is not kind or spec[name] in ({}, "")
    ]
    if missing:
        yield self.finding(
            f"its run spec has no {', '.join(missing)}", path=run.files.record.as_posix(), expected=list(SPEC)
        )


def _losses(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The losses that the reference logs, which are compared when parts of a run are computed again."""
    first = run.log.first("tracked_stats")
    trained = first.value.get("train_loss") if first is not None and isinstance(first.value, dict) else None
    if not is_number(trained):
        yield self.finding("the log has no train_loss of the first epoch (tracked_stats)", path=run.path)
    key, loss_key = ruleset.quality.key, ruleset.quality.loss_key
    if len(evaluations(run.log, loss_key)) < len(evaluations(run.log, key)):
        yield self.finding(f"the log has no {loss_key} of every evaluation", path=run.path)


def _of_run(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")
    if run.evidence_dir is None:
        raise NotChecked("a single log was given, not the package it belongs to")
    files = run.files
    for what, there, path in (
        ("the arrival timeline", run.timeline, files.timeline),
        ("the harness' record of the run", run.record, files.record),
        ("the run spec", files.spec.name in run.file_digests, files.spec),
        ("the file of trained weights", run.weights_sha256, files.weights),
        ("the result on the test scenes", run.science, files.science),
    ):
        if not there:
            yield self.finding(f"{what} is missing or cannot be read", path=path.as_posix())
    if run.record is not None:
        yield from _asked(self, run)
    if is_reference(run.package):
        yield from _losses(self, run, ruleset)
    nodes = integer(run.settings, "number_of_nodes") or 1
    if len(run.telemetry) < nodes:
        yield self.finding(
            f"nodes with telemetry: {len(run.telemetry)} of {nodes}",
            path=files.telemetry(len(run.telemetry)).as_posix(),
            expected=nodes,
            actual=len(run.telemetry),
        )
    for sampled in run.telemetry:
        found = {q.name for q in sampled.quantities if q.samples}
        for name in ruleset.evidence.series:
            if name not in found:
                yield self.finding(f"telemetry has no {name} during the run", path=sampled.path)
