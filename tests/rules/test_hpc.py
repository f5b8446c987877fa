"""The ruleset hpc-3.0.0: sound packages pass, spoilt ones do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.check import check_all, check_package
from harness.score.score import score
from rules.facts.reference_points import load_points
from rules.model.findings import Outcome, Severity, Verdict
from tests.rules.cases import HPC_CASES, HpcCase
from tests.support.hpc_builder import HPC, SETTINGS, build_hpc


def errors(verdict: Verdict) -> set[str]:
    return {f.rule for f in verdict.findings if f.severity is Severity.ERROR}


@pytest.mark.parametrize("benchmark", list(SETTINGS))
@pytest.mark.parametrize("division", ["closed", "open"])
def test_sound_package_passes(tmp_path, benchmark, division):
    built = build_hpc(tmp_path, benchmark, division=division)
    package, verdict = check_package(built.root, HPC)
    assert [f for f in verdict.findings if f.severity is not Severity.INFO] == []
    assert (verdict.verdict, package.benchmark, package.division) == ("compliant", benchmark, division)
    assert score(package, HPC.of(benchmark)).time_to_train_s


def test_weak_scaling_passes_beside_strong(tmp_path):
    build_hpc(tmp_path, "cosmoflow")
    build_hpc(tmp_path, "cosmoflow", "weak", system="large")
    found = check_all(tmp_path / "ExampleLab", HPC)
    assert [(p.entry, v.verdict) for p, v in found] == [
        ("cluster/strong/cosmoflow", "compliant"),
        ("large/weak/cosmoflow", "compliant"),
    ]
    weak = score(found[1][0], HPC.of("cosmoflow")).weak
    assert weak is not None
    assert (weak.models, weak.instance_scale, weak.system_scale) == (10, 64, 640)
    assert weak.time_to_train_all_s > 24 * 50


def test_rules_without_their_evidence_give_a_reason(tmp_path):
    _, verdict = check_package(build_hpc(tmp_path).root, HPC)
    outcomes = {r.id: r for r in verdict.rules}
    for rule in ("EVD001", "EVD002", "EVD009", "HYP007", "PKG004", "DAT002"):
        assert outcomes[rule].outcome is Outcome.NOT_APPLICABLE and outcomes[rule].reason


def test_a_lenient_rule_says_why(tmp_path):
    built = build_hpc(tmp_path)
    shutil.rmtree(built.root / "benchmarks")
    _, verdict = check_package(built.root, HPC)
    result = next(r for r in verdict.rules if r.id == "PKG001")
    assert verdict.verdict == "compliant"
    assert result.outcome is Outcome.WARN and "benchmarks/" in (result.reason or "")


def test_faster_within_chance_is_scaled(tmp_path):
    built = build_hpc(tmp_path, "openfold", faster=2)
    package, verdict = check_package(built.root, HPC)
    result = score(package, HPC.of("openfold"))
    assert verdict.verdict == "compliant"
    assert result.scaling_factor > 1 and result.time_to_train_s and "multiplied" in (result.note or "")
    plain = score(check_package(build_hpc(tmp_path, "openfold", org="B").root, HPC)[0], HPC.of("openfold"))
    assert plain.scaling_factor == 1


def test_single_result_and_folder(tmp_path):
    built = build_hpc(tmp_path, "oc20")
    for path in (built.logs[0], built.results, built.results.parent):
        _, verdict = check_package(path, HPC)
        assert verdict.verdict == "compliant", path
    stray = shutil.copy(built.logs[0], tmp_path / "a_log.txt")
    assert check_package(Path(stray), HPC)[1].verdict == "compliant"


def test_points_are_the_fields_own():
    """The points of the four benchmarks are those that mlperf_logging ships."""
    rcp_checker = pytest.importorskip("mlperf_logging.rcp_checker")
    folder = Path(rcp_checker.__file__).parent / "hpc_3.0.0"
    ours = {(p.benchmark, p.batch_size): p.epochs for p in load_points("hpc-3.0.0")}
    theirs = {}
    for benchmark in SETTINGS:
        for record in json.loads((folder / f"rcps_{benchmark}.json").read_text()).values():
            theirs[(benchmark, record["BS"])] = record["Epochs to converge"]
    assert ours == theirs


@pytest.mark.parametrize("case", HPC_CASES, ids=lambda c: c.name)
def test_spoilt_package_is_noticed(tmp_path, case: HpcCase):
    built = build_hpc(tmp_path, **case.options)
    case.mutate(built)
    for _, verdict in check_all(built.root, HPC):
        assert case.rule in errors(verdict), sorted(errors(verdict))
        assert not [f for f in verdict.findings if f.message.startswith("checker error")]


def test_extra_models_and_pruned_results_are_fine(tmp_path):
    build_hpc(tmp_path)
    built = build_hpc(tmp_path, scaling="weak", system="large", runs=7)
    pruned = built.results / "pruned_results"
    pruned.mkdir()
    built.logs[-1].rename(pruned / "result_0.txt")
    built.describe(number_of_nodes=str(6 * 16))
    found = {p.entry: (p, v) for p, v in check_all(built.root, HPC)}
    package, verdict = found["large/weak/deepcam"]
    assert verdict.verdict == "compliant" and len(package.runs) == 6 and len(package.pruned) == 1
    weak = score(package, HPC.of("deepcam")).weak
    assert weak is not None and weak.models == 6
