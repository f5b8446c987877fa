"""cloudmask report and cloudmask leaderboard, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check import check_package
from tests.support.builders import build_package
from tests.support.command import cloudmask


def test_report_goes_into_the_package_and_leaves_it_compliant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = build_package(tmp_path)
    code, out, _ = cloudmask(capsys, "report", str(built.root))
    page = built.layout.report_dir / "index.html"
    assert code == 0 and page.is_file() and str(page) in out and out.startswith("consistent with the rules")
    assert check_package(built.root)[1].verdict == "compliant", "the report did not break the manifest"


def test_report_never_launders_a_changed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build_package(tmp_path)
    with built.layout.result(0).open("a") as log:
        log.write("\n")
    before = built.layout.manifest.read_bytes()
    code, out, _ = cloudmask(capsys, "report", str(built.root))
    assert code == 0 and out.startswith("not consistent")
    assert built.layout.manifest.read_bytes() == before


def test_report_elsewhere_touches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build_package(tmp_path)
    code, _, _ = cloudmask(capsys, "report", str(built.root), "--out", str(tmp_path / "out"))
    assert code == 0 and (tmp_path / "out" / "index.html").is_file()
    assert not built.layout.report_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "nowhere"), "does not exist"),
        (("report", "{root}", "--ruleset", "cloudmask-1.o"), "did you mean 'cloudmask-1.1'"),
        (("report", "{root}", "--system", "other"), "no system 'other'"),
        (("report", "{root}", "--out", "{root}/MANIFEST.sha256/x"), "Cannot write"),
        (("leaderboard", "--submissions", "nowhere"), "no folder"),
    ],
)
def test_wrong_usage_is_one_line_with_a_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    root = build_package(tmp_path, runs=1).root
    code, _, err = cloudmask(capsys, *(a.replace("{root}", str(root)) for a in arguments))
    assert code == 2 and said in err and "Traceback" not in err and "fix:" in err


def test_single_result_needs_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lonely = tmp_path / "result_0.txt"
    lonely.write_bytes(build_package(tmp_path / "p", runs=1).layout.result(0).read_bytes())
    code, _, err = cloudmask(capsys, "report", str(lonely))
    assert code == 2 and "--out" in err
    code, _, _ = cloudmask(capsys, "report", str(lonely), "--out", str(tmp_path / "out"))
    assert code == 0 and (tmp_path / "out" / "index.html").is_file()


def test_leaderboard_defaults_to_its_own_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_package(tmp_path)
    code, out, err = cloudmask(capsys, "leaderboard", "--submissions", str(tmp_path))
    assert code == 0 and "1 result listed, 0 packages rejected" in out
    assert "listed: ExampleLab / testbox" in err
    assert (tmp_path / "leaderboard" / "index.html").is_file()
