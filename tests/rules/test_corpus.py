"""Packages published for MLPerf HPC v1.0 to v3.0: our verdict and score against mlperf_logging's, folder by folder.

Every disagreement has to stand in corpus_exceptions.yaml, with its reason; an exception that is no
longer one fails too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from rules.facts.reference_points import compare_package
from rules.model.findings import Severity
from rules.registry import NotApplicable, NotChecked
from tests.rules import corpus
from tests.rules.corpus import CORPUS, Folder
from tests.support import ROOT
from tests.support.hpc_builder import HPC

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the published packages (../shared/corpus) are not here"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Folder]:
    return corpus.judge(tmp_path_factory.mktemp("corpus"))


def exceptions(kind: str) -> dict[str, dict[str, Any]]:
    listed = corpus.exceptions()
    for item in listed:
        assert {"folder", "kind", "upstream", "ours", "reason"} == set(item), item
        assert item["reason"].startswith(("we are right: ", "we are stricter: ")), item
    return {item["folder"]: item for item in listed if item["kind"] == kind}


def test_there_are_25_folders_of_all_benchmarks(folders):
    assert len(folders) == 25
    assert Counter(f.round for f in folders.values()) == {"v1.0": 2, "v2.0": 9, "v3.0": 14}
    assert {f.package.benchmark for f in folders.values()} == set(HPC.benchmarks)
    assert sum(f.package.scaling == "weak" for f in folders.values()) == 6
    assert sum(len(f.package.pruned) for f in folders.values()) == 2


def test_verdicts_agree(folders):
    listed = exceptions("verdict")
    for name, folder in folders.items():
        theirs = folder.their_verdict
        assert folder.theirs["checked"] and folder.theirs["crash"] is None
        expected = listed.get(name, {"upstream": theirs, "ours": theirs})
        assert (theirs, folder.verdict.verdict) == (expected["upstream"], expected["ours"]), name
    assert set(listed) <= set(folders)


def test_both_refuse_for_the_same_reason(folders):
    refused = {n: f for n, f in folders.items() if f.theirs["errors"] and n not in exceptions("verdict")}
    for name, folder in refused.items():
        rules = folder.rules(Severity.ERROR)
        words = " ".join(folder.theirs["errors"])
        assert ("RCP Test Failed" in words) == ("CNV010" in rules), name
        assert ("Seed checker failed" in words) == ("SED001" in rules), name
    assert len(refused) == 4


def test_scores_agree(folders):
    listed = exceptions("score")
    for name, folder in folders.items():
        if name in listed:
            continue
        if folder.package.scaling == "weak":
            assert folder.score.weak is not None
            ours = (folder.score.weak.models, folder.score.weak.instance_scale)
            weak = folder.theirs["weak"]
            assert ours == (weak["number_of_models"], weak["instance_scale"]), name
            minutes = folder.score.weak.time_to_train_all_s / 60
            assert minutes == pytest.approx(weak["time_to_train_all"], rel=1e-9), name
        else:
            assert folder.score.time_to_train_s is not None
            assert folder.score.scaling_factor == pytest.approx(folder.theirs["factor"], rel=1e-9), name
            assert folder.score.time_to_train_s / 60 == pytest.approx(folder.theirs["minutes"], rel=1e-9), (
                name
            )


def test_readings_of_the_convergence_test(folders):
    """Where the rules' prose and upstream's code part, the list says so."""
    listed = exceptions("convergence")
    for name, folder in folders.items():
        rules, outcomes = HPC.of(folder.package.benchmark), {}
        if folder.package.division != "closed":
            continue
        for method in ("upstream", "trimmed"):
            try:
                outcomes[method] = compare_package(folder.package, rules, method).outcome
            except (NotApplicable, NotChecked) as reason:
                outcomes[method] = str(reason)
        parted = outcomes["upstream"] != outcomes["trimmed"]
        assert parted == (name in listed), (name, outcomes)
        if parted:
            item = listed[name]
            assert (item["upstream"], item["ours"]) == (outcomes["upstream"], outcomes["trimmed"])
            warned = [f for f in folder.verdict.findings if f.rule == "CNV010"]
            assert [f.severity for f in warned] == [Severity.WARNING]
    assert set(listed) <= set(folders)


def test_page_shows_what_was_found(folders):
    shown = (ROOT / "docs" / "hpc-corpus.md").read_text(encoding="utf-8")
    assert shown == corpus.page(folders), "make it anew: python -m tests.rules.corpus > docs/hpc-corpus.md"
