"""TIM: times that no machine takes."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import durations, integer, stated
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import same
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "TIM012",
    "Evaluating takes the time it needs",
    Scope.RUN,
    source="TR 9.4; sources F2, C6 (cross-check of this rulebook)",
    fix="Evaluate the whole validation split inside eval_start..eval_stop; explain a fast one in the README.",
    severity=Severity.WARNING,
)
def evaluation_speed(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Evaluating a patch is a forward pass, about a third of a training step: at many times the speed of
    training, only a part was evaluated, or it was done off the clock."""
    train, held_out = integer(run.settings, "train_samples"), integer(run.settings, "eval_samples")
    epochs = {span.epoch: took_ms for span, took_ms in durations(run.log, "epoch")}
    if not train or not held_out or not epochs:
        raise NotApplicable("sample counts or epochs are not logged")
    share = held_out / (ruleset.clock.evaluation_speedup * train)
    slack_ms = 1000 * ruleset.clock.evaluation_slack_s
    for span, took_ms in durations(run.log, "eval"):
        epoch_ms = epochs.get(span.epoch)
        if took_ms is None or not epoch_ms or epoch_ms <= 0:
            continue
        if took_ms < epoch_ms * share - slack_ms:
            took_s, needed_s = took_ms / 1000, epoch_ms * share / 1000
            yield self.at(
                run,
                span.stop,
                f"{held_out} patches were evaluated in {took_s:.3f} s, {train} were trained on in "
                f"{epoch_ms / 1000:.1f} s",
                expected=f">= {needed_s:.3f} s",
                actual=took_s,
            )


def epoch_work(run: Run, ruleset: Ruleset) -> tuple[float, int, int]:
    """Operations of an epoch, nodes, accelerators of each. Raises NotApplicable where they do not follow."""
    names = ("train_samples", "patch_size", "number_of_nodes", "accelerators_per_node")
    samples, patch, nodes, accelerators = (integer(run.settings, name) for name in names)
    if not samples or not patch or not nodes or accelerators is None:
        raise NotApplicable("patches, nodes or accelerators are not logged")
    parameters = stated(run.settings, "model_parameters_count")
    if parameters is None or not same(parameters.value, ruleset.reference.get("model_parameters_count")):
        raise NotApplicable("another model than the reference's was trained")
    return samples * patch * patch * ruleset.clock.train_flop_per_pixel, nodes, accelerators


@rule(
    "TIM013",
    "Epochs do not take less time than their arithmetic",
    Scope.RUN,
    source="64 GFLOP per patch of 256 x 256 forward and backward (measured); sources W11, H11",
    fix="Run again; do not edit times.",
)
def arithmetic(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The reference's U-Net needs a known number of operations per pixel: an epoch faster than the peak of
    the fastest device sold was not computed."""
    operations, nodes, accelerators = epoch_work(run, ruleset)
    peak = nodes * (accelerators * ruleset.clock.accelerator_flop_per_s or ruleset.clock.host_flop_per_s)
    needed_s = operations / peak
    for span, took_ms in durations(run.log, "epoch"):
        if took_ms is not None and 0 < took_ms < 1000 * needed_s - 1:
            took_s = took_ms / 1000
            yield self.at(
                run,
                span.stop,
                f"epoch {span.epoch} took {took_s:.3f} s; at {peak:.2g} operations per second its arithmetic "
                f"alone takes {needed_s:.3f} s",
                expected=f">= {needed_s:.3f} s",
                actual=took_s,
            )
