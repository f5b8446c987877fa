"""Idle, then load, on a real NVIDIA GPU: what the meters say and what asking them costs.

    python -m tests.bench.gpu FOLDER [--idle 20] [--load 30]

Needs numpy, h5py, psutil and nvidia-ml-py; the load is matrix products by PyTorch or JAX, whichever
is there. Leaves FOLDER/telemetry_node_0.h5 and prints the rest: the cost of every NVML call, energy by
counter and by both sums, utilisation, and the sampler's share of a core.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOAD = """
import sys, time
try:
    import torch
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    def step():
        for _ in range(20): b = a @ a
        torch.cuda.synchronize()
except ImportError:
    import jax, jax.numpy as jnp
    a = jnp.ones((8192, 8192), jnp.bfloat16)
    product = jax.jit(lambda a: a @ a)
    def step():
        for _ in range(20): b = product(a)
        b.block_until_ready()
step()
print("warm", flush=True)
sys.stdin.readline()
end, done, start = time.monotonic() + float(sys.argv[1]), 0, time.monotonic()
while time.monotonic() < end:
    step()
    done += 20
print(f"{2 * 8192**3 * done / (time.monotonic() - start) / 1e12:.0f} TFLOP/s bf16", flush=True)
sys.stdin.readline()
"""


def cost(name: str, call: Callable[[], Any], times: int = 50) -> None:
    """Print processor and wall time of one call of the driver."""
    try:
        call()
        wall_s, cpu_s = time.monotonic(), time.thread_time()
        for _ in range(times):
            call()
    except Exception as error:
        print(f"  {name:24s} {type(error).__name__}: {error}")
        return
    cpu_us, wall_us = (
        1e6 * spent / times for spent in (time.thread_time() - cpu_s, time.monotonic() - wall_s)
    )
    print(f"  {name:24s} {cpu_us:8.0f} us of processor, {wall_us:8.0f} us in all")


def costs() -> None:
    import pynvml as n

    n.nvmlInit()
    gpu = n.nvmlDeviceGetHandleByIndex(0)
    print(f"{n.nvmlDeviceGetName(gpu)}, driver {n.nvmlSystemGetDriverVersion()}; each call:")
    for name, numbers in {
        "instant": [186],
        "energy": [83],
        "average": [185],
        "instant+energy": [186, 83],
    }.items():
        cost(f"field {name}", lambda ids=numbers: n.nvmlDeviceGetFieldValues(gpu, [(i, 0) for i in ids]))
    cost("PowerUsage", lambda: n.nvmlDeviceGetPowerUsage(gpu))
    cost("TotalEnergyConsumption", lambda: n.nvmlDeviceGetTotalEnergyConsumption(gpu))
    cost("UtilizationRates", lambda: n.nvmlDeviceGetUtilizationRates(gpu))
    cost("MemoryInfo", lambda: n.nvmlDeviceGetMemoryInfo(gpu))
    cost("ClockInfo", lambda: n.nvmlDeviceGetClockInfo(gpu, n.NVML_CLOCK_SM))
    cost("Temperature", lambda: n.nvmlDeviceGetTemperature(gpu, n.NVML_TEMPERATURE_GPU))
    cost("ClocksEventReasons", lambda: n.nvmlDeviceGetCurrentClocksEventReasons(gpu))
    cost("ComputeRunningProcesses", lambda: n.nvmlDeviceGetComputeRunningProcesses(gpu))
    cost("TotalEccErrors", lambda: n.nvmlDeviceGetTotalEccErrors(gpu, 1, 0))
    cost("PcieThroughput", lambda: n.nvmlDeviceGetPcieThroughput(gpu, 0), 5)


def sample(path: Path, idle_s: float, load_s: float) -> dict[str, tuple[float, float]]:
    """Sample an idle phase and a load; returns the wall times of each."""
    from harness.telemetry import Sampler

    with subprocess.Popen(
        [sys.executable, "-c", LOAD, str(load_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin is not None and load.stdout is not None
        with Sampler(path, interval_s=0.1, node="node_0") as sampler:
            print(f"sources: {', '.join(sampler.ready)}; not here: {' | '.join(sampler.unavailable)}")
            sampler.watch(load.pid)
            if load.stdout.readline().strip() != "warm":
                sys.exit("the load did not start: neither PyTorch nor JAX computes on this GPU")
            time.sleep(2.0)
            start_s = time.time()
            time.sleep(idle_s)
            phases = {"idle": (start_s, time.time())}
            start_s = time.time()
            load.stdin.write("\n")
            load.stdin.flush()
            print(load.stdout.readline().strip())
            phases["load"] = (start_s, time.time())
            time.sleep(2.0)
        if sampler.problem:
            print(f"problem: {sampler.problem}")
        load.communicate("\n")
    phases["both"] = (phases["idle"][0], phases["load"][1])
    return phases


def report(path: Path, phases: dict[str, tuple[float, float]]) -> None:
    from harness.telemetry.reader.energy import energies
    from harness.telemetry.reader.reader import read
    from harness.telemetry.reader.summary import achieved_hz, summary

    file = read(path)
    for name, times in sorted(file.times.items()):
        rate = achieved_hz(times)
        print(f"  {name:20s} {times.size:6d} readings, {rate or 0:.2f} Hz")
    for event in file.events:
        print(f"  event: {event.message}")
    for scope, device in file.devices.items():
        print(f"  {scope}: {device}")
    for phase, (start_s, stop_s) in phases.items():
        print(f"{phase}, {stop_s - start_s:.1f} s:")
        for one in energies(file.series, start_s, stop_s):
            joule = "none" if one.joule is None else f"{one.joule:.1f} J"
            beside = "" if one.difference is None else f" ({100 * one.difference:+.2f} %)"
            print(f"  {one.source} {one.scope} {one.method:16s} {joule}{beside} {one.note}")
        for q in summary(file, start_s, stop_s).quantities:
            if q.mean is not None and (q.scope.startswith("gpu") or q.source == "sampler"):
                low, high = q.minimum, q.maximum
                spread = "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"
                print(f"  {q.scope}.{q.name:28s} {q.mean:10.4g} {q.unit}{spread}, {q.samples} readings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--load", type=float, default=30.0)
    options = parser.parse_args()
    wanted = ("numpy", "h5py", "psutil", "pynvml")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    print(f"Python {sys.version.split()[0]}; missing: {', '.join(missing) or 'nothing'}")
    if missing:
        sys.exit(2)
    costs()
    path = options.folder / "telemetry_node_0.h5"
    report(path, sample(path, options.idle, options.load))


if __name__ == "__main__":
    main()
