"""Become one worker of a run: `python -m harness.run.launch.worker COMMAND...`, started once per rank.

Sets the variables by which the implementation learns its place among the workers: TensorFlow's
(TF_CONFIG) and those of PyTorch and JAX programs (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR,
MASTER_PORT). Only rank 0 keeps standard output, where the log is read; the others print to standard error.
"""

from __future__ import annotations

import os
import sys

from harness.run.launch.cluster import Place, place, visible_devices


def main() -> int:
    """Set up this process as one worker and replace it by the command; returns only on an error."""
    command = sys.argv[1:]
    try:
        here = place(os.environ)
        devices = visible_devices(here, os.environ)
    except ValueError as error:
        print(f"cloudmask worker: {error}", file=sys.stderr)
        return 2
    os.environ.update(place_variables(here))
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    elif "CUDA_VISIBLE_DEVICES" not in os.environ:
        share_processors(here)
    if here.rank > 0:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cloudmask worker: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
    return 127


def place_variables(here: Place) -> dict[str, str]:
    """The environment variables by which frameworks learn their place."""
    address, _, port = here.workers[0].rpartition(":")
    return {
        "TF_CONFIG": here.tf_config,
        "RANK": str(here.rank),
        "WORLD_SIZE": str(len(here.workers)),
        "LOCAL_RANK": str(here.local_rank),
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
    }


def share_processors(here: Place) -> None:
    """An even share of the processors for each worker of a node without accelerators.

    Without it, each starts a thread per processor and they compete. A batch system that binds its tasks
    has done this already: then fewer processors are visible and nothing changes.
    """
    if not hasattr(os, "sched_setaffinity") or "SLURM_PROCID" in os.environ:
        return
    processors = sorted(os.sched_getaffinity(0))
    share = len(processors) // here.per_node
    if share:
        os.sched_setaffinity(0, processors[here.local_rank * share : (here.local_rank + 1) * share])


if __name__ == "__main__":
    sys.exit(main())
