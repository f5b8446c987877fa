"""The convergence factor of a score, with its reason in one sentence (MLPerf Training rules, 12.2).

On its way from the runs to the score, an entry that needs fewer epochs than the reference is put at the
reference's pace. Within what chance explains that is all. Beyond it, the entry trained something else: an
error on official data, where its score does not count; on practice data it is marked and scaled as well.
"""

from __future__ import annotations

import math

from harness.score.model import Convergence
from rules.facts.reference_points import Comparison, compare_package, epochs_to_converge, olympic_mean
from rules.model.package import Package
from rules.registry import NotApplicable, NotChecked
from rules.ruleset import Ruleset


def convergence(package: Package, ruleset: Ruleset) -> Convergence:
    """The factor of an entry. Never raises for what a package holds."""
    if package.division != "closed":
        why = "only closed entries are held to the reference's pace"
        return Convergence(1.0, "not_compared", f"Not scaled: {why}.", _mean_epochs(package))
    try:
        return from_comparison(compare_package(package, ruleset))
    except (NotApplicable, NotChecked) as reason:
        return Convergence(1.0, "not_compared", f"Not scaled: {reason}.", _mean_epochs(package))


def _mean_epochs(package: Package) -> float | None:
    """Without the fewest and the most; None where too few runs converged."""
    mean = olympic_mean([epochs_to_converge(run) for run in package.runs])
    return mean if math.isfinite(mean) else None


def from_comparison(found: Comparison) -> Convergence:
    """What one comparison with the reference's points means for the score."""
    mean = found.mean if math.isfinite(found.mean) else None
    if found.limit is None or found.outcome == "missing":
        return Convergence(1.0, "no_point", f"Not scaled: {found.reason}.", mean)
    reference, least, factor = found.limit.mean, found.limit.smallest, found.factor
    needs = f"the runs need {found.mean:.4g} epochs on average, the reference {reference:.4g}"
    chance = f"chance explains no fewer than {least:.4g}"
    if found.outcome == "fail" and not found.practice:
        said = f"Not scaled, and it does not count: {needs}. That is faster than chance explains ({chance})."
        return Convergence(1.0, "beyond", said, mean, reference, least)
    if found.outcome == "fail" and factor == 1:
        said = (
            f"Not scaled by this ruleset: {needs}. That is faster than chance explains ({chance}), so the "
            "time may flatter."
        )
        return Convergence(1.0, "beyond", said, mean, reference, least)
    if found.outcome == "fail":
        said = (
            f"Multiplied by {factor:.5g}: {needs}. That is faster than chance explains ({chance}): "
            "marked on practice data, an error on official data."
        )
        return Convergence(factor, "beyond", said, mean, reference, least)
    if factor > 1:
        said = (
            f"Multiplied by {factor:.5g}: {needs}. Chance explains that ({chance}), so the time is put at "
            "the reference's pace."
        )
        return Convergence(factor, "within", said, mean, reference, least)
    return Convergence(1.0, "not_faster", f"Not scaled: {needs}.", mean, reference, least)
