"""Several workers on this machine, under one harness: one end for all."""

import psutil
import pytest

from tests.support.waiting import HANG_S


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
    with trial.start_submit(**extra) as running:
        trial.until("eval_accuracy", 0, running)
        workers = {r: p for r, p in processes(words, trial.root).items() if r is not None}
        assert sorted(workers) == ["0", "1"]
        workers[str(rank)].kill()
        _, errors = running.communicate(timeout=HANG_S)
        psutil.wait_procs(workers.values(), timeout=HANG_S)
        assert not any(p.is_running() for p in workers.values())
    return running.returncode, errors


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_fails_the_run_at_once(trial, rank):
    trial.recipe(devices={"workers_per_node": 2})
    code, errors = start_and_kill(trial, "fake_implementation.py", rank, FAKE="hang")
    assert code == 3
    assert "Run 0 (1 of 5) failed: the implementation failed: exit code 137" in errors
    assert f"worker {rank} of 2 was ended by signal 9 (SIGKILL): the others were ended" in errors
    assert "--resume" in errors and "Traceback" not in errors
    record = trial.record("failed/attempt_0")
    assert record["status"] == "failed" and trial.results() == []


def test_nodes_need_a_batch_system(trial):
    trial.recipe(devices={"nodes": 2})
    done = trial.submit()
    assert done.returncode == 2 and "launcher local uses this machine only, not 2 nodes" in done.stderr
    trial.recipe(devices={"nodes": 2}, launcher="slurm")
    done = trial.submit()
    assert (
        done.returncode == 2
        and "this is not a Slurm job" in done.stderr
        and "cloudmask launch" in done.stderr
    )


@pytest.mark.slow
def test_a_worker_killed_while_it_trains(trial):
    """TensorFlow's collectives would wait for it; the launcher does not."""
    trial.recipe(
        command=None,
        implementation="reference",
        devices={"workers_per_node": 2},
        hyperparameters={"global_batch_size": 8, "max_epochs": 40},
    )
    code, errors = start_and_kill(trial, "start_module.py", 1)
    assert code == 3
    assert "worker 1 of 2 was ended by signal 9 (SIGKILL)" in errors
    assert (trial.evidence() / "failed/attempt_0/result.txt").is_file()
