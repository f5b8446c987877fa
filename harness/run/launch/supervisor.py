"""Several workers as one process: `python -m harness.run.launch.supervisor [--via "ssh {host}"] COMMAND...`.

Starts one worker per address in CLOUDMASK_WORKERS, here or (--via) on its host, and ends all of them
as soon as one fails: the others would wait for it for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from harness.core.own_code import start_module, start_script
from harness.run.launch.cluster import RANK, WORKERS

GRACE_S = 5.0  # between the request to end and the kill
FAREWELL_S = 60.0  # for the other workers to end, once rank 0 is done
PASSED_ON = ("CLOUDMASK_", "PYTHON", "TF_", "KERAS_", "CUDA_", "XLA_", "NCCL_", "LD_LIBRARY_PATH", "PATH")


def main() -> int:
    """Start all workers, wait, and return the exit code of the run."""
    arguments = sys.argv[1:]
    via = arguments[1] if arguments[:1] == ["--via"] else None
    command = arguments[2:] if via else arguments
    hosts = [worker.rpartition(":")[0] for worker in os.environ[WORKERS].split(",")]
    workers = [_start(rank, host, via, command) for rank, host in enumerate(hosts)]
    try:
        return _watch(workers)
    finally:
        _end(workers)


def _start(rank: int, host: str, via: str | None, command: list[str]) -> subprocess.Popen[bytes]:
    worker = start_module("harness.run.launch.worker", *command)
    if via is None:
        # it ends when this process ends, even if that is killed
        worker = start_script("exec_child.py", str(os.getpid()), *worker)
        return subprocess.Popen(worker, env={**os.environ, RANK: str(rank)}, stdin=subprocess.DEVNULL)
    settings = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(PASSED_ON)]
    there = [word.replace("{host}", host) for word in via.split()]
    return subprocess.Popen([*there, "env", *settings, f"{RANK}={rank}", *worker], stdin=subprocess.DEVNULL)


def _watch(workers: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all, or for the first failure. Returns the exit code of the run."""
    farewell_s: float | None = None
    while True:
        codes = [worker.poll() for worker in workers]
        for rank, code in enumerate(codes):
            if code:
                _end(workers)
                print(f"worker {rank} of {len(workers)} {_how(code)}: the others were ended", file=sys.stderr)
                return code if code > 0 else 128 - code
        if None not in codes:
            return 0
        if codes[0] == 0:
            farewell_s = farewell_s or time.monotonic() + FAREWELL_S
            if time.monotonic() > farewell_s:
                late = [str(rank) for rank, code in enumerate(codes) if code is None]
                print(f"rank 0 is done; worker {', '.join(late)} was still running: ended", file=sys.stderr)
                return 0
        time.sleep(0.05)


def _how(code: int) -> str:
    if code > 0:
        return f"failed with exit code {code}"
    try:
        return f"was ended by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was ended by signal {-code}"


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    """Terminate what runs, kill what is left after the grace period, and reap it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        running = [worker for worker in workers if worker.poll() is None]
        for worker in running:
            worker.send_signal(number)
        deadline_s = time.monotonic() + GRACE_S
        for worker in running:
            try:
                worker.wait(max(deadline_s - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":
    sys.exit(main())
