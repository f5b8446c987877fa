"""The workers of a run: their addresses, and the place of each among them."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass

WORKERS = "CLOUDMASK_WORKERS"  # host:port of every worker, in order of rank, separated by commas
PER_NODE = "CLOUDMASK_WORKERS_PER_NODE"
ACCELERATORS = "CLOUDMASK_ACCELERATORS_PER_NODE"
RANK = "CLOUDMASK_RANK"
# in this order: the supervisor's, srun's, PMIx (jsrun, prterun), Open MPI's mpirun
RANK_VARIABLES = (RANK, "SLURM_PROCID", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
PORTS = range(12_000, 30_000)  # below the ports that Linux gives to connections (32768 and up)


@dataclass(frozen=True)
class Place:
    """One worker among all of its run."""

    workers: list[str]  # host:port in order of rank
    rank: int
    per_node: int

    @property
    def local_rank(self) -> int:
        """The rank among the workers of the same node."""
        return self.rank % self.per_node

    @property
    def tf_config(self) -> str:
        """What tf.distribute.MultiWorkerMirroredStrategy reads: worker 0 is the chief."""
        return json.dumps(
            {"cluster": {"worker": self.workers}, "task": {"type": "worker", "index": self.rank}}
        )


def place(environment: Mapping[str, str]) -> Place:
    """The place of this process, by the variables of the launcher and the batch system.

    Raises ValueError, in one line, when variables are missing or contradict each other.
    """
    workers = [w for w in environment.get(WORKERS, "").split(",") if w]
    if not workers:
        raise ValueError(f"{WORKERS} is not set: workers are started by the harness")
    per_node = _number(environment, PER_NODE)
    name = next((v for v in RANK_VARIABLES if environment.get(v)), None)
    if name is None:
        raise ValueError(f"the rank of this worker is in none of {', '.join(RANK_VARIABLES)}")
    rank = _number(environment, name)
    if rank >= len(workers):
        raise ValueError(f"{name} is {rank}, but the run has {len(workers)} workers")
    node = environment.get("SLURM_NODEID") if name == "SLURM_PROCID" else None
    if node is not None and node != str(rank // per_node):
        raise ValueError(f"worker {rank} was put on node {node} of the job, {rank // per_node} expected")
    return Place(workers, rank, per_node)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"{name} is {text!r:.40}, a whole number expected")
    return int(text)


def visible_devices(place: Place, environment: Mapping[str, str]) -> str | None:
    """CUDA_VISIBLE_DEVICES for one of several workers of a node: an even share, in order.

    None where nothing is to be set: one worker per node, no accelerators, or a batch system that has
    given this worker its own already (fewer are visible than the node has).
    """
    total = _number(environment, ACCELERATORS) if environment.get(ACCELERATORS) else 0
    share = total // place.per_node
    if place.per_node == 1 or share == 0:
        return None
    named = environment.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(number) for number in range(total)]
    if len(devices) < total:
        return None
    return ",".join(devices[place.local_rank * share : (place.local_rank + 1) * share])


def local_workers(count: int) -> list[str]:
    """Addresses on this machine at ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()


def remote_workers(hosts: list[str], per_node: int) -> list[str]:
    """Addresses on other machines. Their ports cannot be tried from here: they are drawn again for every run."""
    count = len(hosts) * per_node
    first = PORTS[secrets.randbelow(max(len(PORTS) - count, 1))]
    every = [host for host in hosts for _ in range(per_node)]
    return [f"{host}:{first + rank}" for rank, host in enumerate(every)]
