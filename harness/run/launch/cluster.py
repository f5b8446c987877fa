"""Who the workers of a run are: node lists of batch systems, addresses, and each worker's own place."""

from __future__ import annotations

import json
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass

WORKERS = "CLOUDMASK_WORKERS"  # host:port of every worker, in order of rank, separated by commas
PER_NODE = "CLOUDMASK_WORKERS_PER_NODE"
ACCELERATORS = "CLOUDMASK_ACCELERATORS_PER_NODE"
RANK = "CLOUDMASK_RANK"
# in this order: ours, srun's, PMIx (jsrun, prterun), Open MPI's mpirun
RANK_VARIABLES = (RANK, "SLURM_PROCID", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
MAX_NODES = 100_000
_NODE = r"[A-Za-z0-9_.-](?:[A-Za-z0-9_.-]|\[[0-9,-]+\])*"  # a name with ranges in brackets
PORTS = range(12_000, 30_000)  # below what Linux hands out to connections (32768 and up)


@dataclass(frozen=True)
class Place:
    """One worker among all of its run."""

    workers: list[str]  # host:port in order of rank
    rank: int
    per_node: int

    @property
    def local_rank(self) -> int:
        return self.rank % self.per_node

    @property
    def tf_config(self) -> str:
        """What tf.distribute.MultiWorkerMirroredStrategy reads: worker 0 is the chief."""
        return json.dumps(
            {"cluster": {"worker": self.workers}, "task": {"type": "worker", "index": self.rank}}
        )


def place(environment: Mapping[str, str]) -> Place:
    """This process' place, from what the launcher and the batch system put into the environment.

    Raises ValueError, in one line, when they do not say or contradict each other.
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

    None where nothing is to be set: one worker a node, no accelerators, or a batch system that has
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
    """Addresses on other machines. Their ports cannot be tried from here: drawn anew for every run."""
    count = len(hosts) * per_node
    first = PORTS[secrets.randbelow(max(len(PORTS) - count, 1))]
    every = [host for host in hosts for _ in range(per_node)]
    return [f"{host}:{first + rank}" for rank, host in enumerate(every)]


def expand_hosts(text: str) -> list[str]:
    """The hosts of a Slurm node list: "n[1-2,07],login" is n1, n2, n07, login. Raises ValueError.

    The rules are those of Slurm's own hostlist format: ranges and lists in brackets, several
    brackets in one name (the last changes fastest), leading zeros kept.
    """
    if len(text) > 1 << 20 or not re.fullmatch(f"{_NODE}(?:,{_NODE})*", text):
        raise ValueError(f"node list {text!r:.60} cannot be read")
    hosts: list[str] = []
    for word in re.findall(_NODE, text):
        names = [""]
        for plain, bracket in re.findall(r"([^\[\]]+)|\[([^\[\]]*)\]", word):
            ends = [plain] if plain else _numbers(bracket, text)
            if len(names) * len(ends) + len(hosts) > MAX_NODES:
                raise ValueError(f"node list {text!r:.60} names more than {MAX_NODES} nodes")
            names = [name + end for name in names for end in ends]
        hosts += names
    return hosts


def _numbers(bracket: str, text: str) -> list[str]:
    found: list[str] = []
    for part in bracket.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not 0 <= last - first < MAX_NODES:
            raise ValueError(f"node list {text!r:.60} cannot be read")
        found += [str(number).zfill(len(match[1])) for number in range(first, last + 1)]
    return found


def lsf_hosts(environment: Mapping[str, str]) -> list[str]:
    """Hosts of an LSF job, each once, in its order, from LSB_MCPU_HOSTS ("host1 4 host2 4").

    The launch node that some sites put in front (one slot, name with "batch") is left out.
    Raises ValueError.
    """
    words = environment.get("LSB_MCPU_HOSTS", "").split()
    if not words or len(words) % 2 or not all(w.isdigit() for w in words[1::2]):
        raise ValueError("LSB_MCPU_HOSTS does not list hosts: this is no LSF job")
    pairs = list(dict(zip(words[::2], words[1::2], strict=True)).items())
    if len(pairs) > 1 and pairs[0][1] == "1" and "batch" in pairs[0][0]:
        pairs = pairs[1:]
    return [host for host, _ in pairs]


def slurm_nodes(environment: Mapping[str, str]) -> list[str]:
    """Names of the job's nodes, in Slurm's order. Raises ValueError where there is no job."""
    text = environment.get("SLURM_JOB_NODELIST") or environment.get("SLURM_NODELIST")
    if not text:
        raise ValueError("SLURM_JOB_NODELIST is not set: this is no Slurm job")
    return expand_hosts(text)


def slurm_addresses(nodes: list[str], described: str) -> list[str]:
    """The address of each node by `scontrol -o show node`; its name where that does not tell.

    Names need not resolve on compute nodes (cloud nodes, aliases); NodeAddr is what Slurm itself uses.
    """
    known = {}
    for line in described.splitlines():
        name, address = (re.search(rf"\b{key}=(\S+)", line) for key in ("NodeName", "NodeAddr"))
        if name and address:
            known[name[1]] = address[1]
    return [known.get(node, node) for node in nodes]
