"""docs/tampering.md: every mutation of tests/rules, judged by mlperf_logging and by us.

    python -m tests.rules.tampering [--new]

writes the page. It applies all cases (some minutes), with --new only those the page does not list yet.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.check import check_all
from harness.rulebook.coverage import load_coverage
from harness.rulebook.markdown import MADE_BY, table
from rules.model.findings import Severity
from rules.registry import catalogue
from rules.ruleset import Ruleset, load_ruleset
from tests.rules.cases import CASES, HPC_CASES
from tests.rules.forgeries import FORGERIES, Level
from tests.support import ROOT
from tests.support.builders import build_package
from tests.support.hpc_builder import HPC, build_hpc

PAGE = ROOT / "docs" / "tampering.md"
VERDICTS = ("logs", "package", "shipped")  # fields of a row
NOT_READ = "reads nothing of it"
UNFIT = "flags it unedited"
EDITS = ("runs", "seeds", "not_converged", "max_epochs", "faster")  # options that spoil a package


@dataclass(frozen=True)
class Tampering:
    """A case of either suite: how to build the package, and how to spoil it."""

    name: str
    rule: str
    kind: str  # cloudmask or hpc
    build: Callable[..., Any]
    options: dict[str, Any]  # of the package before the edit
    spoil: Callable[[Any], Any]

    @property
    def sound_options(self) -> dict[str, Any]:
        """Options of the package before the edit: some of a case's options are edits themselves."""
        kept = {name: value for name, value in self.options.items() if name not in EDITS}
        return {**kept, "runs": 1} if kept.get("division") == "open" and self.kind == "cloudmask" else kept

    @property
    def twin(self) -> str:
        """Cases of one twin share the package before the edit."""
        return f"{self.kind} {self.sound_options}"

    @property
    def ruleset(self) -> Ruleset:
        return load_ruleset() if self.kind == "cloudmask" else HPC


@dataclass(frozen=True)
class Row:
    name: str
    number: str  # of the case in docs/sources.md, or empty
    logs: str
    package: str
    shipped: str
    ours: str
    rule: str

    def cells(self) -> list[str]:
        link = f"[{self.rule}](rules.md#{self.rule.lower()})"
        return [self.name, self.number, self.logs, self.package, self.shipped, self.ours, link]


def suite() -> list[Tampering]:
    """Every case: those of CloudMask, then those of HPC, by the rules' order and their names."""
    found = [Tampering(c.name, c.rule, "cloudmask", build_package, c.options, c.mutate) for c in CASES]
    found += [Tampering(c.name, c.rule, "hpc", build_hpc, c.options, c.mutate) for c in HPC_CASES]
    order = {rule.id: at for at, rule in enumerate(catalogue())}
    return sorted(found, key=lambda c: (c.kind, order[c.rule], c.name))


def rows(names: Iterable[str] | None = None) -> list[Row]:
    """Build, spoil and judge the named cases (all without names)."""
    wanted = None if names is None else set(names)
    cases = [c for c in suite() if wanted is None or c.name in wanted]
    numbers = {m: str(n) for n, item in load_coverage().cases.items() for m in item.mutations}
    with tempfile.TemporaryDirectory() as folder:
        sound, spoilt, untouched = _build(cases, Path(folder))
        # first: upstream writes files
        ours = {case.name: _ours(case, spoilt[case.name][0]) for case in cases}
        said = _upstream([*sound.values(), *spoilt.values()])
        return [
            Row(
                c.name,
                numbers.get(c.name, ""),
                *_theirs(said[sound[c.twin][0]], said[spoilt[c.name][0]], c.name in untouched),
                ours[c.name],
                c.rule,
            )
            for c in cases
        ]


Place = tuple[Path, str]  # a package folder and its kind


def _build(cases: list[Tampering], folder: Path) -> tuple[dict[str, Place], dict[str, Place], set[str]]:
    """Unedited packages by their options, edited ones by the case's name, and names of cases that edit nothing.

    Such a case is a set of options that is wrong by itself.
    """
    sound: dict[str, Place] = {}
    spoilt: dict[str, Place] = {}
    untouched = set()
    for number, case in enumerate(cases):
        if case.twin not in sound:
            sound[case.twin] = case.build(folder / f"sound{number}", **case.sound_options).root, case.kind
        built = case.build(folder / f"case{number}", **case.options)
        before = _digest(built.root, ("",))
        case.spoil(built)
        spoilt[case.name] = built.root, case.kind
        if case.options == case.sound_options and _digest(built.root, ("",)) == before:
            untouched.add(case.name)
    return sound, spoilt, untouched


def _upstream(places: list[Place]) -> dict[Path, dict[str, str]]:
    """Verdicts of mlperf_logging, from a process of its own, with digests of what they read."""
    read = {root: _digest(root, ("results", "systems")) for root, _ in places}
    done = subprocess.run(
        [sys.executable, "-m", "tests.rules.tampering_upstream"],
        cwd=ROOT,
        input="".join(json.dumps([str(root), kind]) + "\n" for root, kind in places),
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    if len(lines) != len(places):
        raise RuntimeError(f"mlperf_logging ended early: {done.stderr[-2000:]}")
    found = {root: json.loads(line) for (root, _), line in zip(places, lines, strict=True)}
    for root, verdicts in found.items():
        verdicts.update(read=read[root])
    return found


def _digest(root: Path, tops: tuple[str, ...]) -> str:
    """Of names and bytes below some folders of a package. mlperf_logging reads results/ and systems/."""
    digest = hashlib.sha256()
    for path in sorted(p for top in tops for p in (root / top).rglob("*")):
        digest.update(str(path.relative_to(root)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _theirs(before: dict[str, str], after: dict[str, str], untouched: bool) -> list[str]:
    """Verdicts of the log checker, the package checker told of CloudMask, and as shipped, on an edit."""
    edited = before["read"] != after["read"]
    if not edited and not untouched:
        return [NOT_READ] * len(VERDICTS)
    return [UNFIT if edited and before[name] != "passes" else after[name] for name in VERDICTS]


def _ours(case: Tampering, root: Path) -> str:
    """Refuses (an error of the case's rule), warns (a warning of it), or misses it."""
    found = [f for _, v in check_all(root, case.ruleset) for f in v.findings if f.rule == case.rule]
    severities = {f.severity for f in found}
    if Severity.ERROR in severities:
        return "refuses"
    return "warns" if Severity.WARNING in severities else "notes" if severities else "misses"


def page(found: list[Row], upstream: str | None = None) -> str:
    """The table with its summary; `upstream` is the version of mlperf_logging, the installed one without."""
    lines = [
        MADE_BY.format(command="python -m tests.rules.tampering"),
        "",
        _INTRODUCTION.format(version=upstream or version("mlperf-logging"), count=len(found)),
        *table(["", "cases", *_VERDICTS], (_summary(name, column, found) for name, column in _COLUMNS)),
        "",
        _OURS.format(
            count=len(found), **{v: _count(found, v) for v in ("refuses", "warns", "notes", "misses")}
        ),
        "",
        "## The cases",
        "",
        *table(
            HEADER,
            (row.cells() for row in found),
        ),
        "",
        _FORGERIES.format(count=len(FORGERIES), found=sum(bool(f.rules) for f in FORGERIES)),
        *table(["found by", "forgeries", "needs"], _levels()),
        "",
        *table(
            ["forgery", "what it pretends", "found by", "rules"],
            ([f.name, f.pretends, f.level, ", ".join(f.rules or f.beyond)] for f in FORGERIES),
        ),
    ]
    return "\n".join(lines) + "\n"


def _levels() -> Iterator[list[str]]:
    """How many forgeries each level finds, and what it needs."""
    counts = Counter(f.level for f in FORGERIES)
    return ([level, str(counts[level]), needs] for level, needs in _NEEDS.items())


_NEEDS: dict[Level, str] = {
    "check": "the package alone: arithmetic, the machine that is described, what is absent",
    "board": "the entries beside it, and whether anybody computed its work again",
    "lineage": "the seed's beginning, recomputed (TensorFlow)",
    "replay": "the weights, evaluated again on the data",
    "witness": "an outside clock, while the runs went on",
    "a person": "a reviewer who reads a warning",
}
_FORGERIES = """\
## Consistent forgeries

The cases above leave something that does not agree. These do not, and are not counted above: everything that
is derived (digests, arrivals, records, telemetry, plan, manifest) agrees with the lie (tests/rules/forgeries.py).
Of {count}, `check` finds {found}; the others agree with the rules in all that a package holds. A forger who has read
this list will obey its arithmetic: each rule makes a forgery longer to write, and none makes it impossible. What each
level costs a forger and a reviewer, and the same table for 36 forgeries of trained packages, is in
[the threat model](explanation/threat-model.md#forgeries).

Rules of the levels lineage and replay need real weights, those of the witness a witness: their own tests show them
(tests/rules/test_lineage.py, tests/rules/test_replay.py, tests/rules/test_witnessed_attacks.py). Runs of somebody else
under another name are compliant by themselves; a board that holds both names them (harness/leaderboard/likeness.py).
"""

_OURS = "Ours: refuses {refuses}, warns of {warns}, notes {notes}, misses {misses} of {count}."
HEADER = ["case", "number", "log checker", "package checker, told", "as shipped", "ours", "rule"]
_VERDICTS = ["flags", "crashes", "passes", NOT_READ, UNFIT]
_COLUMNS = [
    ("log checker", "logs"),
    ("package checker, told of CloudMask", "package"),
    ("package checker as shipped", "shipped"),
]


def _summary(name: str, column: str, found: list[Row]) -> list[str]:
    said = [getattr(row, column) for row in found]
    return [name, str(len(said)), *(str(sum(s.startswith(verdict) for s in said)) for verdict in _VERDICTS)]


def _count(found: list[Row], verdict: str) -> int:
    return sum(row.ours == verdict for row in found)


_INTRODUCTION = """\
# What the checkers make of edited packages

Each of the {count} cases of tests/rules takes a package that passes, changes one thing as a careful
forger would (digests, arrival times and the manifest are made to agree where they can be), and asks the
checkers. A case that [sources](sources.md#tampering-cases) lists has its number beside it;
cases that begin with HPC are packages of MLPerf HPC v3.0.

Upstream is mlperf_logging {version}. Its verdicts are about this:

* It does not know CloudMask. As shipped, its package checker skips the benchmark's folder, looks at the system
  description and ends with "NO ERRORS". To see what its tests can do, the benchmark is added to it: its name,
  five runs, and our log rules in its own language (rules/mllog/cloudmask.yaml). Its test of convergence is
  left out there, since it has no points of CloudMask. Packages of HPC v3.0 are judged with its own rules
  and points.
* Its log checker judges each log alone; *flags* means at least one log of the package. Its package checker
  forgives one log of a set that its log checker flags.
* *reads nothing of it*: the edit is outside of what upstream opens (results/ and systems/): evidence,
  telemetry, records, scripts, manifest. It was not written to look there: a limit, not a failure.
* *flags it unedited*: upstream does not accept the package before the edit either (it asks for five runs of an
  open entry too), so its verdict is not about the edit.
* *crashes*: it ends with an exception, which its command line shows as a traceback.

Ours *refuses* when the named rule finds an error, *warns* when it asks a reviewer to look, *notes* when it
only informs. A case counts only when the named rule itself notices. Nothing here proves that somebody who
forges every piece of evidence in step would be found: without a signature by a third party no checker can.
"""


def read_page(text: str) -> tuple[list[Row], str]:
    """Rows and upstream's version as a page states them."""
    cells = [
        line.removeprefix("| ").removesuffix(" |").split(" | ")
        for line in text.splitlines()
        if "](rules.md#" in line
    ]
    found = []
    for row in cells:
        name, number, logs, told, shipped, ours, link = [c.strip() for c in row]
        found.append(Row(name, number, logs, told, shipped, ours, link[1 : link.index("]")]))
    return found, text.split("Upstream is mlperf_logging ")[1].split(". ")[0].split(".\n")[0]


def main() -> None:
    """Write the page; with --new, judge only cases that it does not list yet."""
    known = {}
    if sys.argv[1:] == ["--new"]:
        known = {row.name: row for row in read_page(PAGE.read_text(encoding="utf-8"))[0]}
    names = [case.name for case in suite()]
    known |= {row.name: row for row in rows(set(names) - set(known))}
    PAGE.write_text(page([known[name] for name in names]), encoding="utf-8")


if __name__ == "__main__":
    main()
