"""docs/hpc-corpus.md: packages published for MLPerf HPC, judged by mlperf_logging and by us.

    python -m tests.rules.corpus > docs/hpc-corpus.md

needs the packages under ../shared/corpus.
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

CORPUS = SHARED / "corpus"
ROUNDS = {"hpc10": "1.0.0", "hpc20": "2.0.0", "hpc30": "3.0.0"}  # folder -> upstream's rules of that round
EXCEPTIONS = Path(__file__).with_name("corpus_exceptions.yaml")


@dataclass(frozen=True)
class Folder:
    """One benchmark folder, judged by both."""

    round: str  # v1.0
    package: Package
    verdict: Verdict
    score: Score
    theirs: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.round} {self.package.org}/{self.package.entry}"

    @property
    def their_verdict(self) -> str:
        return "not_compliant" if self.theirs["errors"] else "compliant"

    def rules(self, severity: Severity) -> list[str]:
        """IDs with a finding of that severity."""
        return sorted({f.rule for f in self.verdict.findings if f.severity is severity})


def judge(copy: Path) -> dict[str, Folder]:
    """Every benchmark folder of the corpus, by its name. mlperf_logging gets the copy: it writes into it."""
    found: dict[str, Folder] = {}
    for folder, ruleset in ROUNDS.items():
        shutil.copytree(CORPUS / folder, copy / folder)
        said = _upstream(copy / folder, ruleset)
        for org in sorted((CORPUS / folder).iterdir()):  # the originals: with the published scaling.json
            for package, verdict in check_all(org, HPC):
                theirs = said.pop(f"{package.org}/{package.entry}")
                ours = score(package, HPC.of(package.benchmark))
                one = Folder(f"v{ruleset.removesuffix('.0')}", package, verdict, ours, theirs)
                found[one.name] = one
        assert not said
    return found


def _upstream(copy: Path, ruleset: str) -> dict[str, dict[str, Any]]:
    """What mlperf_logging says of each benchmark folder of a round, by its rules of that round."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.rules.upstream", ruleset, *map(str, sorted(copy.iterdir()))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    return {f"{org}/{record['entry']}": record for org, records in said.items() for record in records}


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
        "## Where other packages may part",
        "",
        _ELSEWHERE,
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
# Published packages of MLPerf HPC v1.0, v2.0 and v3.0

The {count} benchmark folders of the corpus, judged by mlperf_logging {version} (its package checker and its
result summarizer, as shipped, with the rules of the package's own round) and by
`cloudmask check --ruleset hpc-3.0.0`. The verdicts agree on {agree} of {count}; a slow test compares verdict,
score and reason of every folder, and every disagreement has to stand in the list below with its reason.
"""
_ELSEWHERE = """\
Of packages that are not in the corpus the verdict can differ for these reasons:

* Upstream accepts one log per folder that breaks any of its rules, also of throughput, where every model has to
  converge (HR 7.2, 8). Here the one run that may fail is one that did not reach the target or did not end
  (QUA005).
* Upstream's checker reads neither the description's numbers nor what lies beside the logs: a scale that differs
  from the logs' in its product (SYS008, SYS018), throughput without time-to-train (PKG017), fields that are missing
  (SYS002), hidden or doubled results (PKG002, PKG005) and two runs of one seed on different lines (SED004) pass there.
* A package_checker_params switches checks off there (TR 13.1 leaves that to the committee). Here it is an error
  where it lies at work (PKG005), and the checks go on.
* The points of reference of v2.0 replaced those of deepcam at batch size 128 (9 epochs by 6.95), and added one of
  cosmoflow at 32. This ruleset has those of v3.0: a package of v1.0 near these sizes may be refused there and pass
  here.
* Until v2.0 staging belonged into the timed run; this ruleset lets it lie outside too, as v3.0.
* Nobody judges the layout of v0.7 (`results/<system>/<benchmark>`): upstream finds no folders in it and reports
  success, here one line says which layout it is.
"""
_LENIENT = """\
Agreement comes at a price: published packages break rules that upstream does not check. In
the ruleset hpc-3.0.0 these rules warn instead of refusing; in cloudmask-1.1 each of them is an error.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as copy:
        sys.stdout.write(page(judge(Path(copy))))


if __name__ == "__main__":
    main()
