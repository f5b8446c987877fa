"""What a batch system is to `cloudmask launch`: a job script, a way to send it, and to ask for its state."""

from __future__ import annotations

import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.core.errors import UserError

ASK_S = 60.0


@dataclass(frozen=True)
class Job:
    """A job ready to be sent: its script, and where script and log lie (`log` holds %j or %J)."""

    name: str
    text: str
    script: Path
    log: Path
    nodes: int

    def log_of(self, number: str) -> Path:
        """The log of the job with that number."""
        return Path(re.sub("%[jJ]", number, str(self.log)))


@dataclass(frozen=True)
class State:
    """Where a job is. `exit_code` is None while it is not over, or where it is not known."""

    word: str  # PENDING, RUNNING, ...; UNKNOWN when the batch system does not know the job any more
    over: bool
    reason: str = ""
    exit_code: int | None = None


class BatchSystem(ABC):
    """The commands of a login node."""

    template: ClassVar[str]
    """Name of the job script's template in templates/."""

    log_number: ClassVar[str]
    """What the batch system replaces by the job's number in the name of a log."""

    can_wait: ClassVar[bool] = False
    """Whether `state` works (cloudmask launch --wait)."""

    @abstractmethod
    def send(self, job: Job) -> str:
        """Send the job. Returns its number; raises UserError with the batch system's own message."""

    def state(self, number: str) -> State:
        """A job's state. Raises UserError when the batch system cannot be asked."""
        raise NotImplementedError(f"{type(self).__name__} does not report the state of jobs")


def ask(command: list[str], text: str | None = None) -> str:
    """Run a command of the batch system and return its output. Raises UserError when that fails."""
    fix = "run this on a login node of the cluster; or look at the job with --dry-run."
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=ASK_S)
    except FileNotFoundError:
        raise UserError(f"There is no {command[0]} on this machine.", fix) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{command[0]} could not be run: {error}.", fix) from None
    if done.returncode:
        message = " ".join((done.stderr or done.stdout).split())[:400]
        raise UserError(f"{command[0]} refused: {message}.", "correct the recipe's job section.")
    return done.stdout
