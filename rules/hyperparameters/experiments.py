"""HYP: runs that were made to find settings are kept apart, and settings say how they were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.values import is_int, same, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

BOTH = (Scope.PLAN, Scope.PACKAGE)


@rule(
    "HYP013",
    "A trial of an experiment is not submitted",
    BOTH,
    source="TR 9.1, 12; this rulebook",
    fix="Write the trial as a recipe with `cloudmask experiment recipe`, and make new runs of it.",
)
def no_trial(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The best of many trials was chosen for its result, which is partly luck: a score comes from runs that were made
    after the settings had been chosen, all of which count."""
    trial = _recipe(subject).get("trial")
    if isinstance(trial, Mapping):
        yield self.finding(
            f"these are runs of trial {show(trial.get('number'))} of the experiment {show(trial.get('experiment'))}",
            path=_path(subject),
            expected="runs of a recipe without `trial`",
        )


@rule(
    "HYP014",
    "Settings that an experiment found say how many trials were made",
    BOTH,
    source="TR 9.1; SS 6; sources D16",
    fix="Write the recipe with `cloudmask experiment recipe` again, or take `tuned` out where it no longer holds.",
    severity=Severity.WARNING,
)
def tuned_as_said(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """How many settings were tried before is part of a result: others pay for it, too. A recipe that was edited after
    the experiment has not been found by it."""
    recipe = _recipe(subject)
    tuned = recipe.get("tuned")
    if not isinstance(tuned, Mapping):
        raise NotApplicable("the recipe does not come from an experiment")
    values, trial, trials = tuned.get("values"), tuned.get("trial"), tuned.get("trials")
    yield self.finding(
        f"the settings are those of trial {show(trial)} of the experiment {show(tuned.get('experiment'))}: "
        f"{show(trials)} trials of {show(tuned.get('points'))} settings were made to find them",
        path=_path(subject),
        severity=Severity.INFO,
        fix="nothing to do: this is shown to readers.",
    )
    for name, value in values.items() if isinstance(values, Mapping) else ():
        found = _field(recipe, str(name))
        if not same(found, value):
            yield self.finding(
                f"{name} is {show(found)}, in the trial that the recipe names it was {show(value)}",
                path=_path(subject),
                expected=value,
                actual=found,
            )
    if is_int(trial) and is_int(trials) and trials <= trial:
        yield self.finding(
            f"trial {trial} cannot be one of {trials} trials, which are numbered from 0",
            path=_path(subject),
            expected=f"more than {trial}",
            actual=trials,
        )


def _recipe(subject: Plan | Package) -> Mapping[str, Any]:
    if subject.recipe is None:
        raise NotChecked("there is no readable recipe.yaml")
    return subject.recipe


def _path(subject: Plan | Package) -> str:
    return subject.recipe_path if isinstance(subject, Plan) else subject.layout.recipe.as_posix()


def _field(recipe: Mapping[str, Any], name: str) -> Any:
    """The value at a path such as hyperparameters.learning_rate; None where there is none."""
    found: Any = recipe
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
