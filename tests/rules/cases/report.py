"""Mutations of the report in a package: what it runs, what it loads, and what it says."""

from __future__ import annotations

import json
from typing import Any

from tests.rules.cases.edits import find
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage


@case("PKG040", only=True)
def program_among_reports(built: BuiltPackage) -> None:
    path = built.layout.report_dir / "install.sh"
    path.parent.mkdir(parents=True)
    path.write_text("echo checked\n")


PAGE = """<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"></head><body>unverified, closed %s</body></html>"""


_ROW = (  # as harness/report/panels/runs/template.html
    '<table><tr>\n<th scope="row">run %d</th>\n<td class="r" data-label="Time-to-train">%s\u00a0s</td>\n'
    '<td class="r" data-label="Epochs">3</td>\n<td class="r" data-label="Last accuracy">%s</td></tr></table>'
)


def _report_data(built: BuiltPackage, **data: Any) -> None:
    (built.layout.report_dir / "data.json").write_text(json.dumps(data))


def _report(built: BuiltPackage, body: str) -> None:
    built.layout.report_dir.mkdir(parents=True, exist_ok=True)
    (built.layout.report_dir / "index.html").write_text(PAGE % body)


@case("PKG041", only=True)
def script_in_the_report(built: BuiltPackage) -> None:
    _report(built, "<script>document.title = 'checked'</script>")


@case("PKG041", only=True)
def report_that_calls_home(built: BuiltPackage) -> None:
    _report(built, '<img src="https://example.org/seen.png">')


@case("PKG041", only=True)
def drawing_that_runs_a_script(built: BuiltPackage) -> None:
    _report(built, "")
    drawing = built.layout.report_dir / "synthetic-chart-runs.svg"
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect onload="alert(1)"/></svg>')


@case("PKG042", only=True)
def another_time_in_the_report(built: BuiltPackage) -> None:
    _report(built, _ROW % (1, "0.10", "0.9012"))


@case("PKG042", only=True)
def another_accuracy_in_the_report(built: BuiltPackage) -> None:
    time_s = (
        find(built.events(1), "run_stop")["time_ms"] - find(built.events(1), "run_start")["time_ms"]
    ) / 1000
    _report(built, _ROW % (1, f"{time_s:.2f}", "0.9912"))


@case("PKG042", only=True)
def another_time_in_its_data(built: BuiltPackage) -> None:
    _report(built, "")
    _report_data(built, runs=[{"index": 1, "time_to_train_s": 0.1}])


@case("PKG042", only=True)
def another_accuracy_in_its_data(built: BuiltPackage) -> None:
    _report(built, "")
    _report_data(built, runs=[{"index": 1, "accuracy": 0.99}])


@case("PKG042", only=True)
def a_score_that_no_run_had(built: BuiltPackage) -> None:
    _report(built, "")
    _report_data(built, score={"time_to_train_s": 0.1})


@case("PKG042", only=True)
def better_science_in_its_data(built: BuiltPackage) -> None:
    _report(built, "")
    _report_data(built, score={"science": {"iou": 0.999}})
