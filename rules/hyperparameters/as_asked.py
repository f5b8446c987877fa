"""HYP: the log states what recipe and run spec asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reference.protocol.keys import (
    AUGMENTATION_KEY,
    AUGMENTATIONS,
    NORMALISATION_KEY,
    NORMALISATIONS,
)
from rules.facts.log_reading import stated
from rules.facts.needs import record_of
from rules.model.findings import Finding, Scope
from rules.model.package import Package, Plan
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


@rule(
    "HYP015",
    "Inputs are standardised by scene or augmented in open only, and as the recipe says",
    (Scope.PLAN, Scope.RUN),
    source="TR 6.3, 9.1; SP 5.1; design of this rulebook",
    fix="Leave data.normalisation and augmentation out of a closed recipe; in open, declare what the code does.",
)
def inputs_declared(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The reference normalises by constants and augments nothing. Statistics of the scene that is to be masked and
    changed training patches help with sensors that were never seen: legitimate in open, where the recipe says so."""
    run = subject if isinstance(subject, Run) else None
    recipe = subject.package.recipe if isinstance(subject, Run) else subject.recipe
    if recipe is None:
        raise NotChecked("there is no readable recipe.yaml")
    data, asked = recipe.get("data"), run.record.spec if run is not None and run.record is not None else {}
    asked_data = asked.get("data")
    for name, key, known, declared, given in (
        (
            "data.normalisation",
            NORMALISATION_KEY,
            NORMALISATIONS,
            _of(data, "normalisation"),
            _of(asked_data, "normalisation"),
        ),
        (
            "augmentation",
            AUGMENTATION_KEY,
            AUGMENTATIONS,
            recipe.get("augmentation"),
            asked.get("augmentation"),
        ),
    ):
        usual = known[0]
        wanted = usual if declared is None else declared
        if subject.division != "open" and wanted != usual:
            yield self.finding(
                f"recipe.yaml says {name}: {show(wanted)}, which is for open", expected=usual, actual=wanted
            )
        found = stated(subject.settings, key)
        logged = usual if found is None else found.value
        if run is not None and logged != wanted:
            yield self.finding(
                f"{key} is {show(logged)} in the log, recipe.yaml says {name}: {show(wanted)}",
                path=run.path,
                expected=wanted,
                actual=logged,
            )
        if given is not None and given != wanted:
            yield self.finding(
                f"the run spec says {name}: {show(given)}, recipe.yaml {show(wanted)}",
                expected=wanted,
                actual=given,
            )


def _of(section: Any, name: str) -> Any:
    return section.get(name) if isinstance(section, dict) else None
