"""Energy of whole nodes in the report: both formulas, absent when there are no power files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.check import check_package
from harness.report import build_report
from harness.report.panels.energy.node_energy import node_energy_card
from harness.score.model import EnergyScore
from harness.score.score import score
from rules.model.run_facts import FileEnergy, RunEnergy
from rules.ruleset import load_ruleset
from tests.support.builders import build_package


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    return build_package(tmp_path_factory.mktemp("built"), power=True, nodes=2, division="open", runs=2)


def test_page_and_data_show_both_formulas(built, tmp_path: Path) -> None:
    package, verdict = check_package(built.root)
    result = score(package, load_ruleset())
    page = build_report(package, verdict, result, tmp_path, 1_790_000_000).read_text()
    report = json.loads((tmp_path / "data.json").read_text())
    data = report["node_energy"]
    assert result.energy is not None and data["joules"] == pytest.approx(result.energy.joule)
    assert data["upstream_joules"] == pytest.approx(data["joules"], rel=0.02)
    assert [(r["run"], r["file"]) for r in data["rows"]] == [
        (run, name) for run in range(2) for name in ("node_0.txt", "node_1.txt", "sw_0.txt")
    ]
    assert "Energy to train, whole nodes" in page and "mlperf_logging" in page
    whole = report["energy"]["summary"][0]
    assert (whole["scope"], whole["runs"]) == ("whole nodes", 2)
    assert "per run, scope: whole nodes" in page  # the headline


def test_without_power_files_there_is_none() -> None:
    assert node_energy_card(None) is None


def test_strange_names_stay_on_one_line_and_absent_stays_absent() -> None:
    file = FileEnergy("power/result_0/node_\x1b[31m0.txt", True, None, None, note="the readings\nmiss 3 s")
    card = node_energy_card(EnergyScore(None, None, [RunEnergy(0, [file])], "run 0 has no energy"))
    assert card is not None and card.joules is None and card.upstream_difference is None
    (row,) = card.rows
    assert row.joules is None and row.file.isprintable() and "\n" not in row.note
