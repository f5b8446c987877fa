"""PKG: the report in a package is the harness' own, and says what the package says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.package import Package
from rules.model.run_facts import RunFacts
from rules.model.values import is_number, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

# Patterns are compiled when a report is there to be read: that takes longer than all of a package without one.
_FILE = (
    r"(index\.html|data\.json|[a-z0-9][a-z0-9-]{0,80}\.png|(synthetic-)?chart-[a-z0-9-]{1,80}\.(svg|csv))\Z"
)
_ACTIVE = (  # what a drawing that only shows something has no use for
    r"(?i)<\s*(?:script|foreignobject|iframe|image|use|a|set|animate\w*|handler|!entity|\?xml-stylesheet)\b"
    r"|\son[a-z]{3,20}\s*=|href\s*=|@import|url\s*\(\s*[\"']?(?!#)|javascript:"
)
_FIX = "Render the report again: `cloudmask report PACKAGE`; nothing else belongs below reports/."
_POLICY = r"<meta http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\""
_ADDRESS = r"(?i)(?:src|srcset|action|formaction|data)\s*=\s*[\"']?\s*(?:[a-z]+:)?//"
_HANDLER = r"(?i)<[a-z][^>]*\son[a-z]{3,20}\s*="
_TAGS = r"(?i)<(?:iframe|frame|object|embed|base|form|link(?! rel=\"icon\" href=\"data:)|meta http-equiv=\"?refresh)\b"
_RUN = (  # number, time-to-train and last accuracy of a row in the table of runs
    r'<th scope="row">(?:run )?(\d{1,9})</th>\s*<td class="r"[^>]{0,80}>([0-9][0-9 \u00a0,.]{0,30})\s*s</td>'
    r"(?:\s*<td[^>]{0,80}>[^<]{0,80}</td>\s*<td[^>]{0,80}>([01]\.\d{1,12})</td>)?"
)
_SHOWN = 1e-4  # accuracies are shown with four decimals
_NEAR = 1e-6  # relative: data.json has all digits


@rule(
    "PKG040",
    "reports/ holds reports and nothing else",
    Scope.PACKAGE,
    source="sources K1, P1; untrusted input; evidence of this rulebook",
    fix=_FIX,
)
def reports_only(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The manifest leaves reports out, since they can be rendered again: what else lies there is not
    checked, and travels with the verdict."""
    systems = set(package.system_names)
    for name in package.files:
        if not name.startswith("reports/"):
            continue
        parts = name.split("/")
        if len(parts) != 3 or parts[1] not in systems or not re.match(_FILE, parts[2]):
            yield self.finding(
                "is not part of a report",
                severity=Severity.ERROR if package.division != "open" else Severity.WARNING,
                path=name,
            )


@rule(
    "PKG041",
    "The report runs no foreign script and loads nothing",
    Scope.PACKAGE,
    source="sources P1; untrusted input",
    fix=_FIX,
)
def report_closed(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A rendered report names its style and its script by digest, and loads nothing but its own pictures: a
    page that does more was edited, and acts on whoever opens it."""
    from rules.facts.page_scripts import foreign_scripts

    yield from _active_drawings(self, package, ruleset)
    text, path = _page(package, ruleset)
    policy = re.search(_POLICY, text)
    if policy is None:
        yield self.finding("the page has no policy against foreign content", path=path)
        return
    for directive in policy[1].replace("&#39;", "'").split(";"):
        name, *allowed = directive.split()
        strange = [
            w for w in allowed if not re.fullmatch(r"'(none|self|sha256-[A-Za-z0-9+/=]+)'|file:|data:", w)
        ]
        if strange:
            yield self.finding(f"its policy lets {name} load from {show(strange[0])}", path=path)
    for what in foreign_scripts(text, policy[1].replace("&#39;", "'")):
        yield self.finding(what, path=path)
    for pattern, what in (
        (_ADDRESS, "it refers to another host"),
        (_HANDLER, "an element carries a script"),
        (_TAGS, "it has frames, forms or links to other files"),
    ):
        found = re.search(pattern, text)
        if found:
            yield self.finding(f"{what}: {show(found[0])}", path=path)


@rule(
    "PKG042",
    "The report states the results of the package",
    Scope.PACKAGE,
    source="Messaging guidelines 1; sources P1, Q1",
    fix=_FIX,
)
def report_numbers(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Readers see the report and not the logs: each run's time-to-train and accuracy in it are those of its
    evidence, the score is no better than the fastest run, and means lie among the values of the runs."""
    if package.scaling == WEAK:
        raise NotApplicable("the report is that of time-to-train")
    text, path = _page(package, ruleset)
    stated = [
        (int(run), what, _number(value), path, _SHOWN if what == "accuracy" else 1e-3)
        for run, time, accuracy in re.findall(_RUN, text)
        for what, value in (("time", time), ("accuracy", accuracy))
        if value
    ]
    data, data_path = _data(package, ruleset), path.replace("index.html", "data.json")
    stated += [(run, what, value, data_path, _NEAR) for run, what, value in _stated(data)]
    runs = {run.index: run for run in package.runs if run.converged}
    for index, what, value, where, near in stated:
        run = runs.get(index)
        actual = None if run is None else _of_run(run, what)
        if value is None or actual is None:
            continue
        allowed = max(ruleset.clock.agreement_s, near * actual) if what == "time" else near
        if abs(value - actual) > allowed:
            unit = " s" if what == "time" else ""
            yield self.finding(
                f"the {what} of run {index} is {value:g}{unit} in it, its evidence says {actual:.6g}{unit}",
                path=where,
                expected=round(actual, 6),
                actual=value,
            )
    for problem in _beyond_the_runs(data, package.runs):
        yield self.finding(problem, path=data_path)


def _active_drawings(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Drawings of the report that would do something when they are opened."""
    folder = f"{package.layout.report_dir.as_posix()}/"
    for path in package.files:
        if path.startswith(folder) and path.lower().endswith(".svg"):
            found = re.search(_ACTIVE, _text(package, path.removeprefix(folder), ruleset))
            if found:
                yield self.finding(f"the drawing is not only a picture: {show(found[0])}", path=path)


def _number(text: str) -> float | None:
    try:
        return float(re.sub(r"[ \u00a0,]", "", text))
    except ValueError:
        return None


def _page(package: Package, ruleset: Ruleset) -> tuple[str, str]:
    """The page and its path. Raises NotApplicable or NotChecked."""
    return _text(package, "index.html", ruleset), (package.layout.report_dir / "index.html").as_posix()


def _text(package: Package, name: str, ruleset: Ruleset) -> str:
    path = (package.layout.report_dir / name).as_posix()
    if path not in package.files:
        raise NotApplicable("there is no report in the package")
    if package.sizes.get(path, 0) > ruleset.package.report_limit_bytes:
        raise NotChecked(f"the report is larger than {ruleset.package.report_limit_bytes} bytes")
    try:
        return (package.root / path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotChecked(f"the report cannot be read: {error.strerror}") from None


def _data(package: Package, ruleset: Ruleset) -> dict[str, Any]:
    try:
        value = json.loads(_text(package, "data.json", ruleset))
    except (NotApplicable, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _stated(data: dict[str, Any]) -> Iterator[tuple[int, str, float]]:
    """Number of each run that data.json lists, with its time-to-train in seconds and its last accuracy."""
    runs = data.get("runs")
    for run in runs if isinstance(runs, list) else ():
        index = run.get("index") if isinstance(run, dict) else None
        for what, name in (("time", "time_to_train_s"), ("accuracy", "accuracy")):
            if isinstance(index, int) and is_number(run.get(name)):
                yield index, what, run[name]


def _of_run(run: RunFacts, what: str) -> float | None:
    if what == "time":
        return run.time_to_train_s
    return run.last_evaluation.value if run.last_evaluation else None


def _beyond_the_runs(data: dict[str, Any], runs: Sequence[RunFacts]) -> Iterator[str]:
    """What data.json states of all runs and that no mean of them can be. A score may be scaled, to a slower one."""
    score = data.get("score")
    if not isinstance(score, dict):
        return
    science = score.get("science")
    times = [_of_run(run, "time") for run in runs if run.converged]
    wanted = [("time_to_train_s", score.get("time_to_train_s"), times)]
    wanted += [("accuracy", score.get("accuracy"), [_of_run(run, "accuracy") for run in runs])]
    for name, value in science.items() if isinstance(science, dict) else ():
        wanted.append((f"science.{name}", value, [_overall(run, name) for run in runs]))
    for name, value, values in wanted:
        known = [one for one in values if one is not None]
        if not known or not is_number(value):
            continue
        least, most = min(known), max(known) if name != "time_to_train_s" else math.inf
        if not least - _NEAR * abs(least) <= value <= most + _NEAR * abs(most):
            yield f"{show('score.' + name)} is {value:g}, the runs have {least:g} to {max(known):g}"


def _overall(run: RunFacts, name: str) -> float | None:
    overall = run.science.get("overall") if run.science else None
    value = overall.get(name) if isinstance(overall, dict) else None
    return value if is_number(value) else None
