"""Slurm: jobs by sbatch, steps by srun over the nodes of the job."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from harness.core.errors import UserError
from harness.plan.recipe import Recipe
from harness.run.launch.base import WORKER, Launcher
from harness.run.launch.batch import BatchBusy, BatchSystem, FollowedBatchSystem, Job, State, ask

SCONTROL_S = 30.0
# Job states, as `scontrol show job` prints them, in which a job is over.
ENDED = frozenset(
    (
        *(
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "TIMEOUT",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "BOOT_FAIL",
            "DEADLINE",
        ),
        *("PREEMPTED", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"),
    )
)
UNKNOWN = "UNKNOWN"
MAX_NODES = 100_000
_NODE = r"[A-Za-z0-9_.-](?:[A-Za-z0-9_.-]|\[[0-9,-]+\])*"  # a name with ranges in brackets


_BY_HAND = "ask by hand: squeue --me, sacct."
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PARSABLE = re.compile(r"(\d+)(?:;([A-Za-z0-9_.-]+)?)?")
_SPOKEN = re.compile(r"Submitted batch job (\d+)(?: on cluster ([A-Za-z0-9_.-]+))?", re.IGNORECASE)


# options of a script, and the variables (SBATCH_...) that override them (man sbatch, INPUT ENVIRONMENT VARIABLES)
_ABOVE = {
    "--account": ("ACCOUNT",),
    "--array": ("ARRAY_INX",),
    "--exclusive": ("EXCLUSIVE",),
    "--gres": ("GRES",),
    "--job-name": ("JOB_NAME",),
    "--mem": ("MEM_PER_NODE", "MEM_PER_CPU", "MEM_PER_GPU"),
    "--open-mode": ("OPEN_MODE",),
    "--output": ("OUTPUT",),
    "--partition": ("PARTITION",),
    "--qos": ("QOS",),
    "--requeue": ("REQUEUE", "NO_REQUEUE"),
    "--signal": ("SIGNAL",),
    "--time": ("TIMELIMIT",),
}
_NOT_OF_A_JOB = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_UMASK", "SLURM_MPI_TYPE")


def job_number(answer: str) -> str:
    """The job's number in what sbatch prints, ";cluster" behind it where that is named. Raises UserError.

    Sites print banners and checks around it, also with --parsable: the last line that is a number alone counts.
    """
    answer = _COLOUR.sub("", answer)
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    for found in (
        *(_PARSABLE.fullmatch(line) for line in reversed(lines)),
        *map(_SPOKEN.search, reversed(lines)),
    ):
        if found:
            return ";".join(part for part in found.groups() if part)
    said = " ".join(answer.split())[-200:]
    raise UserError(
        f"sbatch did not print the job's number: {said or '(nothing)'}.",
        "see with `squeue --me` whether the job was taken before sending it again.",
    )


def job_environment(environment: Mapping[str, str], script: str) -> dict[str, str]:
    """The environment for sbatch, which the job inherits.

    Without what an outer job leaves in it: srun refuses two of SLURM_MEM_PER_CPU, _GPU and _NODE, and binds by
    SLURM_CPU_BIND. And without SBATCH_ variables that stand above what the script states (sites set such defaults).
    """
    stated = set(re.findall(r"^#SBATCH (--[a-z-]+)", script, re.MULTILINE))
    above = {f"SBATCH_{name}" for option, names in _ABOVE.items() if option in stated for name in names}
    inside = "SLURM_JOB_ID" in environment

    def stays(name: str) -> bool:
        return name not in above and not (inside and name.startswith("SLURM_") and name not in _NOT_OF_A_JOB)

    return {name: value for name, value in environment.items() if stays(name)}


def _of_job(text: str, job: str) -> str:
    """The line of the job in scontrol's answer: sites print banners there, too."""
    lines = [line for line in text.splitlines() if re.search(rf"(?:^|\s)JobId={job}(?:\s|\Z)", line)]
    return lines[-1] if lines else text


class SlurmBatch(FollowedBatchSystem):
    """sbatch and scontrol, on a login node."""

    template: ClassVar[str] = "slurm.sh.j2"
    log_number: ClassVar[str] = "%j"
    arrays: ClassVar[bool] = True
    array_number: ClassVar[str] = "%A_%a"

    def send(self, job: Job) -> str:
        """Send the script with sbatch; returns the job's number, with ";cluster" where there are several."""
        environment = job_environment(os.environ, job.text)
        return job_number(ask(["sbatch", "--parsable", str(job.script)], environment=environment))

    def state(self, number: str) -> State:
        """The job's state by scontrol, or by sacct when the controller has forgotten it, minutes after its end."""
        job, _, cluster = number.partition(";")
        where = [f"--clusters={cluster}"] if cluster else []
        try:
            text = ask(["scontrol", *where, "--oneliner", "show", "job", job], fix=_BY_HAND)
            state = read_state(_of_job(text, job))
            if state.word == UNKNOWN:  # nothing, or a part of the line: how the job is, this does not tell
                raise BatchBusy("scontrol's answer names no state of the job.", _BY_HAND)
            return state
        except UserError as error:
            if "Invalid job id" not in error.message:
                raise
        return self._remembered(job, where)

    @staticmethod
    def _remembered(job: str, where: list[str]) -> State:
        """The state in Slurm's accounting; UNKNOWN where there is none."""
        fields = ["--allocations", "--noheader", "--parsable2", "--format=JobID,State,ExitCode"]
        try:
            text = ask(["sacct", *where, f"--jobs={job}", *fields], fix=_BY_HAND)
        except BatchBusy:
            raise
        except UserError:
            return State(UNKNOWN, over=True)
        rows = [line.strip().split("|") for line in text.splitlines()]
        for row in reversed(rows):
            if len(row) == 3 and row[0] == job and row[1]:
                return read_state(f"JobState={row[1].split()[0]} ExitCode={row[2]}")
        return State(UNKNOWN, over=True)


@dataclass(frozen=True)
class SlurmLauncher(Launcher):
    """Inside a Slurm job: steps by srun over the job's nodes."""

    step_options: list[str] = field(default_factory=list)  # the recipe's, for srun

    batch: ClassVar[BatchSystem | None] = SlurmBatch()

    @classmethod
    def at_hand(cls, recipe: Recipe, environment: Mapping[str, str]) -> Launcher:
        """The nodes of the Slurm job that the environment describes."""
        nodes = slurm_nodes(environment)
        addresses = slurm_addresses(nodes, _node_records(nodes))
        return cls(recipe.devices, nodes, addresses, nodes[0], recipe.job.step_options)

    def command(self, command: list[str]) -> list[str]:
        """One srun step with a task per worker."""
        devices = self.devices
        step = [
            "srun",
            "--overlap",  # the samplers' steps hold the same nodes
            "--kill-on-bad-exit=1",  # when one worker ends, the others would wait for it
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
        """An srun step of one task on that node."""
        if self.nodes[node] == self.home:
            return []
        where = [f"--nodelist={self.nodes[node]}", "--nodes=1", "--ntasks=1"]
        return ["srun", "--overlap", "--cpu-bind=none", "--unbuffered", *where]


def read_state(text: str) -> State:
    """From one line of `scontrol --oneliner show job`: JobState=, Reason= and ExitCode=code:signal."""

    def value(name: str) -> str:
        found = re.search(rf"(?:^|\s){name}=(\S+)", text)
        return found[1] if found else ""

    word, (code, _, signal) = value("JobState").rstrip("+") or UNKNOWN, value("ExitCode").partition(":")
    reason = "" if value("Reason") == "None" else value("Reason")
    known = code.isdigit() and signal.isdigit() and word in ENDED
    exit_code = (int(code) or 128 * (signal != "0")) if known else None
    if word != "COMPLETED" and exit_code == 0:  # cancelled while it waited, a node that failed: not a success
        exit_code = None
    return State(word, word in ENDED or word == UNKNOWN, reason, exit_code)


def slurm_nodes(environment: Mapping[str, str]) -> list[str]:
    """Names of the job's nodes, in Slurm's order. Raises ValueError outside a job."""
    text = environment.get("SLURM_JOB_NODELIST") or environment.get("SLURM_NODELIST")
    if not text:
        raise ValueError("SLURM_JOB_NODELIST is not set: this is not a Slurm job")
    return expand_hosts(text)


def slurm_addresses(nodes: list[str], records: str) -> list[str]:
    """The address of each node by `scontrol --oneliner show node`; its name where none is given.

    Names need not resolve on compute nodes (cloud nodes, aliases); NodeAddr is what Slurm itself uses.
    """
    known = {}
    for line in records.splitlines():
        name, address = (re.search(rf"\b{key}=(\S+)", line) for key in ("NodeName", "NodeAddr"))
        if name and address:
            known[name[1]] = address[1]
    return [known.get(node, node) for node in nodes]


def expand_hosts(text: str) -> list[str]:
    """The hosts of a Slurm node list: "n[1-2,07],login" is n1, n2, n07, login. Raises ValueError.

    The rules are those of Slurm's own hostlist format: ranges and lists in brackets, several
    brackets in one name (the last changes fastest), leading zeros kept. (python-hostlist is GPL, ClusterShell
    LGPL and a large package: neither is worth it for these thirty lines.)
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


def _node_records(nodes: list[str]) -> str:
    """What Slurm knows of these nodes, a line each; empty where scontrol cannot be run."""
    command = ["scontrol", "--oneliner", "show", "node", ",".join(nodes)]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SCONTROL_S
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
