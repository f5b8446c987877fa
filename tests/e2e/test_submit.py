"""The main job with an implementation that trains nothing: protocol, failures, interruption, resume."""

import json
import os
import signal

import psutil
import pytest

from tests.support import STARTERS
from tests.support.waiting import HANG_S, wait_for


def test_machine_to_compliant_package(trial):
    done = trial.submitted()
    assert "verdict: consistent with the rules" in done.stdout
    assert "time-to-train" in done.stdout and "unverified" in done.stdout
    assert trial.results() == [f"result_{i}.txt" for i in range(5)]
    report = trial.org / "reports/box/index.html"
    assert report.is_file() and str(report.relative_to(trial.root)) in done.stdout
    checked = trial.cloudmask("check", "submissions/lab")
    assert checked.returncode == 0, checked.stdout
    records = [trial.record(f"result_{i}") for i in range(5)]
    assert len({r["seed"] for r in records}) == 5
    assert all(r["cache"]["cleared"] and r["peak_rss_bytes"] > 0 for r in records)
    output = (trial.evidence() / "result_0/output.log").read_text()
    assert output == "an ordinary line of output\n"
    again = trial.submit()
    assert again.returncode == 2 and "--resume" in again.stderr and "--replace" in again.stderr
    replaced = trial.submit("--replace", FAKE="crash")
    assert replaced.returncode == 3 and "set aside" in replaced.stdout
    assert (
        len(list((trial.root / "submissions/.replaced").glob("lab-box-*/results/box/strong/cloudmask/*")))
        == 5
    )


@pytest.mark.slow
def test_prepared_shards_are_recorded_and_accepted(trial):
    trial.recipe(data={"profile": "smoke", "prepared": "shards"})
    missing = trial.submit()
    assert missing.returncode == 2 and "cloudmask data prepare" in missing.stderr
    made = trial.cloudmask("data", "prepare", "--profile", "smoke", "--out", "shards")
    assert made.returncode == 0, made.stderr
    done = trial.submitted()
    assert "verdict: consistent with the rules" in done.stdout
    record = trial.record("result_0")
    given = record["spec"]["data"]
    assert given["prepared"] == "shards" and given["prepared_digest"] in made.stdout
    assert given["train_files"]  # the data set's digest is that of the scenes, as ever
    assert record["cache"]["files"] == 20 + 2 + 20  # shards are evicted too
    log = (trial.org / "results/box/strong/cloudmask/result_0.txt").read_text()
    assert '"prepared_digest"' in log and given["prepared_digest"] in log


def test_a_crash_keeps_what_is_done_and_resume_finishes(trial):
    done = trial.submit(FAKE="crash", FAKE_RUN="2")
    assert done.returncode == 3
    assert "Run 2 (3 of 5) failed" in done.stderr and "something broke in epoch 1" in done.stderr
    assert "--resume" in done.stderr and "Traceback" not in done.stderr
    assert trial.results() == ["result_0.txt", "result_1.txt"]
    failed = trial.record("failed/attempt_0")
    assert failed["status"] == "failed" and failed["run"] == 2
    before = [(trial.evidence() / f"result_{i}/run.json").read_bytes() for i in range(2)]
    resumed = trial.submitted("--resume")
    assert "2 of 5 runs are finished already" in resumed.stdout
    assert before == [(trial.evidence() / f"result_{i}/run.json").read_bytes() for i in range(2)]
    assert (trial.evidence() / "failed/attempt_0/result.txt").is_file()


@pytest.mark.slow
def test_kill_in_run_3_then_resume(trial):
    with trial.start_submit(FAKE="orphan", FAKE_RUN="2") as running:
        trial.until("eval_accuracy", 2, running)
        tree = psutil.Process(running.pid).children(recursive=True)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    watched = [p for p in tree if "sleep" not in _name(p)]
    assert len(watched) >= 2  # the implementation and the sampler
    wait_for(lambda: not any(_alive(p) for p in watched))
    for process in tree:
        if _alive(process):
            process.kill()
    resumed = trial.submitted("--resume")
    assert "verdict: consistent with the rules" in resumed.stdout
    left = trial.record("failed/attempt_0")
    assert left["status"] == "interrupted"


def _name(process):
    try:
        return process.name()
    except psutil.Error:
        return ""


def _alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_terminate_end_the_whole_tree(trial, number):
    with trial.start_submit(FAKE="orphan") as running:
        trial.until("eval_accuracy", 0, running)
        tree = psutil.Process(running.pid).children(recursive=True)
        assert any("sleep" in _name(p) for p in tree)
        os.kill(running.pid, number)
        _, errors = running.communicate(timeout=HANG_S)
    assert running.returncode == 130
    assert "--resume" in errors and "Traceback" not in errors
    assert not any(_alive(p) for p in tree)
    record = trial.record("failed/attempt_0")
    assert record["status"] == "interrupted" and record["files"]["telemetry_node_0.h5"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "how, limits, words",
    [
        ("hang", {"silence_s": 2}, "timeout: no output for 2 s"),
        ("hang", {"run_s": 3}, "timeout: the run took longer than its limit of 3 s"),
        ("mute", {}, "no run_stop"),
    ],
)
def test_runs_that_never_finish(trial, how, limits, words):
    trial.recipe(limits=limits, runs=1, division="open")
    done = trial.submit(FAKE=how)
    assert done.returncode == 3 and words in done.stderr
    assert trial.results() == []


@pytest.mark.slow
def test_runs_that_never_converge_are_not_compliant(trial):
    trial.recipe(hyperparameters={"global_batch_size": 8, "max_epochs": 2})
    done = trial.submit(FAKE="abort")
    assert done.returncode == 1, done.stdout
    assert "verdict: not consistent" in done.stdout and "no run reached the target" in done.stdout


@pytest.mark.slow
def test_resume_refuses_another_plan(trial):
    trial.submit(FAKE="crash", FAKE_RUN="1")
    trial.recipe(hyperparameters={"global_batch_size": 16, "max_epochs": 6})
    done = trial.submit("--resume")
    assert done.returncode == 2 and "Cannot resume: recipe changed" in done.stderr


def test_wrong_machine(trial):
    trial.recipe(system="a100x", devices={"nodes": 1, "accelerators_per_node": 4, "accelerator": "A100"})
    fields = json.loads((STARTERS / "systems/a100.json").read_text())
    path = trial.org / "systems/a100x.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(fields))
    done = trial.submit(system="a100x")
    assert done.returncode == 2
    assert "accelerators_per_node" in done.stdout and "DIFFERS" in done.stdout
    assert "SYSTEM=local" in done.stderr and "cloudmask system detect" in done.stderr
    assert not (trial.evidence("a100x")).exists()
    planned = trial.cloudmask("plan", "--system", "a100x", "--org", "lab")
    assert "accelerators_per_node" in planned.stdout and "Traceback" not in planned.stderr


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["submit", "--system", "bxo"], 2, "did you mean 'box'"),
        (["submit", "--system", "../box"], 2, "cannot be the name of a system"),
        (["submit"], 2, "Missing option '--system'"),
        (["nonsense"], 2, "No such command"),
        (["submit", "--system", "box", "--submissions", "nowhere"], 2, "Unknown SYSTEM 'box'"),
        (["check", "nowhere"], 2, "nowhere"),
    ],
)
def test_wrong_usage_is_one_line(trial, arguments, code, words):
    extra = ["--org", "lab"] if arguments[0] == "submit" and len(arguments) > 2 else []
    done = trial.cloudmask(*arguments, *extra)
    assert done.returncode == code
    assert words in done.stderr + done.stdout and "Traceback" not in done.stderr


def test_bad_data(trial, tmp_path):
    trial.recipe(data={"profile": "mine", "directory": "gone", "geometry": _geometry()})
    done = trial.submit()
    assert done.returncode == 2 and "gone" in done.stderr
    scenes = tmp_path / "own"
    for folder in ("one-day", "ssts"):
        (scenes / folder).mkdir(parents=True)
        for source in sorted((trial.root / "data/smoke" / folder).glob("*.hdf"))[:5]:
            (scenes / folder / source.name).write_bytes(source.read_bytes())
    victim = sorted((scenes / "one-day").glob("*.hdf"))[0]
    good = victim.read_bytes()
    victim.write_bytes(good[: len(good) // 2])
    trial.recipe(data={"profile": "mine", "directory": "own", "geometry": _geometry()})
    done = trial.submit()
    assert done.returncode == 2 and victim.name in done.stderr and "Traceback" not in done.stderr
    victim.write_bytes(good)
    trial.recipe(data={"profile": "mine", "directory": "own", "geometry": _geometry(scene_height=160)})
    done = trial.submit()
    assert done.returncode == 2 and "160" in done.stderr


def _geometry(**changes):
    return {"scene_height": 150, "scene_width": 187, "patch_size": 32, **changes}
