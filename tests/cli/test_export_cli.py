"""cloudmask export: what is written holds what the package says, and is judged as it was."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from harness.package.manifest import write_manifest
from tests.support import EXAMPLES
from tests.support.command import cloudmask

SYSTEM = "local-smoke-open"
RO_CRATE = "https://w3id.org/ro/crate/1.1"
pytestmark = pytest.mark.slow  # each checks a package of five runs once or twice
EVIDENCE = f"evidence/{SYSTEM}/strong/cloudmask"


def export(
    capsys: pytest.CaptureFixture[str], *arguments: str, source: Path = EXAMPLES, code: int = 0
) -> str:
    ended, out, err = cloudmask(capsys, "export", source, "--system", SYSTEM, *arguments)
    assert ended == code, out + err
    return out + err


def test_one_system_as_a_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "checked: consistent with the rules" in export(
        capsys, "--layout", "package", "--out", str(tmp_path)
    )
    copy = tmp_path / "examples"
    assert [p.name for p in (copy / "results").iterdir()] == [SYSTEM]
    log = f"results/{SYSTEM}/strong/cloudmask/result_0.txt"
    assert (copy / log).read_bytes() == (EXAMPLES / log).read_bytes()


def test_hpc_layout_has_no_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(capsys, "--layout", "hpc", "--out", str(tmp_path))
    assert {p.name for p in (tmp_path / "examples").iterdir()} == {
        "MANIFEST.sha256",
        "benchmarks",
        "results",
        "systems",
    }


def test_science_layout_states_code_data_and_hyperparameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = export(
        capsys, "--layout", "science", "--out", str(tmp_path), "--repository", "https://example.org/code"
    )
    assert "missing: config.yaml: branch" in said and "--repository" not in said
    folder = tmp_path / f"examples/cloudmask/{SYSTEM}/reference"
    assert len(list(folder.glob("result-*.txt"))) == 5
    stated = yaml.safe_load((folder / "config.yaml").read_text())
    assert stated["code"]["repository"] == "https://example.org/code" and len(stated["code"]["commit"]) == 40
    assert stated["data"]["synthetic"] is True and stated["hyperparameters"]["global_batch_size"] == 8
    assert len(set(stated["seeds"])) == 5
    readme = (folder / "README.md").read_text()
    assert "Synthetic" in readme and readme.index("| 0.9 |") < readme.index("Score")


def test_tables_agree_with_the_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(capsys, "--layout", "csv", "--out", str(tmp_path / "tables"))
    runs = list(csv.DictReader((tmp_path / "tables/runs.csv").open()))
    phases = list(csv.DictReader((tmp_path / "tables/phases.csv").open()))
    timed = {p["run"]: float(p["total_s"]) for p in phases if p["phase"] == "run"}
    # the harness' clock, the log's
    assert {r["run"]: float(r["time_to_train_s"]) for r in runs} == pytest.approx(timed, abs=0.1)
    score = {row["what"]: row["value"] for row in csv.DictReader((tmp_path / "tables/score.csv").open())}
    counted = [float(r["time_to_train_s"]) for r in runs if not r["dropped"]]
    assert len(counted) == int(score["runs_in_mean"])
    assert float(score["mean_s"]) == pytest.approx(sum(counted) / len(counted))
    assert score["convergence_reason"] and score["energy_to_train_j"] == ""  # not measured is not 0
    assert {p.name for p in (tmp_path / "tables").iterdir()} >= {
        "curves.csv",
        "system.csv",
        "rules.csv",
        "telemetry.csv",
    }


def test_crate_lists_every_file_and_each_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(capsys, "--layout", "ro-crate", "--out", str(tmp_path))
    crate = tmp_path / "examples"
    graph = {e["@id"]: e for e in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]}
    listed = {part["@id"] for part in graph["./"]["hasPart"]}
    there = {p.relative_to(crate).as_posix() for p in crate.rglob("*") if p.is_file()}
    assert listed == there - {"ro-crate-metadata.json", "MANIFEST.sha256"}
    for name in listed:
        assert graph[name]["sha256"] == hashlib.sha256((crate / name).read_bytes()).hexdigest()
    actions = [e for e in graph.values() if e["@type"] == "CreateAction"]
    assert len(actions) == 5 and all(a["startTime"] < a["endTime"] and a["prov:generated"] for a in actions)
    used = {ref["@id"] for a in actions for key in ("object", "result") for ref in a[key]}
    assert used <= set(graph)
    assert set(graph) - {"./", "ro-crate-metadata.json"} == set(_referred(list(graph.values()))) - {
        "./",
        RO_CRATE,
    }
    values = {e["name"]: e["value"] for e in graph.values() if e["@id"] in {"#score_s", "#mean_s"}}
    assert values["score_s"] == values["mean_s"] > 0  # an open entry is not scaled
    assert graph["#dataset"]["identifier"].startswith("sha256:")
    assert "not comparable" in graph["#dataset"]["description"]
    assert all({"@id": "#machine"} in a["prov:used"] and {"@id": "#dataset"} in a["object"] for a in actions)
    assert (
        graph["./"]["license"] == "Not stated by the submitter."
        and "Unverified" in graph["./"]["description"]
    )


def _referred(found: Any) -> Iterator[str]:
    """Identifiers that entities refer to."""
    if isinstance(found, list):
        for one in found:
            yield from _referred(one)
    elif isinstance(found, dict):
        if set(found) == {"@id"}:
            yield found["@id"]
        yield from _referred(list(found.values()))


@pytest.mark.parametrize(
    ("asked", "ruleset"), [([], "cloudmask-1.0"), (["--ruleset", "cloudmask-1.1"], "cloudmask-1.1")]
)
def test_a_package_is_judged_by_the_rules_that_it_was_made_by(
    asked: list[str], ruleset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = tmp_path / "examples"
    shutil.copytree(EXAMPLES, older)
    plan = older / EVIDENCE / "plan.json"
    plan.write_text(plan.read_text().replace("cloudmask-1.1", "cloudmask-1.0"))
    write_manifest(older)
    said = export(capsys, "--layout", "package", "--out", str(tmp_path / "out"), *asked, source=older)
    assert f"of {ruleset}" in said


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """The example with names in records, output and telemetry, as a real cluster's package has them."""
    root = tmp_path / "original/examples"
    shutil.copytree(EXAMPLES, root)
    for record in (root / EVIDENCE).rglob("run.json"):
        text = record.read_text().replace('"host": "vm"', '"host": "gpu07.secret.example"')
        for name, change in (("output.log", _output), ("telemetry_node_0.h5", _telemetry)):
            path = record.parent / name
            before = hashlib.sha256(path.read_bytes()).hexdigest()
            change(path)
            text = text.replace(before, hashlib.sha256(path.read_bytes()).hexdigest())
        record.write_text(text)
    write_manifest(root)
    return root


def _output(path: Path) -> None:
    path.write_text(
        path.read_text() + "\nloaded /home/jdoe/secret/lib from 10.1.2.3, ask jdoe@secret.example\n"
    )


def _telemetry(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["host"] = np.bytes_("gpu07.secret.example")


def test_redacted_copy_holds_no_names_and_is_judged_as_the_original(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = export(capsys, "--layout", "package", "--redact", "--out", str(tmp_path / "public"), source=named)
    assert "checked: consistent with the rules" in said
    for path in (tmp_path / "public").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(word in data for word in (b"jdoe", b"secret", b"10.1.2.3", b"gpu07")), path
    notice = (tmp_path / f"public/examples/benchmarks/cloudmask/{SYSTEM}/REDACTED.md").read_text()
    log = f"{EVIDENCE}/result_0/output.log"
    assert f"| {log} | {hashlib.sha256((named / log).read_bytes()).hexdigest()} |" in notice


def test_a_name_in_a_log_changes_its_line_and_the_line_s_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = export(capsys, "--layout", "package", "--redact-name", "one_run", "--out", str(tmp_path))
    assert "checked: consistent with the rules" in said
    log = (tmp_path / f"examples/results/{SYSTEM}/strong/cloudmask/result_0.txt").read_text()
    assert "one_run" not in log and "harness/run/n1xxxxx.py" in log


def test_a_copy_that_is_judged_otherwise_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--layout", "package", "--redact-name", SYSTEM, "--out", str(tmp_path)]
    assert "the original is consistent with the rules" in export(capsys, *arguments, code=1)


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    assert "not empty" in export(capsys, "--layout", "csv", "--out", str(tmp_path / "out"), code=2)
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_a_package_that_fails_is_exported_and_said_to_fail(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = named / f"results/{SYSTEM}/strong/cloudmask/result_0.txt"
    log.write_text(log.read_text().replace('"status": "success"', '"status": "aborted"'))
    assert "checked: not consistent with the rules" in export(
        capsys, "--layout", "package", "--out", str(tmp_path / "o"), source=named
    )
