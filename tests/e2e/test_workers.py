"""Several workers on this machine, under one harness: one log, the same learning, one end."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from harness.launch import launcher_for
from harness.recipe import Recipe
from reference.dataset import describe
from reference.profiles import PROFILES
from reference.spec import Hyperparameters, RunSpec
from tests.e2e.test_submit import wait_until


def processes(words, folder):
    """Ours only: those whose folder is the test's."""
    found = {}
    for process in psutil.process_iter():
        try:
            if words in " ".join(process.cmdline()) and process.cwd() == str(folder):
                found[process.environ().get("RANK")] = process
        except psutil.Error:
            continue
    return found


def start_and_kill(trial, words, rank, **extra):
    """A submit whose worker of that rank is killed after the first evaluation; its exit code and errors."""
    with subprocess.Popen(
        trial.command("submit", "--system", "box", "--org", "lab"),
        cwd=trial.root,
        env=trial.environment(**extra),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        part = trial.evidence() / "result_0.part/result.txt"
        wait_until(lambda: part.is_file() and "eval_accuracy" in part.read_text(), limit_s=700)
        workers = {r: p for r, p in processes(words, trial.root).items() if r is not None}
        assert sorted(workers) == ["0", "1"]
        workers[str(rank)].kill()
        _, errors = running.communicate(timeout=120)
        psutil.wait_procs(workers.values(), timeout=20)
        assert not any(p.is_running() for p in workers.values())
    return running.returncode, errors


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_fails_the_run_at_once(trial, rank):
    trial.recipe(devices={"workers_per_node": 2})
    code, errors = start_and_kill(trial, "fake_implementation.py", rank, FAKE="hang")
    assert code == 1
    assert "Run 1 of 5 failed: the implementation failed: exit code 137" in errors
    assert f"worker {rank} of 2 was ended by signal 9 (SIGKILL): the others were ended" in errors
    assert "--resume" in errors and "Traceback" not in errors
    record = json.loads((trial.evidence() / "failed/attempt_0/run.json").read_text())
    assert record["status"] == "failed" and trial.results() == []


def test_nodes_need_a_batch_system(trial):
    trial.recipe(devices={"nodes": 2})
    done = trial.submit()
    assert done.returncode == 2 and "launcher local knows this machine only, not 2 nodes" in done.stderr
    trial.recipe(devices={"nodes": 2}, launcher="slurm")
    done = trial.submit()
    assert (
        done.returncode == 2 and "this is no Slurm job" in done.stderr and "cloudmask launch" in done.stderr
    )


def curve(spec, tmp_path, workers):
    """Losses and accuracies per epoch of the reference, started as the harness would with that many workers."""
    spec = replace(spec, output_dir=str(tmp_path / f"out_{workers}"))
    recipe = Recipe(
        devices={"workers_per_node": workers},
        hyperparameters={"global_batch_size": spec.hyperparameters.global_batch_size},
    )
    spec = replace(spec, strategy=recipe.devices.chosen_strategy)
    path = tmp_path / f"spec_{workers}.json"
    path.write_text(spec.to_json())
    launcher = launcher_for(recipe)
    done = subprocess.run(
        launcher.command([sys.executable, "-m", "reference"]),
        env={**os.environ, **launcher.environment(), "CLOUDMASK_RUN_SPEC": str(path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.removeprefix(":::MLLOG ") for line in done.stdout.splitlines() if ":::MLLOG" in line]
    events = [json.loads(line) for line in lines]
    assert [e["value"] for e in events if e["key"] == "number_of_ranks"] == [workers]
    assert sum(e["key"] == "run_start" for e in events) == 1 and ":::MLLOG" not in done.stderr
    return {
        key: [e["value"] for e in events if e["key"] == key]
        for key in ("eval_loss", "eval_accuracy", "result")
    }


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_workers_learn_as_one_does(smoke_data, tmp_path):
    """Same seed and global batches: sums in another order are all that may differ."""
    folder = smoke_data / "smoke"
    data = describe(folder, "smoke", PROFILES["smoke"].geometry).data
    settings = Hyperparameters(global_batch_size=8, max_epochs=4, target_accuracy=0.999)
    spec = RunSpec(0, 20_240_917, data, "", settings, save_weights=False)
    one, two = (curve(spec, tmp_path, workers) for workers in (1, 2))
    print(one, two)
    assert len(one["eval_loss"]) == 4
    assert two["eval_loss"] == pytest.approx(one["eval_loss"], rel=0.02)
    assert two["eval_accuracy"] == pytest.approx(one["eval_accuracy"], abs=0.01)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_killed_while_it_trains(trial):
    """TensorFlow's collectives would wait for it; the launcher does not."""
    trial.recipe(
        command=None,
        implementation="reference",
        devices={"workers_per_node": 2},
        hyperparameters={"global_batch_size": 8, "max_epochs": 40, "target_accuracy": 0.999},
    )
    code, errors = start_and_kill(trial, "-m reference", 1)
    assert code == 1
    assert "worker 1 of 2 was ended by signal 9 (SIGKILL)" in errors
    assert (trial.evidence() / "failed/attempt_0/result.txt").is_file()
