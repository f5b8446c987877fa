"""Talking to the batch system: send a job, ask how it is."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from harness.core.errors import UserError
from harness.run.launch.job import Job

ASK_S = 60.0
# of Slurm, as `scontrol show job` says them; everything else is not over yet
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")


@dataclass(frozen=True)
class State:
    """Where a job is. `exit_code` None: not ended, or not told."""

    word: str  # PENDING, RUNNING, ...; UNKNOWN when the batch system does not know it any more
    reason: str = ""
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        return self.word in ENDED or self.word == "UNKNOWN"


def send(launcher: str, job: Job) -> str:
    """Send the job's script. Returns its number; raises UserError with the batch system's own words."""
    if launcher == "slurm":
        said = _ask(["sbatch", "--parsable", str(job.script)])
        return said.strip().split(";")[0]
    said = _ask(["bsub"], job.text)
    number = re.search(r"Job <(\d+)>", said)
    if number is None:
        raise UserError(f"bsub did not say the job's number: {said.strip()[:200]}")
    return number[1]


def state_of(number: str) -> State:
    """A Slurm job's state. Raises UserError when Slurm cannot be asked."""
    try:
        text = _ask(["scontrol", "--oneliner", "show", "job", number])
    except UserError as error:
        if "Invalid job id" in error.message:  # forgotten, some minutes after its end
            return State("UNKNOWN")
        raise
    return read_state(text)


def read_state(text: str) -> State:
    """From one line of `scontrol --oneliner show job`: JobState=, Reason= and ExitCode=code:signal."""

    def field(name: str) -> str:
        found = re.search(rf"(?:^|\s){name}=(\S+)", text)
        return found[1] if found else ""

    word, (code, _, signal) = field("JobState") or "UNKNOWN", field("ExitCode").partition(":")
    known = code.isdigit() and signal.isdigit() and word in ENDED
    reason = field("Reason")
    return State(
        word, "" if reason == "None" else reason, (int(code) or 128 * (signal != "0")) if known else None
    )


def _ask(command: list[str], text: str | None = None) -> str:
    fix = "run this on a login node of the cluster; or look at the job with --dry-run."
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=ASK_S)
    except FileNotFoundError:
        raise UserError(f"There is no {command[0]} on this machine.", fix) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{command[0]} could not be asked: {error}.", fix) from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:400]
        raise UserError(f"{command[0]} refused: {said}.", "correct the recipe's job section.")
    return done.stdout
