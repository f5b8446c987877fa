"""Panels are found by their folders: a new one is a folder and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harness.report import build_report, panels
from harness.report.page import report_schema
from harness.report.panels.registry import TEMPLATE, all_panels, folders, report_model
from tests.support.builders import build_package
from tests.support.report_builders import hand_score, hand_verdict
from tests.support.runs import load

NOW = 1_795_000_000.0
PANEL = """
from harness.report.panels.registry import Built, ReportPanel
from harness.report.part import Part


class CarbonCard(Part):
    grams: float


PANEL = ReportPanel(
    anchor="carbon",
    title="Carbon & air",
    link="Carbon",
    order=55,
    build=lambda material: Built({"carbon": CarbonCard(grams=12.5)}, {"carbon.png": b"png"}, ("a guess",)),
    view=lambda report: {"runs": len(report.runs)},
    adds={"carbon": CarbonCard},
)
"""


def test_every_panel_declares_what_the_page_needs() -> None:
    found = all_panels()
    assert len(found) == 13 and len({panel.order for panel in found}) == 13
    for panel in found:
        (folder,) = (f for f in folders() if (f / panel.anchor).is_dir())
        assert (folder / panel.anchor / TEMPLATE).is_file() and panel.title and panel.link


def test_a_folder_is_a_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "more" / "carbon"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "panel.py").write_text(PANEL)
    (folder / TEMPLATE).write_text("<p>{{ r.carbon.grams }} g in {{ runs }} runs, {{ '<b>' }}</p>")
    monkeypatch.setattr(panels, "__path__", [*panels.__path__, str(folder.parent)])
    package = load(build_package(tmp_path, runs=2).root)
    page = build_report(package, hand_verdict(package), hand_score(package), tmp_path / "out", NOW)
    text = page.read_text()
    assert '<h2 id="carbon-h">Carbon &amp; air</h2>' in text and '<a href="#carbon">Carbon</a>' in text
    assert "<p>12.5 g in 2 runs, &lt;b&gt;</p>" in text
    assert text.index('id="energy"') < text.index('id="carbon"') < text.index('id="science"')
    data = json.loads(page.with_name("data.json").read_text())
    assert data["carbon"] == {"grams": 12.5} and data["notes"][-1] == "a guess"
    assert page.with_name("carbon.png").read_bytes() == b"png"
    schema = json.loads(report_schema())
    assert "carbon" in schema["properties"]
    jsonschema.validate(data, schema)


def test_without_further_panels_the_schema_is_that_of_the_report() -> None:
    assert report_model().__name__ == "Report" and "carbon" not in json.loads(report_schema())["properties"]
