"""What sampling costs: the sampler's own processor time, and the speed of a training beside it.

    make bench, or pytest tests/bench/test_bench_telemetry.py -m bench -s

The training stands in for the reference: the same kind of work (matrix products of NumPy's BLAS on
all cores, in a process of its own) without TensorFlow, so that a block takes the same time whenever
it is repeated. Blocks with and without the sampler alternate, each pair in random order, and the
median of the pairs' ratios counts: other work on the machine hits both.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.telemetry import Sampler
from harness.telemetry.reader import read
from tests.fakes.nvml import FakeNvml

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

PAIRS = 12
BLOCK_S = 5.0
CPU_S = 20.0  # of sampling, beyond the start
ROOT = Path(__file__).resolve().parents[2]

# prints blocks of work done per second, one number for each line that it reads
TRAINING = """
import sys, time
import numpy as np
a = np.random.default_rng(0).standard_normal((512, 512), np.float32)
for line in sys.stdin:
    end, done = time.perf_counter() + float(line), 0
    start = time.perf_counter()
    while time.perf_counter() < end:
        b = a @ a
        np.maximum(b, 0, out=b)
        done += 1
    print(done / (time.perf_counter() - start), flush=True)
"""


class Training:
    def __enter__(self) -> Training:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.throughput(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def throughput(self, seconds: float) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def cpu_s(out: Path, seconds: float) -> float:
    """Processor seconds of a sampler at 10 Hz that lives so long, from its own rusage."""
    command = [sys.executable, "-m", "harness.telemetry.sampler", "--out", str(out), "--interval", "0.1"]
    process = subprocess.Popen(
        [*command, "--pid", str(os.getpid()), "--seconds", str(seconds)], cwd=ROOT, env=dict(os.environ)
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def share(folder: Path) -> float:
    """Percent of a core while sampling: a long life minus a short one takes the start out."""
    short_s, long_s = cpu_s(folder / "short.h5", 3.0), cpu_s(folder / "long.h5", 3.0 + CPU_S)
    return 100 * (long_s - short_s) / CPU_S


def test_sampler_takes_at_most_one_percent_of_a_core(tmp_path: Path) -> None:
    percent = share(tmp_path)
    print(f"\nsampler at 10 Hz, no GPU: {percent:.2f} % of a core")
    assert percent < 1.0


@pytest.mark.parametrize("gpus", [1, 8])
def test_sampler_with_gpus_takes_at_most_one_percent_of_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_nvml: FakeNvml, gpus: int
) -> None:
    """Through nvidia-ml-py; the fake library answers at once, so this is what our side costs."""
    fake_nvml.use(monkeypatch)
    fake_nvml.script(count=gpus)
    percent = share(tmp_path)
    rate = 1 / float(read(tmp_path / "long.h5").times["nvml"][1:].size / CPU_S) if gpus else 0
    print(f"\nsampler at 10 Hz, {gpus} fake GPU(s): {percent:.2f} % of a core, NVML every {rate:.2f} s")
    assert percent < 1.0


def test_training_beside_the_sampler(tmp_path: Path) -> None:
    order, ratios = random.Random(0), []
    with Training() as training:

        def with_sampler(pair: int) -> float:
            with Sampler(tmp_path / f"{pair}.h5", interval_s=0.1) as sampler:
                sampler.watch(training.process.pid)
                time.sleep(0.5)  # the start is not what this measures
                found = training.throughput(BLOCK_S)
            assert sampler.problem is None
            return found

        for pair in range(PAIRS):
            if order.random() < 0.5:
                without = training.throughput(BLOCK_S)
                beside = with_sampler(pair)
            else:
                beside = with_sampler(pair)
                without = training.throughput(BLOCK_S)
            ratios.append(beside / without)
    loss = 100 * (1 - statistics.median(ratios))
    spread = statistics.quantiles(ratios, n=4)
    print(
        f"\n{PAIRS} pairs: throughput {-loss:+.2f} % beside the sampler (median; quartiles of the ratio",
        end="",
    )
    print(f" {spread[0]:.4f} to {spread[2]:.4f})")
    assert loss < 5.0  # on a machine of our own the aim is 0.5
