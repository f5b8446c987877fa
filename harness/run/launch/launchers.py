"""The launchers: each turns a command into what starts it once per worker, and reaches every node."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.core.errors import UserError
from harness.plan.recipe import DevicesRecipe, Recipe
from harness.run.launch.cluster import (
    ACCELERATORS,
    PER_NODE,
    WORKERS,
    local_workers,
    lsf_hosts,
    remote_workers,
    slurm_addresses,
    slurm_nodes,
)

SUPERVISOR = [sys.executable, "-m", "harness.run.launch.supervisor"]
WORKER = [sys.executable, "-m", "harness.run.launch.worker"]
SCONTROL_S = 30.0


@dataclass(frozen=True)
class Launcher:
    """One machine, one or several workers. Subclasses reach other machines.

    `nodes` are names in the batch system's words; the harness runs on `home`.
    """

    devices: DevicesRecipe
    nodes: list[str]
    addresses: list[str]  # of the nodes, as workers reach them
    home: str = "localhost"
    step_options: list[str] = field(default_factory=list)  # the recipe's, for srun

    def part(self, instance: int) -> Launcher:
        """The launcher of one of several models that are trained at the same time: devices.nodes of the nodes."""
        count = self.devices.nodes
        own = slice(instance * count, (instance + 1) * count)
        return replace(self, nodes=self.nodes[own], addresses=self.addresses[own])

    @property
    def here(self) -> bool:
        """Whether all workers are children of ours: only then is their memory ours to see."""
        return True

    def command(self, command: list[str]) -> list[str]:
        """What starts `command` once per worker, with rank 0's standard output as its own."""
        return command if self.devices.workers == 1 else [*SUPERVISOR, *command]

    def environment(self) -> dict[str, str]:
        """What the workers of one run need to know; drawn anew for every run."""
        if self.devices.workers == 1:
            return {}
        return {
            WORKERS: ",".join(self._workers()),
            PER_NODE: str(self.devices.workers_per_node),
            ACCELERATORS: str(self.devices.accelerators_per_node),
        }

    def on_node(self, node: int) -> list[str]:
        """The words before a command that is to run on that node; none for this machine."""
        return []

    def _workers(self) -> list[str]:
        return local_workers(self.devices.workers)


class LocalLauncher(Launcher):
    """This machine: models trained at the same time share it."""

    def part(self, instance: int) -> Launcher:
        return self


class SlurmLauncher(Launcher):
    """Inside a Slurm job: steps by srun over the job's nodes."""

    @property
    def here(self) -> bool:
        return False

    def command(self, command: list[str]) -> list[str]:
        devices = self.devices
        step = [
            "srun",
            "--overlap",  # the samplers' steps hold the same nodes
            "--kill-on-bad-exit=1",  # one worker's end is the end of all: the others would wait for it
            "--unbuffered",
            "--distribution=block",
            f"--nodes={devices.nodes}",
            f"--nodelist={','.join(self.nodes)}",
            f"--ntasks={devices.workers}",
            f"--ntasks-per-node={devices.workers_per_node}",
            *self.step_options,
        ]
        return [*step, *(WORKER if devices.workers > 1 else []), *command]

    def on_node(self, node: int) -> list[str]:
        if self.nodes[node] == self.home:
            return []
        where = [f"--nodelist={self.nodes[node]}", "--nodes=1", "--ntasks=1"]
        return ["srun", "--overlap", "--cpu-bind=none", "--unbuffered", *where]

    def _workers(self) -> list[str]:
        return remote_workers(self.addresses, self.devices.workers_per_node)


class LsfLauncher(Launcher):
    """Inside an LSF job: one blaunch per worker, under our own supervision."""

    @property
    def here(self) -> bool:
        return False

    def command(self, command: list[str]) -> list[str]:
        return command if self.devices.workers == 1 else [*SUPERVISOR, "--via", "blaunch", *command]

    def on_node(self, node: int) -> list[str]:
        return [] if self.nodes[node] == self.home else ["blaunch", self.nodes[node]]

    def _workers(self) -> list[str]:
        return remote_workers(self.addresses, self.devices.workers_per_node)


def launcher_for(
    recipe: Recipe, instances: int = 1, environment: Mapping[str, str] | None = None
) -> Launcher:
    """The recipe's launcher on the nodes at hand: devices.nodes of them for each instance.

    Raises UserError outside the batch system's job, or when the job has another number of nodes.
    """
    environment = os.environ if environment is None else environment
    devices = recipe.devices
    if recipe.launcher == "local":
        return LocalLauncher(devices, ["localhost"], ["127.0.0.1"])
    try:
        nodes = slurm_nodes(environment) if recipe.launcher == "slurm" else lsf_hosts(environment)
    except ValueError as error:
        raise UserError(
            f"The recipe's launcher is {recipe.launcher}, but {error}.",
            "send it to the batch system with `cloudmask launch`, from a login node.",
        ) from None
    if len(nodes) != devices.nodes * instances:
        raise UserError(
            f"The job has {len(nodes)} node(s), the recipe asks for {devices.nodes * instances}.",
            "ask for as many as devices.nodes says; `cloudmask launch` does.",
        )
    if recipe.launcher == "lsf":
        return LsfLauncher(devices, nodes, nodes, nodes[0])
    addresses = slurm_addresses(nodes, _described(nodes))
    return SlurmLauncher(devices, nodes, addresses, nodes[0], recipe.job.step_options)


def _described(nodes: list[str]) -> str:
    """What Slurm knows of these nodes; nothing where scontrol cannot be asked."""
    command = ["scontrol", "--oneliner", "show", "node", ",".join(nodes)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SCONTROL_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
