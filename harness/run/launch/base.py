"""What a launcher is: the part of a batch system that the harness needs.

A new launcher is one file beside this one with a subclass of Launcher, which provides

* `at_hand`: the nodes of this job, from the environment variables that the batch system sets;
* `command`: the words that start a command once per worker. Rank 0's standard output has to arrive as
  the standard output of that process; when one worker fails, all have to end, and the exit code is not 0;
* `on_node`: the words that run a command on one node of the job (samplers, eviction of the page cache).

Each worker is started through harness.run.launch.worker, which reads the variables of `environment` and
the rank that the batch system sets (cluster.RANK_VARIABLES). Where `cloudmask launch` is to work from a
login node, `batch` is a BatchSystem (batch.py) with a template in templates/. The class is entered in
registry.py, its name in harness.plan.recipe.LauncherName.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.core.own_code import start_module
from harness.plan.recipe import DevicesRecipe, Recipe
from harness.run.launch.batch import BatchSystem
from harness.run.launch.cluster import ACCELERATORS, PER_NODE, WORKERS, remote_workers

SUPERVISOR = tuple(start_module("harness.run.launch.supervisor"))
WORKER = tuple(start_module("harness.run.launch.worker"))


@dataclass(frozen=True)
class Launcher(ABC):
    """Starts the workers of runs on some nodes, and reaches each of these nodes.

    `nodes` are names as the batch system knows them; the harness runs on `home`.
    """

    devices: DevicesRecipe
    nodes: list[str]
    addresses: list[str]  # of the nodes, in their order, as workers reach them
    home: str

    here: ClassVar[bool] = False
    """Whether everything runs on this machine: all workers are children of the harness, so their memory can
    be measured, and models trained at the same time share the machine."""

    batch: ClassVar[BatchSystem | None] = None
    """How jobs are sent to the batch system; None where there is no batch system."""

    @classmethod
    @abstractmethod
    def at_hand(cls, recipe: Recipe, environment: Mapping[str, str]) -> Launcher:
        """The launcher over all nodes of this job. Raises ValueError, in one line, outside a job."""

    @abstractmethod
    def command(self, command: list[str]) -> list[str]:
        """What starts `command` once per worker, with rank 0's standard output as its own."""

    @abstractmethod
    def on_node(self, node: int) -> list[str]:
        """The words before a command that is to run on that node; empty for the node of the harness."""

    def workers(self) -> list[str]:
        """host:port of every worker, in order of rank; drawn again for every run."""
        return remote_workers(self.addresses, self.devices.workers_per_node)

    def environment(self) -> dict[str, str]:
        """The variables that the workers of one run need; drawn again for every run."""
        if self.devices.workers == 1:
            return {}
        return {
            WORKERS: ",".join(self.workers()),
            PER_NODE: str(self.devices.workers_per_node),
            ACCELERATORS: str(self.devices.accelerators_per_node),
        }

    def part(self, instance: int) -> Launcher:
        """The launcher of one of several models that are trained at the same time: its devices.nodes nodes."""
        if self.here:
            return self
        count = self.devices.nodes
        own = slice(instance * count, (instance + 1) * count)
        return replace(self, nodes=self.nodes[own], addresses=self.addresses[own])
