"""From package, verdict and score to the data of a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.report.data import report_data
from harness.report.model import Report
from harness.report.page import data_json
from harness.report.panels.machine import builder as timeline
from harness.report.verdict import verdict_card
from harness.score.model import Score
from harness.telemetry.reader.reader import Series
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.model.package import Package
from tests.support.builders import build_package
from tests.support.report_builders import enrich, hand_score, hand_verdict
from tests.support.runs import load, make_package

NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    built = enrich(build_package(tmp_path_factory.mktemp("data")), gpus=2, scenes=2, shape=(40, 50))
    return load(built.root)


@pytest.fixture(scope="module")
def report(package: Package) -> Report:
    return report_data(package, hand_verdict(package), hand_score(package), NOW).report


def test_identity_comes_from_log_and_description(report: Report) -> None:
    who = report.identity
    assert (who.org, who.system, who.division_name) == ("ExampleLab", "testbox", "CloudMask Closed")
    assert (who.nodes, who.accelerators, who.precision, who.global_batch_size) == (1, 0, "fp32", 32)
    assert who.status == "research, development or internal"


def test_synthetic_data_is_called_so(report: Report) -> None:
    assert report.dataset is not None
    assert report.dataset.kind == "SYNTHETIC" and "SYNTHETIC" in report.dataset.label
    assert report.dataset.geometry == "300 × 375 pixels, patches of 64"


def test_what_makes_it_official(report: Report) -> None:
    states = {point.text.split()[0]: point.state for point in report.standing}
    assert states["Trained"] == "no" and states["Not"] == "no" and states["The"] == "yes"
    assert "unverified" in report.standing[-1].text


@pytest.mark.parametrize(
    ("outcome", "digests", "state", "said"),
    [
        (Outcome.PASS, True, "yes", "unchanged."),
        (Outcome.FAIL, True, "no", "digests of the code differ (PKG030)"),
        (Outcome.FAIL, False, "unknown", "stated by the submitter, not checked"),
        (Outcome.NOT_CHECKED, False, "unknown", "stated by the submitter, not checked"),
        (Outcome.NOT_APPLICABLE, True, "unknown", "stated by the submitter, not checked"),
        (None, True, "unknown", "stated by the submitter, not checked"),
    ],
)
def test_code_is_unchanged_where_its_digests_say_so(
    tmp_path: Path, outcome: Outcome | None, digests: bool, state: str, said: str
) -> None:
    package = load(build_package(tmp_path, runs=1).root)
    verdict = hand_verdict(package)
    verdict.rules += [RuleResult("PKG030", outcome)] if outcome else []
    record = package.runs[0].record
    assert record is not None
    if not digests:
        del record.software["code_reference"]
    standing = report_data(package, verdict, hand_score(package), NOW).report.standing
    (point,) = (one for one in standing if one.text.startswith("Run from commit"))
    assert point.state == state and said in point.text


def test_the_median_run_is_shown_in_detail(package: Package, report: Report) -> None:
    kept = sorted(
        (s for s in hand_score(package).runs if not s.dropped), key=lambda s: s.time_to_train_s or 0.0
    )
    assert report.timeline is not None
    assert report.timeline.run == report.gallery.run == report.science.run == kept[1].index


def test_timeline_covers_the_log_and_shows_the_gpus(report: Report) -> None:
    line = report.timeline
    assert line is not None and line.start_s < 0 < (line.clock_stop_s or 0) < line.stop_s
    titles = {panel.title: panel for panel in line.panels}
    assert list(titles) == ["Processor use", "GPU use", "Power", "Memory", "Disk and network"]
    assert [s.label for s in titles["GPU use"].series] == ["gpu0", "gpu1"]
    assert all(len(s.points) <= 400 for panel in line.panels for s in panel.series)
    assert "2.00\N{NO-BREAK SPACE}Hz achieved" in line.sampling


def test_swapping_is_not_traffic_of_disk_or_network() -> None:
    """In B/s and of the node as well: three curves named "node" once stood in that panel."""
    times = np.arange(3.0)
    sampled = ("disk_read", "network_send", "swap_in", "cache_refault")
    series = [Series("psutil", name, "B/s", "node", "rate", times, times) for name in sampled]
    (panel,) = (kind for kind in timeline.KINDS if kind.title == "Disk and network")
    shown = [timeline._label(one) for one in series if panel.takes(one)]
    assert shown == ["disk read", "net out"]


def test_energy_of_gpus_is_there_and_gives_no_power_score(report: Report) -> None:
    assert {s.scope for s in report.energy.summary} == {"all 2 GPUs", "gpu0", "gpu1"}
    assert not report.energy.node_level


def test_declared_stands_beside_detected(report: Report) -> None:
    fields = {f.name: f for f in report.system}
    assert fields["host_processor_model_name"].state == "same"
    assert fields["cooling"].state == "only_declared"
    assert fields["hw_notes"].state == "absent"


def test_what_nobody_probed_agrees_with_nothing(package: Package) -> None:
    assert package.system is not None and isinstance(package.system.detected, dict)
    before = package.system.detected.get("cooling"), package.system.fields["cooling"]
    package.system.detected["cooling"] = package.system.fields["cooling"] = "not probed"
    try:
        data = report_data(package, hand_verdict(package), hand_score(package), NOW).report
    finally:
        package.system.detected["cooling"], package.system.fields["cooling"] = before
    assert next(f for f in data.system if f.name == "cooling").state != "same"


def test_a_contradiction_shows(package: Package) -> None:
    assert package.system is not None
    package.system.fields["host_processor_core_count"] = "64"
    try:
        data = report_data(package, hand_verdict(package), hand_score(package), NOW).report
    finally:
        package.system.fields["host_processor_core_count"] = "2"
    field = next(f for f in data.system if f.name == "host_processor_core_count")
    assert (field.state, field.declared, field.detected) == ("different", "64", "2")


def test_findings_are_grouped_errors_first(package: Package) -> None:
    def finding(rule: str, severity: Severity, line: int, message: str = "m") -> Finding:
        return Finding(rule, severity, message, path="a.txt", line=line, fix="f")

    findings = [
        finding("LOG001", Severity.WARNING, 1),
        finding("TIM001", Severity.ERROR, 2),
        finding("TIM001", Severity.ERROR, 3),
        finding("TIM001", Severity.ERROR, 4, "other"),
    ]
    card = verdict_card(hand_verdict(package, findings))
    assert [(g.rule, g.severity, g.count) for g in card.groups] == [
        ("TIM001", "error", 3),
        ("LOG001", "warning", 1),
    ]
    assert [(f.message, f.places) for f in card.groups[0].findings] == [
        ("m", ["a.txt:2", "a.txt:3"]),
        ("other", ["a.txt:4"]),
    ]
    assert [r.outcome for r in card.rules][:3] == ["fail", "fail", "fail"]


def test_data_json_is_versioned_ascii_and_complete(package: Package, report: Report) -> None:
    text = data_json(report)
    assert text.isascii()
    data = json.loads(text)
    assert data["schema"] == 1 and data["generated"] == "2026-11-18T11:06:40Z"
    assert len(data["runs"]) == 5 and data["verdict"]["verdict"] == "compliant"
    assert Report.model_json_schema(mode="serialization")["properties"]["schema"]


def test_an_empty_package_is_reported_too() -> None:
    empty = make_package([], system_name=None, unreadable=["results: permission denied"])
    verdict = Verdict("cloudmask-1.1", "gone", "unreadable", [], [])
    data = report_data(empty, verdict, Score(None, "none", []), NOW).report
    assert data.timeline is None and data.dataset is None and data.runs == []
    assert data.notes[0] == "results: permission denied"
    assert data.score.time_to_train_s is None
