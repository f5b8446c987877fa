"""LSF: jobs by bsub, processes on the nodes of the job by blaunch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from harness.core.errors import UserError
from harness.plan.recipe import Recipe
from harness.run.launch.base import SUPERVISOR, Launcher
from harness.run.launch.batch import BatchSystem, Job, ask

BLAUNCH = ("blaunch", "{host}", "-no-shell")  # without it, another shell may read the words once more


class LsfBatch(BatchSystem):
    """bsub, on a login node."""

    template: ClassVar[str] = "lsf.sh.j2"
    log_number: ClassVar[str] = "%J"

    def send(self, job: Job) -> str:
        """Send the script with bsub; returns the job's number."""
        answer = ask(["bsub"], job.text)
        number = re.search(r"Job <(\d+)>", answer)
        if number is None:
            raise UserError(f"bsub did not print the job's number: {answer.strip()[:200]}")
        return number[1]


class LsfLauncher(Launcher):
    """Inside an LSF job: one blaunch per worker, kept together by the supervisor."""

    batch: ClassVar[BatchSystem | None] = LsfBatch()

    @classmethod
    def at_hand(cls, recipe: Recipe, environment: Mapping[str, str]) -> Launcher:
        """The hosts of the LSF job that the environment describes."""
        nodes = lsf_hosts(environment)
        return cls(recipe.devices, nodes, nodes, nodes[0])

    def command(self, command: list[str]) -> list[str]:
        """The command itself, or the supervisor of workers that blaunch starts."""
        via = " ".join(BLAUNCH)
        return command if self.devices.workers == 1 else [*SUPERVISOR, "--via", via, *command]

    def on_node(self, node: int) -> list[str]:
        """blaunch and the name of the host."""
        host = self.nodes[node]
        return [] if host == self.home else [word.replace("{host}", host) for word in BLAUNCH]


def lsf_hosts(environment: Mapping[str, str]) -> list[str]:
    """Hosts of an LSF job, each once, in its order, from LSB_MCPU_HOSTS ("host1 4 host2 4").

    The launch node that some sites put in front (one slot, name with "batch") is left out.
    Raises ValueError.
    """
    words = environment.get("LSB_MCPU_HOSTS", "").split()
    if not words or len(words) % 2 or not all(w.isdigit() for w in words[1::2]):
        raise ValueError("LSB_MCPU_HOSTS does not list hosts: this is not an LSF job")
    pairs = list(dict(zip(words[::2], words[1::2], strict=True)).items())
    if len(pairs) > 1 and pairs[0][1] == "1" and "batch" in pairs[0][0]:
        pairs = pairs[1:]
    return [host for host, _ in pairs]
