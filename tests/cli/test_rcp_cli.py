from __future__ import annotations

import json
from functools import partial

import msgspec
import pytest

import rules.facts.reference_points
from harness.check import check_package
from harness.core.errors import ExitCode
from harness.score.score import score
from reference.protocol.spec import Hyperparameters
from rules.facts.reference_points import PointFile, PointRecord
from rules.model.findings import Outcome, Severity
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.support.command import cloudmask

SEEDS = tuple(range(100_003, 100_003 + 7 * 5, 7))


@pytest.fixture
def run(capsys):
    return partial(cloudmask, capsys, "rcp")


def two_packages(tmp_path, **options):
    first = build_package(tmp_path, org="One", **options)
    second = build_package(tmp_path, org="Two", seeds=SEEDS, **options)
    return first.root, second.root


def test_record_and_list(run, tmp_path, monkeypatch):
    out = tmp_path / "rcps" / "points.json"
    code, text, _ = run("record", *two_packages(tmp_path), "--out", out)
    assert code == ExitCode.OK and "10 runs" in text and "batch size 32" in text
    content = msgspec.json.decode(out.read_bytes(), type=PointFile)
    point = content.points[0]
    assert (content.ruleset, len(content.points), len(point.epochs)) == ("cloudmask-1.1", 1, 10)
    assert (
        point.dataset
        and point.profile == "quick"
        and point.practice
        and point.hyperparameters["opt_name"] == "adam"
    )
    assert all(3 <= e <= 6 for e in point.epochs) and len({r["seed"] for r in point.runs}) == 10

    monkeypatch.setattr("harness.cli.rcp.load_points", lambda name: tuple(content.points))
    code, text, _ = run("list")
    assert code == ExitCode.OK and "1 point for cloudmask-1.1" in text


def test_record_adds_to_a_file(run, tmp_path):
    out = tmp_path / "points.json"
    assert run("record", *two_packages(tmp_path), "--out", out)[0] == ExitCode.OK
    small = Hyperparameters(global_batch_size=8)
    other = two_packages(tmp_path / "small", hyperparameters=small)
    assert run("record", *other, "--out", out)[0] == ExitCode.OK
    assert run("record", *other, "--out", out)[0] == ExitCode.OK  # again: replaced, not doubled
    points = msgspec.json.decode(out.read_bytes(), type=PointFile).points
    assert [(p.batch_size, len(p.epochs)) for p in points] == [(8, 10), (32, 10)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"hyperparameters": Hyperparameters(learning_rate=0.01), "division": "open"},
            "opt_base_learning_rate",
        ),
        ({"not_converged": (1,), "max_epochs": 100}, "did not converge"),
        ({"runs": 4}, "not compliant"),
        ({"runs": 5, "division": "open", "best_of": 20}, "chosen from more"),
    ],
)
def test_what_is_no_reference(run, tmp_path, options, words):
    if options.get("runs") == 4:
        roots = (build_package(tmp_path, **options).root,)
    else:
        roots = two_packages(tmp_path, **options)
    code, _, error = run("record", *roots, "--out", tmp_path / "points.json")
    assert code == ExitCode.USAGE and words in error and "fix: " in error
    assert not (tmp_path / "points.json").exists()


def test_too_few_and_twice(run, tmp_path):
    root, _ = two_packages(tmp_path)
    code, _, error = run("record", root, "--out", tmp_path / "p.json")
    assert code == ExitCode.USAGE and "5 more runs" in error
    code, _, error = run("record", root, root, "--out", tmp_path / "p.json")
    assert code == ExitCode.USAGE and "same seed" in error


def test_foreign_file_is_not_overwritten(run, tmp_path):
    out = tmp_path / "p.json"
    out.write_text("{}")
    code, _, error = run("record", *two_packages(tmp_path), "--out", out)
    assert code == ExitCode.USAGE and "not a file of convergence points" in error and out.read_text() == "{}"


# ---------------------------------------------------------------- what the points do to a check


def judged(built, monkeypatch, epochs, batch=32, practice=False):
    """Check a package with a reference that needs these epochs at a batch size."""
    digest = json.loads(built.layout.dataset.read_text())["digest"]
    record = PointRecord(
        benchmark="cloudmask",
        dataset=digest,
        batch_size=batch,
        epochs=epochs,
        source="test",
        practice=practice,
    )
    monkeypatch.setattr(rules.facts.reference_points, "load_points", lambda name: (record,))
    package, verdict = check_package(built.root)
    outcome = next(r for r in verdict.rules if r.id == "CNV010")
    return package, verdict, outcome.outcome


def test_no_points_is_no_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(rules.facts.reference_points, "load_points", lambda name: ())
    _, verdict = check_package(build_package(tmp_path).root)
    result = next(r for r in verdict.rules if r.id == "CNV010")
    assert result.outcome is Outcome.NOT_CHECKED and "no reference convergence points" in (
        result.reason or ""
    )


def test_as_fast_as_the_reference(tmp_path, monkeypatch):
    package, verdict, outcome = judged(build_package(tmp_path), monkeypatch, [3, 4, 4, 4, 4, 4, 5, 5, 4, 3])
    assert outcome is Outcome.PASS and verdict.verdict == "compliant"
    assert score(package, load_ruleset()).scaling_factor == 1


@pytest.mark.parametrize("batch", [32, 8])
def test_on_a_practice_set_it_is_a_warning(tmp_path, monkeypatch, batch):
    epochs = [20, 21, 22, 20, 21, 22, 20, 21, 22, 20]
    _, verdict, outcome = judged(build_package(tmp_path), monkeypatch, epochs, batch, practice=True)
    assert outcome is Outcome.WARN and verdict.verdict == "compliant"


def test_faster_than_the_reference(tmp_path, monkeypatch):
    package, verdict, outcome = judged(
        build_package(tmp_path), monkeypatch, [20, 21, 22, 20, 21, 22, 20, 21, 22, 20]
    )
    assert outcome is Outcome.FAIL and verdict.verdict == "not_compliant"
    assert score(package, load_ruleset()).scaling_factor == 1


def test_faster_within_chance(tmp_path, monkeypatch):
    package, verdict, outcome = judged(build_package(tmp_path), monkeypatch, [2, 3, 5, 6, 7, 8, 4, 5, 6, 9])
    result = score(package, load_ruleset())
    assert outcome is Outcome.PASS and result.scaling_factor > 1
    plain = [r.time_to_train_s for r in result.runs if r.dropped is None]
    assert result.time_to_train_s == pytest.approx(result.scaling_factor * sum(plain) / len(plain))


def test_batch_size_without_a_point(tmp_path, monkeypatch):
    _, verdict, outcome = judged(build_package(tmp_path), monkeypatch, [4] * 10, batch=16)
    assert outcome is Outcome.FAIL
    finding = next(f for f in verdict.findings if f.rule == "CNV010")
    assert "batch size 32" in finding.message and "rcp record" in (finding.fix or "")


def test_readings_that_part_are_told(tmp_path, monkeypatch):
    """One reference run gone astray: upstream's deviation grows, and lets the submission pass."""
    _, verdict, outcome = judged(build_package(tmp_path), monkeypatch, [6, 6, 6, 7, 6, 6, 7, 6, 6, 60])
    found = [f for f in verdict.findings if f.rule == "CNV010"]
    assert outcome is Outcome.FAIL
    assert {f.severity for f in found} == {Severity.ERROR, Severity.WARNING}
    assert "mlperf_logging" in found[1].message


def test_open_is_not_compared(tmp_path, monkeypatch):
    _, _, outcome = judged(build_package(tmp_path, division="open", runs=3), monkeypatch, [20] * 10)
    assert outcome is Outcome.NOT_APPLICABLE
