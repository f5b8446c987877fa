"""What a batch system is to `cloudmask launch`: a job script, a way to send it, and to ask for its state."""

from __future__ import annotations

import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.core.errors import ExitCode, UserError

ASK_S = 60.0
# What the commands of Slurm and LSF print when their daemon has too much to do or starts again.
_BUSY = re.compile(
    r"socket timed out|unable to contact slurm|connection (?:refused|timed out|reset)|communication connection failure|"
    r"zero bytes were transmitted|backup controller in standby|resource temporarily unavailable|"
    r"(?:controller|daemon|mbatchd|lim) (?:is )?(?:not responding|down|busy)|please wait|try(?:ing)? (?:again|later)|"
    r"too many (?:requests|open files)|rate limit|slurmctld .*(?:down|not respond)|message (?:receive|send) failure|"
    r"protocol authentication error|unexpected message received|unable to connect to (?:the )?database",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Job:
    """A job ready to be sent: its script, and where script and log lie (`log` holds %j or %J)."""

    name: str
    text: str
    script: Path
    log: Path
    nodes: int

    def log_of(self, number: str) -> Path:
        """The log of the job that `send` gave this number."""
        return Path(re.sub("%[jJ]", number.partition(";")[0], str(self.log)))


@dataclass(frozen=True)
class State:
    """Where a job is. `exit_code` is None while it is not over, or where it is not known."""

    word: str  # PENDING, RUNNING, ...; UNKNOWN when the batch system does not know the job any more
    over: bool
    reason: str = ""
    exit_code: int | None = None


class BatchBusy(UserError):
    """The batch system does not answer now, and may later."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message, fix, ExitCode.SERVICE)


class BatchSystem(ABC):
    """The commands of a login node."""

    template: ClassVar[str]
    """Name of the job script's template in templates/."""

    log_number: ClassVar[str]
    """What the batch system replaces by the job's number in the name of a log."""

    arrays: ClassVar[bool] = False
    """Whether its template can make an array of equal jobs."""

    array_number: ClassVar[str] = ""
    """What it replaces by the numbers of array and task in the name of a log."""

    @abstractmethod
    def send(self, job: Job) -> str:
        """Send the job. Returns its number (with ";cluster" behind it where the batch system names one).

        Raises UserError with the batch system's own message; BatchBusy when it is not known whether it took the job.
        """


class FollowedBatchSystem(BatchSystem):
    """A batch system that can be asked for the state of a job (cloudmask launch --wait)."""

    @abstractmethod
    def state(self, number: str) -> State:
        """A job's state by what `send` returned. Raises UserError; BatchBusy when asking again may help."""


def ask(
    command: list[str],
    text: str | None = None,
    fix: str = "correct the recipe's job section.",
    environment: dict[str, str] | None = None,
) -> str:
    """Run a command of the batch system (in this environment; default: the current one) and return its output.

    Raises UserError, with `fix`, when it refuses, and BatchBusy when it does not answer for the moment.
    """
    again = "wait a minute, see with the batch system's list of jobs whether it was taken, then try again."
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_S,
            env=environment,
        )
    except FileNotFoundError:
        raise UserError(
            f"There is no {command[0]} on this machine.",
            "run this on a login node of the cluster; or look at the job with --dry-run.",
        ) from None
    except subprocess.TimeoutExpired:
        raise BatchBusy(f"{command[0]} did not answer within {ASK_S:g} s.", again) from None
    except OSError as error:
        raise UserError(f"{command[0]} could not be run: {error.strerror or error}.") from None
    if done.returncode:
        message = " ".join((done.stderr or done.stdout).split())[:400]
        if _BUSY.search(message):
            raise BatchBusy(f"{command[0]} is busy for the moment: {message}.", again)
        raise UserError(f"{command[0]} refused: {message}.", fix)
    return done.stdout
