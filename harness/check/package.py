"""Checking what lies at a path: an organisation's folder, one of its systems, or a result file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness.check.engine import Judge
from harness.check.entries import Entry, entry_of, find_entries
from harness.check.loader import load_header, load_runs, load_single
from harness.check.tree import Target, Tree, find_target, scan, system_names
from harness.core.errors import UserError
from rules.facts.run_facts import FactsMaker
from rules.model.evidence import Challenge, Replay
from rules.model.findings import Scope, Verdict
from rules.model.layout import STRONG
from rules.model.package import Package, PackageHeader
from rules.model.run import Run
from rules.model.run_facts import RunFacts
from rules.ruleset import DEFAULT, Ruleset, load_ruleset, names

# a ruleset without these rules does not judge what was computed again, where weights come from, or answers
OF_REPLAY, OF_LINEAGE, OF_ANSWERS = "EVD019", "EVD070", "EVD078"
_CURRENT = f"judge by the current one: --ruleset {DEFAULT}."
ReplayStep = Callable[[Run], Replay]


class AnswerStep(Protocol):
    """Trains the epochs of an answer again (harness/check/retraining.py)."""

    @property
    def about(self) -> str | None:
        """The entry that the challenge is about; None where that cannot be read."""

    def __call__(self, run: Run) -> None:
        """Look at one run, while its log is in memory."""

    def outcome(self, header: PackageHeader) -> Challenge | None:
        """What became of the challenge, when all runs of the entry are through."""


def check_package(
    path: Path, ruleset: Ruleset | None = None, system: str | None = None, scaling: str = STRONG
) -> tuple[Package, Verdict]:
    """Load and judge what is at `path`: an organisation's folder, one of its systems, or a result file.

    Of a system that has throughput beside time-to-train, the entry of that `scaling`. Raises UserError
    when there is nothing to check, or when the folder holds several systems and none is named
    (`check_all` judges them all).
    """
    found = check_all(path, ruleset, system)
    found = [one for one in found if one[0].scaling == scaling] or found
    if len(found) > 1:
        names = ", ".join(str(package.system_name) for package, _ in found)
        raise UserError(f"{path} holds several systems: {names}.", "name one with --system.")
    return found[0]


def check_all(
    path: Path,
    ruleset: Ruleset | None = None,
    system: str | None = None,
    replay: ReplayStep | None = None,
    answer: AnswerStep | None = None,
    roots: tuple[str, ...] = (),
) -> list[tuple[Package, Verdict]]:
    """Every system at `path` with its verdict. Raises UserError when there is nothing to check, and where a ruleset
    that a package names itself would not look at what `replay` computes (or any at an answer).

    Without `ruleset` each entry is judged by the one that it was made by. `replay` computes parts of a run
    again (harness/check/replay.py), `answer` the epochs of a challenge.
    `roots` are of time stamp authorities that the reviewer trusts beside the ruleset's, in PEM.
    """
    by_own, ruleset = ruleset is None, ruleset or load_ruleset()
    target = find_target(path, system)
    if target.result is not None:
        if replay is not None or answer is not None:
            raise UserError(
                f"{path} is one log: it has no weights, from which anything could be computed again.",
                "name the organisation's folder, and a system of it with --system.",
            )
        return [_check_result(target.result, target, ruleset, path, by_own)]
    tree = scan(target.root)
    entries = find_entries(target.root, target.systems, ruleset, path)
    if not entries:
        raise UserError(
            f"{path} holds no entry that {ruleset.name} knows.",
            "name the organisation's folder, or another --ruleset.",
        )
    everything = [str(e) for e in find_entries(target.root, system_names(target.root), ruleset)]
    headers = [load_header(target.root, entry, tree) for entry in entries]
    judged_by = [made_by(header, ruleset) if by_own else ruleset for header in headers]
    for rules in judged_by:  # before anything is computed
        _refuse_unseen(rules, by_own, replay is not None, answer is not None)
    if answer is not None and answer.about not in (None, *(header.entry for header in headers)):
        raise UserError(
            f"the challenge is about {answer.about}, which is not among what {path} holds.",
            "name the package that it was drawn from, and its system.",
        )
    checked = []
    for header, rules in zip(headers, judged_by, strict=True):
        header.entries, header.roots = everything, roots
        checked.append(_check_entry(header, tree, rules.of(header.benchmark), str(path), replay, answer))
    return checked


def _refuse_unseen(rules: Ruleset, by_own: bool, replayed: bool, answered: bool) -> None:
    """Raises UserError where a ruleset would not look at what is to be computed again: it would pass unseen."""
    if answered and OF_ANSWERS in rules.excluded:
        raise UserError(f"{rules.name} has no rules about challenges: nothing was judged.", _CURRENT)
    if replayed and OF_REPLAY in rules.excluded:
        raise UserError(f"{rules.name} has no rules about --replay: nothing was judged.", "leave it out.")
    if replayed and by_own and OF_LINEAGE in rules.excluded:
        raise UserError(
            f"plan.json names {rules.name}, which does not look at what --replay computes from the seed: nothing "
            "was judged.",
            f"{_CURRENT} To judge by what it names all the same: --ruleset {rules.name}.",
        )


def made_by(header: PackageHeader, current: Ruleset) -> Ruleset:
    """The ruleset that plan.json names; `current` where it names none that is known of this benchmark."""
    name = (header.plan or {}).get("ruleset")
    if not isinstance(name, str) or name not in names():
        return current
    ruleset = load_ruleset(name)
    return ruleset if ruleset.knows(header.benchmark) else current


def load_package(root: Path, entry: Entry, ruleset: Ruleset | None = None) -> Package:
    """An entry with the facts of its runs, by the ruleset that it was made by, without a verdict."""
    tree = scan(root)
    header = load_header(root, entry, tree)
    maker = FactsMaker((ruleset or made_by(header, load_ruleset())).of(entry.benchmark))
    known = [(run.pruned, maker.facts(run)) for run in load_runs(header, tree)]
    return _package(header, known)


def _check_entry(
    header: PackageHeader,
    tree: Tree,
    ruleset: Ruleset,
    path: str,
    replay: ReplayStep | None,
    answer: AnswerStep | None,
) -> tuple[Package, Verdict]:
    """Judge run after run while its log is in memory, keep the facts, then judge the whole."""
    judge, maker = Judge(ruleset), FactsMaker(ruleset)
    known: list[tuple[bool, RunFacts]] = []
    for run in load_runs(header, tree):
        if replay is not None and not run.pruned:
            run.replay = replay(run)
        if answer is not None:
            answer(run)
        judge.judge(Scope.RUN, run)
        known.append((run.pruned, maker.facts(run)))
    header.challenge = answer.outcome(header) if answer is not None else None
    package = _package(header, known)
    judge.judge(Scope.PACKAGE, package)
    verdict = judge.verdict(path, package.division)
    if header.digest is not None:
        verdict.entries[header.entry] = header.digest
    return package, verdict


def _package(header: PackageHeader, known: list[tuple[bool, RunFacts]]) -> Package:
    scored = [facts for pruned, facts in known if not pruned]
    return Package.of(header, scored, [facts for pruned, facts in known if pruned])


def _check_result(
    result: Path, target: Target, ruleset: Ruleset, path: Path, by_own: bool
) -> tuple[Package, Verdict]:
    """A single result file, by the numbers of the benchmark whose folder it lies in or that it names."""
    name = target.systems[0] if target.systems else None
    entry = entry_of(result, target.root, ruleset) if name else None
    run = load_single(result, target.root, entry)
    run.package.system_name = name
    if by_own:
        ruleset = made_by(run.package, ruleset)
    benchmark = entry.benchmark if entry else run.log.value("submission_benchmark")
    rules = ruleset.of(benchmark if isinstance(benchmark, str) else None)
    judge = Judge(rules)
    judge.judge(Scope.RUN, run)
    package = Package.of(run.package, [FactsMaker(rules).facts(run)], [])
    return package, judge.verdict(str(path), run.division)
