"""HYP: how the model was trained, as stated by the recipe before and by the log after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from rules.facts.log_reading import integer, place, stated
from rules.facts.needs import system_of
from rules.facts.reference_code import judge_code
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.run import Run
from rules.model.values import is_int, is_number, same, show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

BOTH = (Scope.PLAN, Scope.RUN)
NUMERIC = (
    "global_batch_size",
    "micro_batch_size",
    "opt_base_learning_rate",
    "opt_adam_beta_1",
    "opt_adam_beta_2",
    "opt_adam_epsilon",
    "max_epochs",
    "early_stopping_patience",
)
# what may differ between runs of one entry: identity of the run, and nothing else
PER_RUN = ("seed",)


@rule(
    "HYP001",
    "Closed: hyperparameters and model equal the reference",
    BOTH,
    source="TR 9.1, 9.3, 15; HR 6.1; sources D1, D9, D12, E13, 0.2",
    fix="Use the reference's value, or enter the open division.",
    divisions=("closed",),
)
def equal_reference(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Closed results compare systems, not tuning: optimiser, its constants, loss, patience and model are
    those of the reference."""
    for key, expected in ruleset.reference.items():
        found = stated(subject.settings, key)
        if found is not None and not same(found.value, expected):
            yield self.about(
                found, f"{key} is {show(found.value)}, the reference has {show(expected)}", expected
            )


@rule(
    "HYP002",
    "Closed: free hyperparameters stay within their bounds",
    BOTH,
    source="TR 9.1; sources D2, D4, D16",
    fix="Choose a batch size 4, 8, 16, 32, ... and 100 to 200 as max_epochs, or enter the open division.",
    divisions=("closed",),
)
def free_bounds(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Batch size has to fit the machine, so it is free, in steps that convergence was studied at."""
    for key, bounds in ruleset.free.items():
        found = stated(subject.settings, key)
        if found is None or not is_int(found.value):
            continue
        value, problem = found.value, None
        if bounds.minimum is not None and value < bounds.minimum:
            problem = f"at least {bounds.minimum:g}"
        elif bounds.maximum is not None and value > bounds.maximum:
            problem = f"at most {bounds.maximum:g}"
        elif bounds.power_of_two and value & (value - 1):
            problem = "a power of two"
        if problem:
            yield self.finding(
                f"{key} is {show(value)}, but has to be {problem}",
                **place(found),
                expected=problem,
                actual=value,
            )


@rule(
    "HYP003",
    "Hyperparameters are numbers that can train",
    BOTH,
    source="SP 7.3; sources D2-D4, W14",
    fix="Correct the value in the recipe.",
)
def sane_numbers(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream accepts a learning rate of Infinity and a batch larger than the data set; neither trains."""
    for key in NUMERIC:
        found = stated(subject.settings, key)
        if found is None:
            continue
        good = is_number(found.value) and (
            found.value > 0 or (key.startswith("opt_adam_beta") and found.value == 0)
        )
        if not good:
            yield self.about(found, f"{key} is {show(found.value)}", "a positive number")
    batch, samples = (
        integer(subject.settings, "global_batch_size"),
        integer(subject.settings, "train_samples"),
    )
    if batch is not None and samples is not None and batch > samples:
        yield self.finding(
            f"global_batch_size {batch} is larger than the {samples} training patches",
            **place(stated(subject.settings, "global_batch_size")),
            expected=f"<= {samples}",
            actual=batch,
        )


@rule(
    "HYP004",
    "Global batch = batch per replica x replicas x accumulation",
    BOTH,
    source="sources B18, B21, B28, B30",
    fix="Log micro_batch_size per replica and number_of_ranks as they were used.",
)
def batch_product(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Convergence depends on the global batch: it has to be what the replicas computed together."""
    settings = subject.settings
    names = ("global_batch_size", "micro_batch_size", "number_of_ranks")
    batch, micro, ranks = (integer(settings, n) for n in names)
    if batch is None or micro is None or ranks is None:
        raise NotApplicable("batch per replica or number of replicas is not stated here")
    product = micro * ranks * (integer(settings, "gradient_accumulation_steps") or 1)
    if product != batch:
        yield self.finding(
            f"global_batch_size is {show(batch)}, but {show(micro)} per replica x {show(ranks)} replicas "
            f"gives {show(product)}",
            **place(stated(settings, "global_batch_size")),
            expected=product,
            actual=batch,
        )


@rule(
    "HYP005",
    "All runs of an entry use the same settings",
    Scope.PACKAGE,
    source="TR 12; sources D13, H8, case 44, 45",
    fix="Run all results of one entry with one recipe; submit other settings as another entry.",
)
def same_settings(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The score is a mean over runs of one benchmark result: runs with other settings are other results."""
    runs = [run for run in package.runs if run.settings]  # LOG003 says where nothing is stated
    if len(runs) < 2:
        raise NotApplicable("a single run that states settings")
    first = runs[0]
    keys = [
        k for k, s in ruleset.keys.items() if s.phase == "before" and k not in PER_RUN and k != "cache_clear"
    ]
    required = set(ruleset.required_keys(package.division))
    for run in runs[1:]:
        for key in keys:
            expected, found = stated(first.settings, key), stated(run.settings, key)
            if expected is None or found is None:
                if expected is found or key in required:
                    continue  # LOG003 says what is missing
            elif same(expected.value, found.value):
                continue
            yield self.finding(
                f"{key} is {show(found.value) if found else 'absent'} here and "
                f"{show(expected.value) if expected else 'absent'} in {first.path}",
                path=run.path,
                line=found.line if found else None,
                expected=expected.value if expected else None,
                actual=found.value if found else None,
            )


@rule(
    "HYP006",
    "Closed: numerical precision is on the approved list",
    BOTH,
    source="TR 5.2; sources O1, B27",
    fix="Use one of the approved formats, or enter the open division.",
    divisions=("closed",),
)
def approved_precision(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Numerics are free in closed, within the list of formats whose convergence was shown."""
    for key in ruleset.precisions.keys:
        found = stated(subject.settings, key)
        if found is not None and found.value not in ruleset.precisions.closed:
            yield self.about(found, f"{key} is {show(found.value)}", ruleset.precisions.closed)


@rule(
    "HYP009",
    "TF32 is declared where TensorFlow uses it",
    Scope.RUN,
    source="sources O4",
    fix="Log tf32, or switch it off and say so in sw_notes.",
    severity=Severity.WARNING,
)
def tf32_declared(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """On NVIDIA GPUs since Ampere TensorFlow computes float32 convolutions in TF32 unless configured otherwise."""
    fields = system_of(run).fields
    model = str(fields.get("accelerator_model_name", ""))
    if not re.search(r"\b(A\d{2,3}|H\d{2,3}|GH\d{3}|B\d{3}|GB\d{3}|L4|L40S?|RTX [3-6]0\d0)\b", model):
        raise NotApplicable("no NVIDIA GPU of the Ampere generation or newer is described")
    found = stated(run.settings, "lowest_numerical_precision_in_linear")
    noted = "tf32" in str(fields.get("sw_notes", "")).lower()
    if found is not None and found.value == "fp32" and not noted:
        yield self.about(found, f"fp32 is logged on {show(model)}", "tf32")


@rule(
    "HYP011",
    "The optimiser is a listed implementation, or equivalent to one",
    Scope.PACKAGE,
    source="TR 9.1, 9.5, 15; sources D10, D11",
    fix="Use tf.keras.optimizers.Adam, or show the equivalence in the README.",
    divisions=("closed",),
    never_passes=True,
)
def listed_optimiser(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Adam exists in variants (where epsilon stands, bias correction) that converge differently."""
    judge_code(package, "its optimiser")
