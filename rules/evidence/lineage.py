"""EVD: where the weights of a run come from. Needs the weights and the seed, no data (`check --replay`)."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from reference.protocol.keys import COMMITMENT_KEY
from rules.facts.lineage_bounds import bounds_for, require_recorded, steps_of
from rules.facts.log_reading import epoch_num, number, stated
from rules.facts.reference_code import REFERENCE
from rules.model.claims import Claim, Standing, Support
from rules.model.evidence import KernelMove, Lineage
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import same, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

SOURCE = "issue of forged packages; docs/evidence.md; sources R6, W7"
ENOUGH = 2000  # numbers: smaller kernels are alike by chance
LIKE_NOISE = 1.25  # alignment: noise and mixtures of other weights had 0.96 to 1.11
ADAM_STEP = 3.2  # learning rates: (1 - beta_1) / sqrt(1 - beta_2), Kingma and Ba 2015, section 2.1


def lineage_of(run: Run) -> Lineage:
    """What was found out about the weights. Raises NotChecked or NotApplicable."""
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")
    if run.replay is None:
        raise NotChecked("replay was not asked for (--replay)")
    if run.replay.lineage is None:
        raise NotChecked(run.replay.reason or "the weights cannot be read (EVD019)")
    return run.replay.lineage


def kernels_of(run: Run) -> list[KernelMove]:
    """Kernels that are large enough to be compared. Raises NotChecked or NotApplicable."""
    found = lineage_of(run)
    if not found.kernels:
        raise NotChecked(found.reason or "the beginning could not be computed")
    return [kernel for kernel in found.kernels if kernel.size >= ENOUGH]


def _counted(run: Run) -> int:
    """How many steps the optimiser made. Raises NotChecked."""
    steps = steps_of(run)
    if steps is None:
        raise NotChecked("the log does not say how many steps were made")
    return steps


@rule(
    "EVD070",
    "The weights descend from the run's seed",
    Scope.RUN,
    source=SOURCE,
    fix="Submit the weights of this run, begun from the seed that the harness drew (`python -m reference weights`).",
)
def descends(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Training moves weights little by little from where the seed put them: what is unrelated to the seed's
    beginning was trained by somebody else or from another seed, what equals it was never trained, and nothing
    moves further than the optimiser's steps allow."""
    kernels = kernels_of(run)
    where = {"path": run.files.weights.as_posix()}
    cosine = median(kernel.cosine for kernel in kernels)
    limits = ruleset.evidence
    if cosine < limits.descent_cosine:
        yield self.finding(
            f"the weights do not descend from the seed: cosine with its beginning {cosine:.3f}, "
            "where that of trained weights is near 1",
            expected=f">= {limits.descent_cosine}",
            actual=round(cosine, 4),
            **where,
        )
        return
    if any(kernel.moved == 0 for kernel in kernels):
        still = sum(kernel.moved == 0 for kernel in kernels)
        yield self.finding(
            f"{still} of {len(kernels)} kernels are as the seed put them: not trained", **where
        )
    steps, rate = steps_of(run), number(run.settings, "opt_base_learning_rate")
    if run.log.value("opt_name") != "adam" or steps is None or rate is None:
        return
    most = ADAM_STEP * steps * rate
    farthest = max(max(kernel.farthest, kernel.bias_farthest) for kernel in kernels)
    if farthest > most:
        yield self.finding(
            f"a weight moved by {farthest:.3g}; {steps} steps of Adam move none by more than {most:.3g}",
            expected=f"<= {most:.3g}",
            actual=farthest,
            **where,
        )


@rule(
    "EVD071",
    "The weights moved as far as training moves them",
    Scope.RUN,
    source=SOURCE,
    fix="Submit the weights that the last evaluation was made with.",
    supports=(Support(Claim.SEED, Standing.RECOMPUTED, "the weights, which descend from it"),),
)
def moved_as_recorded(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """How far each kernel moves in so many steps hardly depends on batch size, precision or data, and it
    moves across its beginning, not back to zero: a mixture of the seed's beginning and weights from elsewhere
    moves further, noise moves otherwise. Runs on accelerators are judged by wider bounds, since those were recorded on
    processors."""
    kernels, steps = kernels_of(run), _counted(run)
    bounds = bounds_for(run, ruleset, steps)
    rate = number(run.settings, "opt_base_learning_rate")
    assert rate is not None
    wrong: list[str] = []
    low, high = bounds.drift_within(steps)
    for at, kernel in enumerate(lineage_of(run).kernels):
        least, most = bounds.moved_within(at, steps)
        if not least <= kernel.moved / rate <= most:
            wrong.append(
                f"kernel {at + 1} moved by {kernel.moved / rate:.1f} learning rates, {least:.1f} to {most:.1f} "
                "expected"
            )
        elif kernel in kernels and not low <= kernel.drift <= high:
            wrong.append(
                f"kernel {at + 1} moved along its beginning (cosine {kernel.drift:.2f}), {low:.2f} to {high:.2f} "
                "expected"
            )
    if wrong:
        yield self.finding(
            f"{len(wrong)} of {len(bounds.moved)} kernels are not where {steps} steps lead from the seed: "
            + "; ".join(wrong[:3]),
            path=run.files.weights.as_posix(),
        )


@rule(
    "EVD072",
    "The weights of two runs are unrelated",
    Scope.RUN,
    source=SOURCE,
    fix="Submit each run with its own weights.",
)
def unrelated(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Runs of different seeds begin, and stay, at right angles to each other, and so do their ways: weights that
    are alike are one run submitted twice, or runs that begin with the same weights; ways that are alike are one
    way, added to the beginnings of several seeds."""
    found, limits = lineage_of(run), ruleset.evidence
    if found.likest is None:
        if found.weights_digest is None:
            raise NotChecked(found.reason or "the weights were not compared")
        raise NotApplicable("the first run is compared with none")
    for what, likest, most in (
        ("its weights are those", found.likest, limits.kinship_cosine),
        ("its weights went the way", found.likest_way, limits.way_cosine),
    ):
        if likest is not None and likest.cosine > most:
            yield self.finding(
                f"{what} of run {likest.run}: cosine {likest.cosine:.3f}",
                path=run.files.weights.as_posix(),
                expected=f"<= {most}",
                actual=round(likest.cosine, 4),
            )


@rule(
    "EVD073",
    "The weights are those that the last epoch committed",
    Scope.RUN,
    source=SOURCE,
    fix="Submit the weights that the run saved.",
)
def last_commitment(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """After each epoch a run states the digest of its weights; those in the package are the last ones."""
    found, committed = lineage_of(run), run.log.last(COMMITMENT_KEY)
    if committed is None:
        raise NotApplicable("the log commits to no weights")
    if found.weights_digest is None:
        raise NotChecked(found.reason or "the weights were not read")
    if committed.value != found.weights_digest:
        yield self.at(
            run,
            committed,
            "the weights in the package are not those committed last",
            expected=committed.value,
            actual=found.weights_digest,
        )


@rule(
    "EVD082",
    "The weights are as many as the log says",
    Scope.RUN,
    source="sources R6; TR 9.1 (cross-check of this rulebook)",
    fix="Log the number of parameters of the model that was trained, and submit its weights.",
)
def parameters(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A smaller model than the one that was trained looks better for what it needs, a larger one for what the
    machine does: the weights are the model, and can be counted."""
    found, logged = lineage_of(run), stated(run.settings, "model_parameters_count")
    if logged is None:
        raise NotApplicable("model_parameters_count is not logged")
    if found.parameters is None:
        raise NotChecked(found.reason or "the weights were not read")
    if not same(logged.value, found.parameters):
        yield self.about(
            logged,
            f"model_parameters_count is {show(logged.value)}, the weights in the package are {found.parameters}",
            found.parameters,
        )


@rule(
    "EVD074",
    "Each epoch commits to its weights",
    Scope.RUN,
    source=SOURCE,
    fix="Run this release's reference, or log weights_commitment after each epoch (docs/evidence.md).",
    divisions=("closed",),
)
def commitments(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Digests that are in the log, and in its time stamps, before anybody asks are what a reviewer's
    challenge stands on: two epochs are drawn, and trained again from the states that were committed."""
    if run.cut_off:
        raise NotApplicable("a run that was pruned on its way")
    epochs = [epoch_num(event) for event in run.log.all("epoch_stop")]
    made = [epoch_num(event) for event in run.log.all(COMMITMENT_KEY)]
    if not made and run.record is not None and run.record.command[-2:] != REFERENCE:
        raise NotChecked("another program than the reference ran, and commits to no weights")
    missing = [epoch for epoch in epochs if epoch not in made]
    if missing:
        shown = ", ".join(str(epoch) for epoch in missing[:5])
        yield self.finding(
            f"{len(missing)} of {len(epochs)} epochs commit to no weights ({shown})", path=run.path
        )
    for event in run.log.all(COMMITMENT_KEY):
        digest = event.metadata.get("optimizer_digest")
        if not isinstance(digest, str) or len(digest) != 64:
            yield self.at(run, event, "the digest of the optimiser's state is missing")
            return


@rule(
    "EVD083",
    "The weights moved together, as gradients move them",
    Scope.RUN,
    source=f"{SOURCE}; Marchenko and Pastur 1967",
    fix="Submit the weights that the run saved.",
)
def aligned(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Noise added to the seed's beginning can be made as long as training's way, kernel by kernel. It has no
    direction: training moves the weights of a layer together, along what came in and what went wrong. On data,
    with settings or after more steps than were recorded, what is as noise is a warning, and all else is not checked."""
    alignment, least = median(kernel.alignment for kernel in kernels_of(run)), ruleset.evidence.way_alignment
    severity = self.severity
    try:
        require_recorded(run, ruleset, _counted(run))
    except NotChecked:
        least, severity = LIKE_NOISE, Severity.WARNING
        if alignment >= least:
            raise
    if not alignment >= least:  # written so that NaN is refused
        yield self.finding(
            f"the way of the weights has no direction: {alignment:.2f} of what noise has, "
            "where that of trained weights had 5 and more",
            path=run.files.weights.as_posix(),
            expected=f">= {least}",
            actual=round(alignment, 4),
            severity=severity,
        )
