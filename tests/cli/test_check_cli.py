from __future__ import annotations

import json
import tarfile
from functools import partial

import pytest

from harness.core.errors import ExitCode
from tests.support.builders import build_package
from tests.support.command import cloudmask
from tests.support.hpc_builder import build_hpc


@pytest.fixture
def run(capsys):
    return partial(cloudmask, capsys)


def test_compliant(run, tmp_path):
    code, out, _ = run("check", str(build_package(tmp_path).root))
    assert (
        code == ExitCode.OK
        and "CONSISTENT WITH THE RULES of cloudmask-1.1" in out
        and "NOT CONSISTENT" not in out
    )
    assert "\x1b" not in out


def test_not_compliant(run, tmp_path):
    built = build_package(tmp_path, runs=4)
    code, out, _ = run("check", str(built.root))
    assert code == ExitCode.FINDINGS and "error PKG003" in out and "fix: " in out


def test_a_package_is_judged_by_the_ruleset_of_its_plan(run, tmp_path):
    built = build_package(tmp_path)
    plan = built.root / built.layout.plan.relative_to(built.layout.root)
    plan.write_text(plan.read_text().replace("cloudmask-1.1", "cloudmask-1.0"))
    result = str(built.layout.result(0))
    for path in (str(built.root), result):
        _, out, _ = run("check", path)
        assert "of cloudmask-1.0" in out and "--ruleset cloudmask-1.1" in out
        _, out, _ = run("check", path, "--ruleset", "cloudmask-1.1")
        assert "of cloudmask-1.1" in out and "earlier rulebook" not in out
    plan.write_text(plan.read_text().replace("cloudmask-1.0", "hpc-3.0.0"))
    assert "of cloudmask-1.1" in run("check", result)[1]  # the ruleset of another benchmark


def test_no_replay_by_a_ruleset_that_would_not_look_at_it(run, tmp_path):
    built = build_package(tmp_path)
    built.edit_json(built.layout.plan, lambda plan: plan.update(ruleset="cloudmask-1.0"))
    code, out, err = run("check", str(built.root), "--replay")
    assert code == ExitCode.USAGE and out == ""
    assert "plan.json names cloudmask-1.0" in err and "--ruleset cloudmask-1.1" in err
    round_of_logs = str(build_hpc(tmp_path / "hpc").root)
    code, _, err = run("check", round_of_logs, "--replay", "--ruleset", "hpc-3.0.0")
    assert code == ExitCode.USAGE and "hpc-3.0.0 has no rules about --replay" in err
    for ruleset in ("cloudmask-1.0", "cloudmask-1.1"):  # the reviewer's choice
        _, out, _ = run("check", str(built.root), "--replay", "--ruleset", ruleset)
        assert f"of {ruleset}" in out


@pytest.mark.parametrize("more", [["--replay"], ["--answer", "answer.npz"]])
def test_of_one_log_nothing_is_computed_again(run, tmp_path, monkeypatch, more):
    built = build_package(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.npz").write_bytes(b"no answer")
    code, out, err = run("check", str(built.layout.result(0)), *more)
    assert code == ExitCode.USAGE and out == ""
    assert "is one log: it has no weights" in err and "fix: name the organisation's folder" in err


def test_text_is_wrapped_for_a_terminal_only(run, tmp_path, monkeypatch):
    root = str(build_package(tmp_path, runs=4).root)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    _, piped, _ = run("check", root)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, shown, _ = run("check", root)
    longest = [max(map(len, text.splitlines())) for text in (piped, shown)]
    assert longest[0] > longest[1] and piped.split() == shown.split()


def test_json(run, tmp_path):
    code, out, err = run("check", str(build_package(tmp_path, runs=4).root), "--format", "json")
    record = json.loads(out)
    assert code == ExitCode.FINDINGS and record["verdict"] == "not_compliant" and err == ""


def test_unreadable_text(run, tmp_path):
    code, out, err = run("check", str(tmp_path / "nowhere"))
    assert (
        code == ExitCode.USAGE
        and out == ""
        and "error: " in err
        and "fix: " in err
        and "Traceback" not in err
    )


def test_unreadable_json(run, tmp_path):
    code, out, _ = run("check", str(tmp_path), "--format", "json")
    record = json.loads(out)
    assert code == ExitCode.USAGE and record["verdict"] == "unreadable" and record["findings"]


@pytest.mark.parametrize(
    ("form", "start"),
    [("junit", "<?xml"), ("sarif", "{"), ("github", "::error file=ExampleLab/"), ("json", "{")],
)
def test_formats(run, tmp_path, monkeypatch, form, start):
    build_package(tmp_path, runs=4)
    monkeypatch.chdir(tmp_path)
    code, out, err = run("check", "ExampleLab", "--format", form)
    assert code == ExitCode.FINDINGS and out.startswith(start) and "PKG003" in out and err == ""
    code, out, err = run("check", "nowhere", "--format", form)
    assert code == ExitCode.USAGE and "PKG009" in out and "nowhere" in out and err == ""


def test_archive(run, tmp_path):
    built = build_package(tmp_path, runs=4)
    with tarfile.open(tmp_path / "entry.tar.gz", "w:gz") as archive:
        archive.add(built.root, "ExampleLab")
    code, out, err = run("check", str(tmp_path / "entry.tar.gz"))
    assert code == ExitCode.FINDINGS and "error PKG003" in out and err == ""
    assert "entry.tar.gz" in out and "cloudmask-" not in out.replace("cloudmask-1.1", "")


def test_unsafe_archive(run, tmp_path):
    path = tmp_path / "entry.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside.txt"))
    code, out, err = run("check", str(path))
    assert code == ExitCode.USAGE and out == "" and "leads out of it" in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "fix"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_schema(run):
    code, out, _ = run("check", "--json-schema")
    assert code == ExitCode.OK and json.loads(out)["properties"]["schema"] == {"const": 1}


def test_unknown_ruleset(run, tmp_path):
    code, _, err = run("check", str(tmp_path), "--ruleset", "cloudmask-2")
    assert code == ExitCode.USAGE and "cloudmask-1.1" in err


def test_unknown_system(run, tmp_path):
    code, _, err = run("check", str(build_package(tmp_path).root), "--system", "nope")
    assert code == ExitCode.USAGE and "testbox" in err


def test_single_result(run, tmp_path):
    built = build_package(tmp_path)
    code, out, _ = run("check", str(built.layout.result(0)))
    assert code == ExitCode.OK and "CONSISTENT" in out


def test_several_systems(run, tmp_path):
    built = build_package(tmp_path, system="one")
    build_package(tmp_path, system="two")
    code, out, _ = run("check", str(built.root))
    assert code == ExitCode.OK
    code, out, _ = run("check", str(built.root), "--system", "two")
    assert code == ExitCode.OK and "CONSISTENT" in out


def test_rules_list(run):
    code, out, _ = run("rules", "list")
    assert code == ExitCode.OK and "LOG001" in out and "EVD001" in out
    code, out, _ = run("rules", "list", "--group", "sed", "--json")
    rules = json.loads(out)
    assert {r["id"][:3] for r in rules} == {"SED"} and all(r["why"] and r["fix"] for r in rules)


def test_rules_list_unknown_group(run):
    code, _, err = run("rules", "list", "--group", "ZZZ")
    assert code == ExitCode.USAGE and "LOG" in err


def test_rules_explain(run):
    code, out, _ = run("rules", "explain", "tim005")
    assert code == ExitCode.OK
    for word in ("TIM005", "why", "fix", "source", "TR 11"):
        assert word in out


def test_rules_explain_unknown(run):
    code, _, err = run("rules", "explain", "TIM050")
    assert code == ExitCode.USAGE and "TIM0" in err


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"{\n", b"loss 0.3\n" * 50])
def test_a_file_that_is_not_a_log(run, tmp_path, content):
    """One line says so, not one for every key that is missing."""
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    code, out, _ = run("check", str(path))
    assert code == ExitCode.FINDINGS and out.count("error LOG003") == 1 and " is missing" not in out
    assert "there is no MLLOG line in this file" in out


def test_an_answer_that_the_ruleset_cannot_judge_does_not_pass(run, tmp_path):
    built, answer = build_package(tmp_path), tmp_path / "answer.npz"
    answer.write_bytes(b"no answer")
    code, out, err = run("check", str(built.root), "--ruleset", "cloudmask-1.0", "--answer", str(answer))
    assert code == ExitCode.USAGE and out == ""
    assert "cloudmask-1.0 has no rules about challenges" in err and "fix: " in err
    code, out, _ = run("check", str(built.root), "--answer", str(answer))
    assert code == ExitCode.FINDINGS and "error EVD078" in out
