"""EVD: results computed again, and code that has to be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from rules.facts.log_reading import evaluations
from rules.facts.reference_code import judge_code
from rules.model.claims import Claim, Standing, Support
from rules.model.findings import Finding, Scope
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "EVD019",
    "The logged accuracy follows from the weights",
    Scope.RUN,
    source="sources 1.R (TEST01), E12; design: replay",
    fix="Submit the weights that the last evaluation was made with.",
    supports=(Support(Claim.ACCURACY, Standing.RECOMPUTED, "the stored weights, evaluated again"),),
)
def replay(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Loading the weights into the reference model and evaluating again must give the logged accuracy and
    loss, to what rounding on other hardware may move."""
    found = run.replay
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")
    if found is None:
        raise NotChecked("replay was not asked for (--replay)")
    if found.problem is not None:
        yield self.finding(f"no weights of the reference model: {found.problem}", path=run.path)
        return
    if found.reason is not None or found.accuracy is None or found.loss is None:
        raise NotChecked(found.reason or "the replay gave no accuracy")
    limits = ruleset.evidence.replay_tolerance
    tolerance = limits.get(str(run.log.value("lowest_numerical_precision_in_linear")), max(limits.values()))
    for key, again, scale in (
        (ruleset.quality.key, found.accuracy, 1.0),
        (ruleset.quality.loss_key, found.loss, max(abs(found.loss), 1e-3)),
    ):
        stated = evaluations(run.log, key)
        # written so that NaN on either side is a difference
        near = stated and stated[-1].value is not None and abs(stated[-1].value - again) <= tolerance * scale
        if stated and not near:
            yield self.at(
                run,
                stated[-1].event,
                f"the last {key} is {show(stated[-1].event.value)}, the weights give {again:.6f}",
                expected=f"{again:.6f} +- {tolerance * scale:.2g}",
                actual=stated[-1].event.value,
            )


@rule(
    "EVD020",
    "The implementation computes what the reference computes",
    Scope.PACKAGE,
    source="TR 8.1, 8.3; sources E13, E14, P2, M2",
    fix="Use the reference, or let a reviewer read the code.",
    never_passes=True,
)
def equivalent_code(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Model graph, initialisation and training loop are only in the code."""
    judge_code(package, "its code")


@rule(
    "EVD021",
    "Nothing detects the benchmark",
    Scope.PACKAGE,
    source="TR 2.3; sources E15",
    fix="Let a reviewer read code and libraries.",
    never_passes=True,
)
def no_detection(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """A framework or driver that knows the benchmark and behaves differently for it is banned."""
    raise NotChecked("neither logs nor evidence show it: code and libraries have to be reviewed")
