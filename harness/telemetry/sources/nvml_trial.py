"""A process that asks NVIDIA's driver before this one does.

A driver may hang for ever when it is asked (a GPU that fell off the bus), and a library that does not fit it may end
the process that loads it. Both are found out by a process that can be lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import threading

from harness.core.own_code import start_module

LIBRARY = "libnvidia-ml.so.1"
OPEN_S = 5.0  # of all sources together
LIMIT_S = 20.0  # nvmlInit of eight GPUs takes some seconds where no daemon keeps the driver awake
MAX_GPUS = 1024  # of one machine; more is a number that the driver did not fill in
_lock = threading.Lock()
_found: dict[str, str | None] = {}


def trial() -> str | None:
    """What goes wrong when the driver is asked; None where nothing does, or there is no library. Asked once."""
    with _lock:
        if LIBRARY not in _found:
            _found[LIBRARY] = _tried(LIMIT_S)
        return _found[LIBRARY]


def _tried(limit_s: float) -> str | None:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    nothing = subprocess.DEVNULL
    command = start_module("harness.telemetry.sources.nvml_trial")
    child = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        child.kill()  # and not waited for: what hangs in the kernel does not end
        return f"the driver does not answer within {limit_s:g} s"
    if code >= 0:
        return None
    return f"{LIBRARY} ended a process that asked the driver ({signal.Signals(-code).name})"


def ask() -> None:
    """All that this process exists for: the calls that every description of a machine begins with, then all that the
    sources make when they open. Errors are theirs to explain; a source that hangs is left behind, as a sampler does.
    """
    import pynvml

    from harness.telemetry.sources.base import Subject
    from harness.telemetry.sources.registry import FACTORIES, open_all

    _found[LIBRARY] = None  # this process is the trial: its sources need no other
    pynvml.nvmlInit()  # and stays so: to wake the driver again takes seconds
    for index in range(min(pynvml.nvmlDeviceGetCount(), MAX_GPUS)):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        for question in (pynvml.nvmlDeviceGetPowerUsage, pynvml.nvmlDeviceGetTotalEnergyConsumption):
            with contextlib.suppress(Exception):
                question(handle)
    open_all([name for name, found in FACTORIES.items() if found.subject is Subject.GPU], limit_s=OPEN_S)


if __name__ == "__main__":
    from harness.telemetry.sources import nvml_trial

    with contextlib.suppress(Exception):
        nvml_trial.ask()
