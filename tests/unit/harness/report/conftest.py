"""A package with evidence, and the page of its report: made once for a module."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from harness.report import build_report
from rules.model.package import Package
from tests.support.builders import build_package
from tests.support.report_builders import enrich, hand_score, hand_verdict
from tests.support.runs import load

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    built = enrich(build_package(tmp_path_factory.mktemp("page")), scenes=2, shape=(40, 50))
    return load(built.root)


@pytest.fixture(scope="module")
def page(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(
        package, hand_verdict(package), hand_score(package), tmp_path_factory.mktemp("out"), NOW
    )
