"""The report of a damaged package: it renders, and lets nothing of the package act on its reader."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.check import check_all
from harness.report import build_report
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.fuzz.profile import cases
from tests.fuzz.test_packages import changed, draw_change, files
from tests.support.builders import BuiltPackage, build_package
from tests.support.report_builders import enrich


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> BuiltPackage:
    """One run with telemetry, science metrics and pictures."""
    built = build_package(tmp_path_factory.mktemp("rich"), division="open", runs=1)
    return enrich(built, gpus=1, scenes=2, shape=(20, 24))


@cases(12)
@given(data=st.data())
def test_the_report_of_a_changed_package(rich, tmp_path_factory, data):
    path = data.draw(st.sampled_from(files(rich)), label="file")
    after = draw_change(data, path)
    with changed(path, after, manifest=True):
        (found,) = check_all(rich.root)
        package, verdict = found
        out = tmp_path_factory.mktemp("report")
        page = build_report(package, verdict, score(package, load_ruleset()), out, 1.79e9)
    text = page.read_text(encoding="utf-8")
    assert verdict.verdict.replace("_", " ").split()[0] in text.lower()
    assert "<script>alert" not in text and not re.search(r"<script[^>]+src=.https?:", text)
