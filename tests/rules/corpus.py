"""docs/hpc-corpus.md: packages published for MLPerf HPC v3.0, judged by mlperf_logging and by us.

    python -m tests.rules.corpus > docs/hpc-corpus.md

needs the packages under ../shared/corpus/hpc30.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from harness.check import check_all
from harness.rulebook.markdown import MADE_BY, table
from harness.score.model import Score
from harness.score.score import score
from rules.model.findings import Severity, Verdict
from rules.model.package import Package
from tests.support import ROOT, SHARED
from tests.support.hpc_builder import HPC
from tests.support.waiting import HANG_S

CORPUS = SHARED / "corpus/hpc30"
EXCEPTIONS = Path(__file__).with_name("corpus_exceptions.yaml")


@dataclass(frozen=True)
class Folder:
    """One benchmark folder, judged by both."""

    package: Package
    verdict: Verdict
    score: Score
    theirs: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.package.org}/{self.package.entry}"

    @property
    def their_verdict(self) -> str:
        return "not_compliant" if self.theirs["errors"] else "compliant"

    def rules(self, severity: Severity) -> list[str]:
        """IDs with a finding of that severity."""
        return sorted({f.rule for f in self.verdict.findings if f.severity is severity})


def judge(copy: Path) -> dict[str, Folder]:
    """Every benchmark folder of the corpus, by its name. mlperf_logging gets the copy: it writes into it."""
    for org in CORPUS.iterdir():
        shutil.copytree(org, copy / org.name)
    orgs = sorted(p for p in copy.iterdir() if p.is_dir())
    done = subprocess.run(
        [sys.executable, "-m", "tests.rules.upstream", *map(str, orgs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = {
        f"{org}/{record['entry']}": record
        for org, records in json.loads(done.stdout).items()
        for record in records
    }
    found = {}
    for org in sorted(CORPUS.iterdir()):  # the originals: with the scaling.json that was published
        for package, verdict in check_all(org, HPC):
            name = f"{package.org}/{package.entry}"
            found[name] = Folder(package, verdict, score(package, HPC.of(package.benchmark)), said[name])
    assert set(found) == set(said)
    return found


def exceptions() -> list[dict[str, Any]]:
    """The listed disagreements: folder, kind, upstream's and our verdict, reason."""
    listed: list[dict[str, Any]] = yaml.safe_load(EXCEPTIONS.read_text())
    return listed


def page(folders: Mapping[str, Folder]) -> str:
    agree = sum(f.their_verdict == f.verdict.verdict for f in folders.values())
    lines = [
        MADE_BY.format(command="python -m tests.rules.corpus > docs/hpc-corpus.md"),
        "",
        _INTRODUCTION.format(count=len(folders), version=version("mlperf-logging"), agree=agree),
        *table(
            ["folder", "division", "upstream", "ours", "score upstream", "score ours", "errors", "warnings"],
            (_cells(folder) for _, folder in sorted(folders.items())),
        ),
        "",
        "## Disagreements",
        "",
        *_disagreements(),
        "",
        "## Rules that only warn here",
        "",
        _LENIENT,
    ]
    warned = Counter(rule for f in folders.values() for rule in f.rules(Severity.WARNING))
    rows = [[rule, why, str(warned[rule])] for rule, why in sorted(HPC.lenient.items())]
    return "\n".join([*lines, *table(["rule", "why it only warns", "folders with a warning"], rows)]) + "\n"


def _cells(folder: Folder) -> list[str]:
    theirs, ours = _scores(folder)
    return [
        folder.name,
        folder.package.division or "unclear",
        folder.their_verdict,
        folder.verdict.verdict,
        theirs,
        ours,
        ", ".join(folder.rules(Severity.ERROR)),
        ", ".join(folder.rules(Severity.WARNING)),
    ]


def _scores(folder: Folder) -> tuple[str, str]:
    """Minutes to train; for throughput the models and the minutes they took together."""
    weak, theirs = folder.score.weak, folder.theirs
    if weak is not None:
        their = theirs["weak"]
        return (
            f"{their['number_of_models']} models in {their['time_to_train_all']:.3f} min",
            f"{weak.models} models in {weak.time_to_train_all_s / 60:.3f} min",
        )
    ours = folder.score.time_to_train_s
    return f"{theirs['minutes']:.3f} min", "none" if ours is None else f"{ours / 60:.3f} min"


def _disagreements() -> list[str]:
    listed = exceptions()
    if not listed:
        return ["None: the list (tests/rules/corpus_exceptions.yaml) is empty."]
    header = ["folder", "kind", "upstream", "ours", "reason"]
    return table(header, ([str(item[name]) for name in header] for item in listed))


_INTRODUCTION = """\
# Published packages of MLPerf HPC v3.0

The {count} benchmark folders of the corpus, judged by mlperf_logging {version} (its package checker and its
result summarizer, as shipped) and by `cloudmask check --ruleset hpc-3.0.0`. The verdicts agree on {agree} of
{count}; a slow test compares verdict, score and reason of every folder, and every disagreement has to stand in
the list below with its reason.
"""
_LENIENT = """\
Agreement comes at a price: published packages break rules that upstream does not check. In
the ruleset hpc-3.0.0 these rules warn instead of refusing; in cloudmask-1.0 each of them is an error.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as copy:
        sys.stdout.write(page(judge(Path(copy))))


if __name__ == "__main__":
    main()
