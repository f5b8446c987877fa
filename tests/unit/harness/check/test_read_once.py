"""Every log, timeline and record of a package is read and parsed once, however many rules ask for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.check import check_all, loader
from harness.report import build_report
from harness.score.score import score
from harness.untrusted import documents, logs
from rules.ruleset import load_ruleset
from tests.support import SHARED
from tests.support.builders import build_package

HPC = SHARED / "corpus/hpc20/HelmholtzAI"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each log, timeline and record was parsed, by path."""
    counts: Counter[str] = Counter()
    parse_log, read_timeline, read_record = logs.parse_log, documents.read_timeline, documents.read_record

    def count_log(data: bytes, shown: str, digests: bool = False) -> Any:
        counts[shown] += 1
        return parse_log(data, shown, digests)

    def count_timeline(path: Path) -> Any:
        counts[str(path)] += 1
        return read_timeline(path)

    def count_record(path: Path) -> Any:
        counts[str(path)] += 1
        return read_record(path)

    monkeypatch.setattr(logs, "parse_log", count_log)
    monkeypatch.setattr(loader.documents, "read_timeline", count_timeline)
    monkeypatch.setattr(loader.documents, "read_record", count_record)
    return counts


def test_each_file_of_a_package_is_parsed_once(tmp_path: Path, parsed: Counter[str]) -> None:
    built = build_package(tmp_path, power=True, telemetry=True)
    ((package, verdict),) = check_all(built.root)
    build_report(package, verdict, score(package, load_ruleset()), tmp_path / "report", 1_790_000_000.0)
    assert verdict.verdict == "compliant"
    assert len(parsed) == 5 * 4, "log, power file, timeline and record of each run"
    assert set(parsed.values()) == {1}


@pytest.mark.skipif(not HPC.is_dir(), reason="the published packages (../shared/corpus) are not here")
def test_each_log_of_a_published_round_is_parsed_once(parsed: Counter[str]) -> None:
    checked = check_all(HPC, load_ruleset("hpc-3.0.0"))
    runs = sum(len(package.runs) + len(package.pruned) for package, _ in checked)
    assert len(parsed) == runs > 20
    assert set(parsed.values()) == {1}
