"""munged, slurmctld and two slurmd on loopback ports of their own, all in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.run.launch.cluster import local_workers
from tests.support.waiting import HANG_S, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
CPUS = 4  # a node; what Slurm believes, not what is there
CONFIG = """
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket,cred_expire=15
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
JobRequeue=1
KillWait=5
InactiveLimit=0
MessageTimeout=100
TCPTimeout=60
BatchStartTimeout=300
SlurmdTimeout=0
MailProg=/bin/true
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=calm NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} State=UNKNOWN
NodeName=wind NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=calm,wind Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> str | None:
    """Why Slurm cannot run here; None when all of it is there."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if lacking:
        return "Slurm is missing (apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "the test's own slurmd needs root"
    return None


class Cluster:
    """Running from start() to stop(); `environment` points Slurm's commands at it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {"SLURM_CONF": str(root / "slurm.conf"), "PATH": PATH}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        root = self.root
        root.chmod(0o755)
        for name in ("state", "spool-calm", "spool-wind"):
            (root / name).mkdir(mode=0o755)
        (root / "munge.key").write_bytes(os.urandom(128))
        (root / "munge.key").chmod(0o600)
        ports = [worker.rpartition(":")[2] for worker in local_workers(3)]
        (root / "slurm.conf").write_text(CONFIG.format(root=root, ports=ports, user="root", cpus=CPUS))
        names = ("socket", "pid-file", "log-file", "key-file", "seed-file")
        files = [f"--{name}={root}/munge.{name.removesuffix('-file')}" for name in names]
        self._start("munged", "--foreground", "--force", *files)
        self._until(lambda: (root / "munge.socket").exists())
        self._start("slurmctld", "-D")
        for node in ("calm", "wind"):
            self._start("slurmd", "-D", "-N", node)
        self._until(lambda: self.ask("sinfo", "--noheader", "--format=%D %t").split() == ["2", "idle"])

    def ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=HANG_S
        )
        return done.stdout

    def logs(self) -> str:
        """The ends of the daemons' logs, for a test that failed."""
        return "\n".join(f"== {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self.root.glob("*.log")))

    def stop(self) -> None:
        if len(self._daemons) > 1:
            self.ask("scancel", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _start(self, program: str, *arguments: str) -> None:
        path = shutil.which(program, path=PATH)
        assert path is not None
        with (self.root / f"{program}.out").open("ab") as out:
            environment = {**os.environ, **self.environment}
            daemon = subprocess.Popen([path, *arguments], env=environment, stdout=out, stderr=out)
        self._daemons.append(daemon)

    def _until(self, condition: Callable[[], object]) -> None:
        try:
            wait_for(condition)
        except AssertionError as error:
            raise RuntimeError(f"the test's Slurm did not come up:\n{self.logs()}") from error
