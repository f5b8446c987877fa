"""docs/rules.md: the catalogue by group, made from the rules, their examples and the ruleset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.rulebook.examples import Example, load_examples
from harness.rulebook.sources import linked
from rules.registry import Rule, catalogue
from rules.ruleset import Ruleset, load_ruleset
from rules.ruleset.sections import KeyRule

GROUPS = {
    "LOG": "Structure and order of a result log",
    "TIM": "Times",
    "HYP": "Hyperparameters and numerics",
    "DAT": "Data set, split and preprocessing",
    "QUA": "Quality target and evaluation",
    "SED": "Seeds",
    "CNV": "Convergence, and runs that are independent",
    "SYS": "System description",
    "PKG": "Package",
    "PWR": "Power",
    "EVD": "Evidence of the harness",
    "WIT": "Witness and signed statement",
}
# sections of the ruleset whose numbers the rules of a group compare with
SECTIONS = {
    "LOG": ["epoch_numbers", "first_epoch"],
    "TIM": ["clock"],
    "HYP": ["reference", "free", "recipe_keys", "precisions"],
    "DAT": ["data"],
    "QUA": ["quality"],
    "SED": ["seeds"],
    "CNV": ["convergence"],
    "SYS": ["system"],
    "PKG": ["divisions", "package"],
    "PWR": ["power"],
    "EVD": ["evidence"],
    "WIT": ["witness"],
}
MADE_BY = "<!-- Made by `{command}`; do not edit. -->"

_INTRODUCTION = """\
{count} rules, with the numbers of the ruleset {name} ({title}). An *error* makes a package not compliant,
a *warning* asks a reviewer to look. Rules that judge a *plan* are applied before anything runs; those that
judge a *run* or a *package*, to the evidence afterwards. What the sources ask for and where it is checked:
[coverage](coverage.md). What the checker makes of edited packages: [tampering](tampering.md).

Log lines in examples are shortened to what matters. Abbreviations and items of sources: [sources](sources.md).
"""


def groups() -> list[str]:
    """Groups of the catalogue, in its order."""
    return list(dict.fromkeys(rule.id[:3] for rule in catalogue()))


def table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A Markdown table; pipes and line breaks in cells are escaped."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(cell(c) for c in row) + " |" for row in rows)]


def cell(text: str) -> str:
    """Text as the cell of a table: one line, pipes escaped."""
    return " ".join(text.replace("|", "\\|").split())


def prose(text: str) -> str:
    """Text of a rule as one line of Markdown: <names> outside of code are no tags."""
    return re.sub(r"(`[^`]*`)|<(?=\w)", lambda found: found[1] or "&lt;", cell(text))


def rules_page(ruleset: Ruleset | None = None) -> str:
    """The whole catalogue as Markdown."""
    ruleset = ruleset or load_ruleset()
    lines = [
        MADE_BY.format(command="cloudmask rules list --format markdown > docs/rules.md"),
        "",
        "# The rules",
        "",
        _INTRODUCTION.format(count=len(catalogue()), name=ruleset.name, title=ruleset.title),
    ]
    for group in groups():
        chosen = [rule for rule in catalogue() if rule.id.startswith(group)]
        title = GROUPS[group]
        lines += [f"* [{group}: {title}](#{group.lower()}-{_anchor(title)}) ({len(chosen)})"]
    for group in groups():
        lines += _group(group, ruleset)
    return "\n".join([*lines, *_keys(ruleset)]) + "\n"


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


def _group(group: str, ruleset: Ruleset) -> list[str]:
    chosen = [rule for rule in catalogue() if rule.id.startswith(group)]
    lines = ["", f"## {group}: {GROUPS[group]}", ""]
    for rule in chosen:
        lines += _rule(rule)
    return [*lines, f"### Numbers of the group {group}", "", *_numbers(group, ruleset)]


def _rule(rule: Rule) -> list[str]:
    judged = ", ".join(s.value for s in rule.scopes)
    pair = load_examples()[rule.id]
    return [
        f'<a id="{rule.id.lower()}"></a>',
        "",
        f"### {rule.id} {prose(rule.title)}",
        "",
        f"{rule.severity.value} · judges {judged} · {', '.join(rule.divisions)}",
        "",
        prose(rule.why),
        "",
        f"* Source: {linked(prose(rule.source))}",
        f"* Fix: {prose(rule.fix)}",
        "",
        *_example("Good", pair.good),
        *_example("Bad", pair.bad),
    ]


def _example(name: str, example: Example) -> list[str]:
    if example.kind == "text":
        return [f"{name}: {prose(example.text or '')}", ""]
    return [f"{name}:", "", "```", *example.shown(), "```", ""]


def _numbers(group: str, ruleset: Ruleset) -> list[str]:
    """Values of the ruleset's sections that belong to a group."""
    everything = ruleset.dump()
    rows = [row for name in SECTIONS[group] for row in _rows(name, everything[name])]
    return table(["setting", "value"], rows)


def _rows(name: str, value: Any) -> Iterable[list[str]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _rows(f"{name}.{key}", below)
    else:
        yield [f"`{name}`", _shown(value)]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "no limit"
    if isinstance(value, str) and value.startswith("-----BEGIN CERTIFICATE"):
        return "its certificate, in PEM"
    if isinstance(value, str) and re.search(r"[<*\\]", value):
        return f"`{value}`"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _keys(ruleset: Ruleset) -> list[str]:
    """Every key of the result log."""
    rows = [
        [f"`{key}`", rule.event, rule.count, _type(rule), ", ".join(rule.metadata), _when(rule)]
        for key, rule in ruleset.keys.items()
    ]
    return [
        "",
        "## Keys of the result log",
        "",
        "`one` and `some` are required, once or more often. *before*: to be stated before run_start.",
        "",
        *table(["key", "event", "count", "value", "metadata", "when"], rows),
    ]


def _type(rule: KeyRule) -> str:
    bounds = [
        f"{sign} {value:g}"
        for sign, value in ((">=", rule.minimum), (">", rule.above), ("<=", rule.maximum), ("<", rule.below))
        if value is not None
    ]
    values = ["one of " + ", ".join(map(str, rule.values))] if rule.values else []
    name = "null" if rule.type == "nothing" else rule.type.replace("_", " ")
    return "; ".join([name, *bounds, *values])


def _when(rule: KeyRule) -> str:
    only = [] if len(rule.divisions) > 1 else [f"{rule.divisions[0]} only"]
    return ", ".join([*(["before"] if rule.phase == "before" else []), *only])
