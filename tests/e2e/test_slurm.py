"""Login node to package under a real Slurm: two nodes on this machine, rendered jobs, one sampler per node."""

import json

import h5py
import psutil
import pytest

from tests.slurm.cluster import missing
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")
TWO_NODES = {"launcher": "slurm", "devices": {"nodes": 2}, "job": {"time": "00:30:00", "partition": "main"}}


def launch(trial, cluster, *arguments, **extra):
    command = ["launch", "--system", "box", "--org", "lab", *arguments]
    return trial.cloudmask(*command, **cluster.environment, **extra)


def values(trial, run, key):
    log = (trial.org / f"results/box/strong/cloudmask/result_{run}.txt").read_text()
    events = [json.loads(line.removeprefix(":::MLLOG ")) for line in log.splitlines()]
    return [event["value"] for event in events if event["key"] == key]


def samplers(trial, run):
    """Rows of processor utilisation per node."""
    rows = {}
    for path in sorted((trial.evidence() / f"result_{run}").glob("telemetry_node_*.h5")):
        with h5py.File(path) as file:
            rows[path.stem.removeprefix("telemetry_")] = len(file["psutil/time_s"])
    return rows


def test_a_job_becomes_a_checked_package(trial, cluster):
    trial.recipe(**TWO_NODES)
    done = launch(trial, cluster, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr + cluster.logs()
    assert "job 1 sent: 2 nodes, 2 workers a model" in done.stdout and "COMPLETED" in done.stdout
    assert "verdict: consistent with the rules" in done.stdout
    assert trial.cloudmask("check", "submissions/lab").returncode == 0
    for run in range(5):
        assert values(trial, run, "number_of_nodes") == [2] and values(trial, run, "number_of_ranks") == [2]
        assert min(samplers(trial, run)[f"node_{node}"] for node in range(2)) > 5
    system = json.loads((trial.org / "systems/box.json").read_text())
    assert system["number_of_nodes"] == "2"
    cleared = values(trial, 0, "cache_clear")
    assert cleared == [True]
    again = launch(trial, cluster, "--wait")  # all runs are there: only judged again
    assert again.returncode == 0 and "5 of 5 runs are finished" in again.stdout


def test_a_killed_worker_fails_the_job(trial, cluster):
    trial.recipe(**TWO_NODES)
    number = launch(trial, cluster, FAKE="hang").stdout.split()[1]
    trial.until("eval_accuracy")
    victim = next(p for p in fakes(trial) if p.environ().get("SLURM_PROCID") == "1")
    victim.kill()
    wait_for(lambda: "Run 0 (1 of 5) failed" in log_of(trial, number))
    wait_for(lambda: "task 1: Killed" in log_of(trial, number))
    record = trial.record("failed/attempt_0")
    assert record["status"] == "failed"
    wait_for(lambda: not fakes(trial))


def log_of(trial, number):
    """The jobs' folder is beside the data, which all tests share."""
    log = trial.root / f"data/jobs/cloudmask-lab-box-{number}.log"
    return log.read_text() if log.exists() else ""


def fakes(trial):
    found = []
    for process in psutil.process_iter():
        try:
            is_it = process.cmdline()[-1:] == [str(trial.fake)] and "python" in process.name()
            if is_it and process.cwd() == str(trial.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_out_of_time_the_job_starts_again_and_goes_on(trial, cluster):
    """The batch system's warning is a SIGTERM to the batch shell; scancel can send one."""
    trial.recipe(**TWO_NODES)
    sent = launch(trial, cluster, FAKE="hang", FAKE_RUN="2", FAKE_ONCE=str(trial.root / "once"))
    number = sent.stdout.split()[1]
    trial.until("eval_accuracy", 2)
    cluster.ask("scancel", "--batch", "--signal=TERM", number)
    wait_for(lambda: "verdict" in log_of(trial, number))
    text = log_of(trial, number)
    assert "the job queues again" in text and "2 of 5 runs are finished already" in text
    assert "verdict: consistent with the rules" in text, text
    wait_for(lambda: "COMPLETED" in cluster.ask("scontrol", "-o", "show", "job", number))
    left = trial.record("failed/attempt_0")
    assert left["status"] == "interrupted" and left["run"] == 2


def test_a_cancelled_job_stays_ended(trial, cluster):
    trial.recipe(**TWO_NODES)
    number = launch(trial, cluster, FAKE="hang").stdout.split()[1]
    trial.until("eval_accuracy")
    cluster.ask("scancel", number)
    wait_for(lambda: (trial.evidence() / "failed/attempt_0/run.json").is_file())
    wait_for(lambda: "JobState=CANCELLED" in cluster.ask("scontrol", "-o", "show", "job", number))
    wait_for(lambda: not fakes(trial))
    assert "run 0 (1 of 5)" in log_of(trial, number) and "queues again" not in log_of(trial, number)


def test_slurm_refuses_in_its_own_words(trial, cluster):
    trial.recipe(**{**TWO_NODES, "job": {"partition": "nowhere"}})
    done = launch(trial, cluster)
    assert done.returncode == 2 and "sbatch refused" in done.stderr and "partition" in done.stderr


def test_the_reference_trains_on_two_nodes(trial, cluster):
    trial.recipe(
        **TWO_NODES,
        command=None,
        implementation="reference",
        division="open",
        runs=1,
        best_of=1,
        hyperparameters={"global_batch_size": 8, "max_epochs": 60},
    )
    done = launch(trial, cluster, "--wait")
    assert done.returncode == 0 and "verdict: consistent with the rules" in done.stdout, (
        done.stdout + done.stderr
    )
    assert values(trial, 0, "number_of_ranks") == [2] and values(trial, 0, "micro_batch_size") == [4]
    assert values(trial, 0, "eval_accuracy")[-1] >= 0.9
    assert sorted(samplers(trial, 0)) == ["node_0", "node_1"]


def test_throughput_trains_one_model_on_each_node(trial, cluster):
    shared = {"division": "open", "runs": 1, "best_of": 1, "instances": 2}
    trial.recipe(launcher="slurm", job=TWO_NODES["job"], **shared)
    for arguments in ([], ["--throughput"]):
        done = launch(trial, cluster, "--wait", *arguments)
        assert done.returncode == 0 and "verdict: consistent with the rules" in done.stdout, (
            done.stdout + done.stderr
        )
    assert "throughput: 2 models of 1 of 1" in done.stdout
    evidence = trial.org / "evidence/box/weak/cloudmask"
    hosts = []
    for run in range(2):
        output = (evidence / f"result_{run}/output.log").read_text()
        hosts += [line for line in output.splitlines() if line.startswith("node ")]
        assert (evidence / f"result_{run}/telemetry_node_0.h5").is_file()
    assert sorted(hosts) == ["node calm", "node wind"]
