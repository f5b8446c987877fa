"""What batch systems print: numbers among banners, controllers that are busy, jobs that are forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli import launch
from harness.core.errors import ExitCode, UserError
from harness.run.launch import slurm
from harness.run.launch.batch import BatchBusy, BatchSystem, Job, State
from harness.run.launch.slurm import SlurmBatch, job_environment, job_number, slurm_addresses

Command = Callable[[str, str], None]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Puts a shell script of that name on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("1234567\n", "1234567"),
        ("1234567;alpha\n", "1234567;alpha"),
        ("-----\n Welcome 2026\n--> Verifying valid submit host (login1)...OK\n\n1234567\n", "1234567"),
        ("sbatch: Job estimates: 12 SU\n1234567\nsbatch: lua: thank you\n", "1234567"),
        ("Submitted batch job 77\n", "77"),
        ("Hello\nSubmitted batch job 77 on cluster beta\n", "77;beta"),
        ("  1234567  \r\n", "1234567"),
        ("\x1b[32m1234567\x1b[0m\n", "1234567"),
        ("1234567;\n", "1234567"),
        ("sbatch: Submitted batch job 77\n", "77"),
    ],
)
def test_the_number_among_banners(answer: str, number: str) -> None:
    assert job_number(answer) == number


@pytest.mark.parametrize("answer", ["", "OK\n", "job: 12a\n", "1234567 nodes are idle\n"])
def test_no_number_is_said_and_not_guessed(answer: str) -> None:
    with pytest.raises(UserError, match="number") as caught:
        job_number(answer)
    assert "squeue" in (caught.value.fix or "")


@pytest.mark.parametrize(
    "says",
    [
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
        "slurm_load_jobs error: Zero Bytes were transmitted or received",
        "error: Resource temporarily unavailable",
        "slurm_load_jobs error: Protocol authentication error",
        "error: Unable to connect to database",
    ],
)
def test_a_busy_controller_is_told_from_a_refusal(command: Command, says: str) -> None:
    for name in ("scontrol", "sbatch"):
        command(name, f"echo '{says}' >&2; exit 1")
    with pytest.raises(BatchBusy, match="busy for the moment") as caught:
        SlurmBatch().state("77")
    assert caught.value.code == ExitCode.SERVICE and "recipe" not in (caught.value.fix or "")
    with pytest.raises(BatchBusy) as sent:
        SlurmBatch().send(Job("x", "", Path("x.sh"), Path("x-%j.log"), 1))
    assert "taken" in (sent.value.fix or "")  # it may have been


def test_a_refusal_blames_the_recipe(command: Command) -> None:
    command("sbatch", "echo 'error: invalid partition specified: gpu' >&2; exit 1")
    with pytest.raises(UserError, match="refused.*partition") as caught:
        SlurmBatch().send(Job("x", "", Path("x.sh"), Path("x-%j.log"), 1))
    assert "job section" in (caught.value.fix or "") and not isinstance(caught.value, BatchBusy)


def test_the_cluster_is_asked_for_its_job(command: Command) -> None:
    command(
        "scontrol", 'echo "$@" | grep -q -- "--clusters=beta .* 77$" && echo "Hi\nJobId=77 JobState=RUNNING"'
    )
    assert SlurmBatch().state("77;beta").word == "RUNNING"
    assert Job("x", "", Path("x.sh"), Path("x-%j.log"), 1).log_of("77;beta") == Path("x-77.log")


FORGOTTEN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ("77|COMPLETED|0:0", State("COMPLETED", True, "", 0)),
        ("77|FAILED|3:0", State("FAILED", True, "", 3)),
        ("77|CANCELLED by 1000|0:0", State("CANCELLED", True, "", None)),
        ("", State("UNKNOWN", True)),
    ],
)
def test_a_job_that_the_controller_forgot_is_in_the_accounting(
    command: Command, rows: str, state: State
) -> None:
    command("scontrol", FORGOTTEN)
    command("sacct", f"echo '{rows}'")
    assert SlurmBatch().state("77") == state


class Says(BatchSystem):
    """Answers by a list; an exception is raised."""

    def __init__(self, *answers: State | UserError) -> None:
        self.answers = list(answers)

    def send(self, job: Job) -> str:
        """Nothing."""
        return "77"

    def state(self, number: str) -> State:
        """The next one; the last one for ever."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, UserError):
            raise answer
        return answer


def follow(monkeypatch: pytest.MonkeyPatch, *answers: State | UserError) -> int:
    monkeypatch.setattr(launch, "LOOK_S", 0.0)
    job = Job("x", "", Path("x.sh"), Path("/missing/x-%j.log"), 1)
    return launch._follow(Console(), Says(*answers), job, "77")


BUSY = BatchBusy("busy.", "wait.")


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (State("COMPLETED", True, "", 0), 0),
        (State("FAILED", True, "", 1), 1),  # the job's own: findings
        (State("FAILED", True, "", 3), 3),
        (State("CANCELLED", True, "", None), 3),
        (State("TIMEOUT", True, "", 1), 3),
        (State("NODE_FAIL", True, "", None), 3),
        (State("UNKNOWN", True), 3),
    ],
)
def test_a_wait_survives_a_busy_controller(monkeypatch: pytest.MonkeyPatch, last: State, code: int) -> None:
    assert follow(monkeypatch, State("RUNNING", False), BUSY, BUSY, last) == code


def test_a_controller_that_stays_silent_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "PATIENCE_S", 0.0)
    with pytest.raises(BatchBusy, match="did not answer for"):
        follow(monkeypatch, BUSY)


@pytest.mark.parametrize("says", ["", "JobId=77 JobName=x", "JobId=77 JobState=", "Welcome"])
def test_an_answer_without_a_state_is_asked_for_again(command: Command, says: str) -> None:
    """Cut off, or a banner alone: a wait of hours would end, and the job goes on."""
    command("scontrol", f"printf '%s' '{says}'")
    with pytest.raises(BatchBusy, match="no state"):
        SlurmBatch().state("77")


def test_notes_on_nodes_in_another_encoding_do_not_matter(command: Command) -> None:
    command("scontrol", "printf 'NodeName=n1 NodeAddr=10.0.0.1 Reason=d\\351fectueux\\n'")
    assert slurm_addresses(["n1"], slurm._node_records(["n1"])) == ["10.0.0.1"]


def test_a_job_sent_from_within_a_job_inherits_nothing_of_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """srun: SLURM_MEM_PER_CPU, SLURM_MEM_PER_GPU, and SLURM_MEM_PER_NODE are mutually exclusive."""
    command("sbatch", f"env > {tmp_path}/env; echo 77")
    given = {"SLURM_JOB_ID": "5", "SLURM_MEM_PER_CPU": "1", "SLURM_CONF": "/c", "OMP_NUM_THREADS": "4"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    job = Job("name", "#SBATCH --mem=1G\n", tmp_path / "job.sh", tmp_path / "log", 1)
    assert SlurmBatch().send(job) == "77"
    seen = (tmp_path / "env").read_text().splitlines()
    assert "SLURM_CONF=/c" in seen and "OMP_NUM_THREADS=4" in seen
    assert not [line for line in seen if line.startswith(("SLURM_JOB", "SLURM_MEM"))]


def test_defaults_of_a_site_do_not_stand_above_the_script() -> None:
    given = {
        "SBATCH_TIMELIMIT": "1:00:00",
        "SBATCH_MEM_PER_CPU": "1G",
        "SBATCH_ACCOUNT": "a",
        "SLURM_HINT": "x",
    }
    left = job_environment(given, "#!/bin/bash\n#SBATCH --time=8:00:00\n#SBATCH --mem=100G\n")
    assert left == {"SBATCH_ACCOUNT": "a", "SLURM_HINT": "x"}  # what the script leaves open is the site's
