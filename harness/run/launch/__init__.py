"""How the processes of a run are started, and on which nodes: here, under Slurm, or under LSF."""

from harness.run.launch.launchers import Launcher, launcher_for

__all__ = ["Launcher", "launcher_for"]
