"""Files of upstream's program become an open entry: unchanged logs, nothing filled in, what is missing said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.check import check_package
from harness.cli.import_logs import import_logs
from harness.core.errors import UserError
from harness.leaderboard.collect import package_folders
from harness.upstream.sources import read_config, read_console, read_parts, read_passes
from rules.facts.phases import phases
from rules.ruleset import load_ruleset
from tests.support import upstream_run


def run(tmp_path: Path, files: dict[str, Path], *more: str) -> Result:
    options = [word for name, path in files.items() if name != "log" for word in (f"--{name}", str(path))]
    words = [
        str(files["log"]),
        "--system",
        "dgx-2",
        "--org",
        "lab",
        "--submissions",
        str(tmp_path / "submissions"),
    ]
    return CliRunner().invoke(import_logs, [*words, *options, *more])  # fmt: skip


def record(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "submissions/lab/benchmarks/cloudmask/dgx-2/import.json").read_text())


def test_each_run_of_an_appended_log_becomes_a_result_of_its_own_lines(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path, runs=2)
    done = run(tmp_path, files)
    assert done.exit_code == 0 and "2 runs filed" in done.output
    results = tmp_path / "submissions/lab/results/dgx-2/strong/cloudmask"
    assert [p.name for p in sorted(results.iterdir())] == ["result_0.txt", "result_1.txt"]
    assert b"".join(p.read_bytes() for p in sorted(results.iterdir())) == files["log"].read_bytes()


def test_what_the_files_say_is_kept_with_their_digests(tmp_path: Path) -> None:
    run(tmp_path, upstream_run.write(tmp_path))
    found = record(tmp_path)
    (one,) = found["runs"]
    assert (one["training_s"], one["inference_s"], one["accuracy"]) == (1420.0, 160.0, 0.883)
    assert (one["scenes"], one["epochs_planned"], one["epochs_done"], one["seconds_per_scene"]) == (
        970,
        3,
        3,
        1.6,
    )
    assert found["settings"]["seed"] == 1234 and len(found["sources"]) == 4
    assert all(len(source["sha256"]) == 64 for source in found["sources"])
    system = json.loads((tmp_path / "submissions/lab/systems/dgx-2.json").read_text())
    assert (system["division"], system["submitter"], system["accelerators_per_node"]) == ("open", "lab", "16")
    assert system["host_processor_model_name"] == "not probed"


def test_entry_is_rejected_and_says_what_it_lacks(tmp_path: Path) -> None:
    done = run(tmp_path, upstream_run.write(tmp_path))
    package, verdict = check_package(tmp_path / "submissions/lab", load_ruleset())
    failed = {finding.rule for finding in verdict.findings}
    assert verdict.verdict != "compliant" and {"LOG003", "SED001", "PKG010"} <= failed
    assert not {"PKG020", "PKG021"} & failed and package.manifest.present
    assert len(package_folders(tmp_path / "submissions", tmp_path)) == 1
    for word in ("clock", "seed", "data set", "commit", "telemetry"):
        assert any(word in line for line in done.output.splitlines() if line.startswith("missing: "))


def test_log_alone_is_enough_and_nothing_is_invented(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    done = run(tmp_path, {"log": files["log"]})
    (one,) = record(tmp_path)["runs"]
    assert one["accuracy"] is None and one["epochs_done"] is None and record(tmp_path)["settings"] == {}
    assert "accuracy not stated" in done.output and "missing: epochs" in done.output


def test_early_stopping_contradicts_the_time_per_epoch(tmp_path: Path) -> None:
    done = run(tmp_path, upstream_run.write(tmp_path, epochs_done=2))
    assert "ended after 2 of 3 epochs: its time_per_epoch is divided by 3" in done.output


def test_files_of_another_number_of_runs_are_not_mixed_up(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path, runs=2)
    files["runtimes"].write_text(upstream_run._runtimes())
    done = run(tmp_path, files)
    assert "the file of run times has 1 trainings, the log 2 runs" in done.output
    assert [one["seconds_per_scene"] for one in record(tmp_path)["runs"]] == [None, None]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    run(tmp_path, files)
    again = run(tmp_path, files)
    assert isinstance(again.exception, UserError) and "there already" in again.exception.message


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\x00", b"Epoch 1/2\n", b"- [" * 2000], ids=["empty", "binary", "half", "deep"]
)
@pytest.mark.parametrize("reader", [read_parts, read_passes, read_console, read_config])
def test_other_files_are_refused_in_one_line(reader, text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    if reader is read_console and text.startswith(b"Epoch"):
        assert read_console(path)[0].epochs == []
        return
    with pytest.raises(UserError) as refused:
        reader(path)
    assert "\n" not in refused.value.message


def test_log_of_another_benchmark_is_refused(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    files["log"].write_text(upstream_run.log_text(submission_benchmark="deepcam"))
    done = run(tmp_path, files)
    assert isinstance(done.exception, UserError) and "deepcam" in done.exception.message


def test_lines_with_text_before_the_token_are_kept_from_the_token_on(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_text("".join(f"INFO {line}\nnoise\n" for line in upstream_run.log_text().splitlines()))
    (part,) = read_parts(path)
    assert part.text.decode() == upstream_run.log_text()


def test_times_are_those_of_the_pairs_whatever_their_event_type(tmp_path: Path) -> None:
    (part,) = read_parts(upstream_run.write(tmp_path)["log"])
    found = {p.name: (p.count, p.total_s) for p in phases(part.log)}
    assert found == {"run": (1, 1580.006), "init": (1, 0.001), "eval": (2, 1580.0)}


def test_runs_of_a_fork_without_run_start_are_told_apart(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path, runs=2)
    files["log"].write_text(upstream_run.log_text(2, fork=True))
    done = run(tmp_path, files)
    assert done.exit_code == 0 and "2 runs filed" in done.output and "run_start is not logged" in done.output
    assert [(one["whole_s"], one["training_s"]) for one in record(tmp_path)["runs"]] == [(None, 1420.0)] * 2
    results = tmp_path / "submissions/lab/results/dgx-2/strong/cloudmask"
    assert b"".join(p.read_bytes() for p in sorted(results.iterdir())) == files["log"].read_bytes()


@pytest.mark.parametrize("forks", [(True, False), (False, True), (True, True)])
def test_logs_of_both_kinds_in_one_file_are_told_apart(forks: tuple[bool, ...], tmp_path: Path) -> None:
    path = tmp_path / "log"
    texts = [upstream_run.log_text(fork=fork) for fork in forks]
    path.write_text("".join(texts))
    assert [part.text.decode() for part in read_parts(path)] == texts


def test_result_of_a_fork_is_accuracy_in_the_log(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    files["log"].write_text(upstream_run.log_text(2, fork=True, result=upstream_run.RESULT))
    done = run(tmp_path, {"log": files["log"]})
    one, two = record(tmp_path)["runs"]
    assert (one["accuracy"], one["epochs_done"], one["logged_accuracy"]) == (0.88213, 2, True)
    assert two["status"] == "success" and "missing: accuracies of the epochs before the last" in done.output


@pytest.mark.parametrize(
    "result", [None, [], {"training": 7}, {"training": {"val_accuracy": True, "history": 1}}]
)
def test_a_result_of_another_form_is_none(result: object, tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    files["log"].write_text(upstream_run.log_text(result=result))
    run(tmp_path, {"log": files["log"]})
    assert [r["accuracy"] for r in record(tmp_path)["runs"]] == [None]


def test_console_of_a_terminal_is_read_with_and_without_backspaces(tmp_path: Path) -> None:
    """Progress bars go back by backspaces, which stores of text drop; MLLOG lines lie between."""
    path = tmp_path / "output.log"
    for back in ("\b" * 40, ""):
        bar = f"481/482 [===>.] - ETA: 0s - loss: 0.3 - accuracy: 0.81{back}482/482 [====] - 32s 67ms/step - loss: 0.3"
        ended = f"{bar} - accuracy: 0.8136 - val_loss: 0.3895 - val_accuracy: 0.8005\n"
        path.write_text(upstream_run.log_text() + "".join(f"Epoch {n}/2\n{ended}" for n in (1, 2)))
        (found,) = read_console(path)
        assert (len(found.epochs), found.planned, found.epochs[-1]["val_accuracy"]) == (2, 2, 0.8005)


def test_files_that_contradict_each_other_are_doubted(tmp_path: Path) -> None:
    files = upstream_run.write(tmp_path)
    files["runtimes"].write_text(files["runtimes"].read_text().replace("473.33", "99.00"))
    files["config"].write_text(upstream_run.CONFIG.replace("epochs: 3", "epochs: 1"))
    said = run(tmp_path, files).output
    assert "organisation is 'STFC'" in said and "1 x 16 accelerators and 1 ranks" in said
    assert "trained for 1420 s by the log and 297 s by the file of run times" in said
    assert "epochs is 1 in the configuration and 3 in the file of run times" in said
