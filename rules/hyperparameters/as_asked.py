"""HYP: the log states what recipe and run spec asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.log_reading import stated
from rules.facts.needs import record_of
from rules.model.findings import Finding, Scope
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import same, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "HYP007",
    "The log states what the recipe asked for",
    Scope.RUN,
    source="SP 5.1; SS 6; sources D14",
    fix="Keep recipe.yaml as it was for the runs; the harness passes it on unchanged.",
)
def as_in_recipe(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """All parameters are in one recipe: running it again must give what was logged."""
    recipe = run.package.recipe
    if recipe is None:
        raise NotChecked("there is no readable recipe.yaml")
    for key, expected, name in _recipe_values(recipe, ruleset):
        found = stated(run.settings, key)
        if found is not None and not same(found.value, expected):
            yield self.about(
                found, f"{key} is {show(found.value)}, recipe.yaml says {name}: {show(expected)}", expected
            )
    yield from _precision_as_in_recipe(self, recipe, run, ruleset)


def _recipe_values(recipe: dict[str, Any], ruleset: Ruleset) -> Iterator[tuple[str, Any, str]]:
    chosen = recipe.get("hyperparameters")
    for name, value in chosen.items() if isinstance(chosen, dict) else ():
        key = ruleset.recipe_keys.get(name)
        if key:
            yield key, value, f"hyperparameters.{name}"
    devices = recipe.get("devices")
    for name, key in (("nodes", "number_of_nodes"), ("accelerators_per_node", "accelerators_per_node")):
        if isinstance(devices, dict) and name in devices:
            yield key, devices[name], f"devices.{name}"
    for name, key in (("division", "submission_division"), ("status", "submission_status")):
        if name in recipe:
            yield key, recipe[name], name


def _precision_as_in_recipe(
    self: Rule, recipe: dict[str, Any], run: Run, ruleset: Ruleset
) -> Iterator[Finding]:
    allowed = ruleset.precisions.recipe.get(str(recipe.get("precision")))
    found = stated(run.settings, ruleset.precisions.keys[0])
    if allowed and found is not None and found.value not in allowed:
        yield self.about(
            found,
            f"{ruleset.precisions.keys[0]} is {show(found.value)}, recipe.yaml says precision: "
            f"{show(recipe['precision'])}",
            allowed,
        )


@rule(
    "HYP008",
    "The log states what the harness asked the implementation for",
    Scope.RUN,
    source="sources D14, G6; the run protocol (run spec)",
    fix="Let the implementation read its settings from the run spec, and log what it used.",
)
def as_in_spec(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """run.json holds the spec the harness gave to the implementation: a log that differs is of a run
    with other settings, or was edited."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    chosen = run.record.spec.get("hyperparameters")
    for name, value in chosen.items() if isinstance(chosen, dict) else ():
        key = ruleset.recipe_keys.get(name)
        found = stated(run.settings, key) if key else None
        if found is not None and not same(found.value, value):
            yield self.about(
                found, f"{key} is {show(found.value)}, the run spec says {name}: {show(value)}", value
            )


@rule(
    "HYP010",
    "Open: what differs from the reference is documented",
    Scope.PACKAGE,
    source="TR 9.1; SP 5.1; SS 6; sources D16, M2",
    fix="Name the setting in recipe.yaml or in the README beside it.",
    divisions=("open",),
)
def documented(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Open entries may change anything, but what they change has to be stated."""
    if package.recipe is None:
        raise NotChecked("there is no readable recipe.yaml")
    named = {key for key, _, _ in _recipe_values(package.recipe, ruleset)}
    own_code = package.recipe.get("command") is not None or package.recipe.get("description")
    for run in package.runs[:1]:
        for key, expected in ruleset.reference.items():
            found = stated(run.settings, key)
            if found is not None and not same(found.value, expected) and key not in named and not own_code:
                yield self.about(
                    found,
                    f"{key} is {show(found.value)} instead of the reference's {show(expected)}, and the "
                    "recipe does not mention it",
                    expected,
                )


@rule(
    "HYP012",
    "The logged precision is what the harness asked for",
    Scope.RUN,
    source="TR 5.2; sources B27, O1; the run protocol (run spec)",
    fix="Compute in the precision of the run spec, and log the lowest one used.",
)
def precision_as_asked(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Lower precision is faster: the log has to state what the run was started with."""
    asked = record_of(run).spec.get("precision")
    allowed = ruleset.precisions.recipe.get(asked) if isinstance(asked, str) else None
    found = stated(run.settings, ruleset.precisions.keys[0])
    if allowed is None or found is None:
        raise NotApplicable("no precision in the run spec or in the log")
    if found.value not in allowed:
        yield self.about(
            found,
            f"{ruleset.precisions.keys[0]} is {show(found.value)}, the run spec says {show(asked)}",
            allowed,
        )
