"""What sampling costs: the sampler's own processor time, and the speed of a training beside it.

    make bench, or pytest tests/bench/test_bench_telemetry.py -m bench -s

The training is the reference's own, on all cores and in a process of its own, again and again over the
same patches of the smoke set. Blocks of it with the sampler at work and with the sampler stopped
(SIGSTOP) alternate, each pair in random order, and the median of the pairs' ratios counts: other work
on the machine hits both.
The interval printed with it is where that median lies with 95 % confidence (by resampling the pairs).
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from harness.telemetry import Sampler
from harness.telemetry.reader.reader import read
from reference.data.synthetic import synthesize
from tests.support.fakes.nvml import FakeNvml

pytestmark = pytest.mark.bench

PAIRS = 90
PATCHES = 96  # of a block: about a second on two cores
START_S, CPU_S = 20.0, 40.0  # of sampling: until the readings are spaced as the budget wants it, and measured
LIMIT_PERCENT = 1.2  # the aim is 1; windows of five seconds come close, not to the last digit
ROOT = Path(__file__).resolve().parents[2]

# prints patches per second and per second of its own processor time, for each line that it reads
TRAINING = """
import sys, time
from reference.protocol.log import Progress
from reference.tensorflow.environment import quiet_tensorflow
quiet_tensorflow()
from reference.data.patches import training_patches
from reference.data.pipeline import PatchStore
from reference.data.profiles import get_profile
from reference.protocol.spec import Data, Hyperparameters, RunSpec
from reference.tensorflow.strategies import place
from reference.tensorflow.training import Trainer
count, *scenes = sys.argv[1:]
geometry = get_profile("smoke").geometry
data = Data("smoke", "", scenes, [], geometry)
trainer = Trainer(RunSpec(0, 1, data, "", Hyperparameters(global_batch_size=8)), place("one-device"))
store = PatchStore(scenes, training_patches(len(scenes), geometry)[:int(count)], geometry)
for line in sys.stdin:
    start, cpu = time.perf_counter(), time.process_time()
    trainer.train_epoch(store, 1, Progress(False))
    print(len(store) / (time.perf_counter() - start), len(store) / (time.process_time() - cpu), flush=True)
"""


class Training:
    def __init__(self, scenes: list[Path]) -> None:
        self._command = [sys.executable, "-c", TRAINING, str(PATCHES), *map(str, scenes)]

    def __enter__(self) -> Training:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(5):
            self.throughput()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def throughput(self) -> tuple[float, float]:
        """Of one block: per second, and per second of the training's own processor time."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        by_clock, by_cpu = self.process.stdout.readline().split()
        return float(by_clock), float(by_cpu)


def share(out: Path) -> float:
    """Percent of a core that a sampler at 10 Hz takes when it has been at work for a while, by the account
    that it keeps of itself in its file: the difference of two lives resolves no better than half a percent."""
    command = [
        sys.executable,
        "-m",
        "harness.telemetry.recorder.sampler",
        "--out",
        str(out),
        "--interval",
        "0.1",
    ]
    subprocess.run(
        [*command, "--pid", str(os.getpid()), "--seconds", str(START_S + CPU_S)], cwd=ROOT, check=True
    )
    (own,) = [series for series in read(out).series if series.source == "sampler"]
    values = own.values[own.time_s >= own.time_s[0] + START_S]
    assert values.size > CPU_S / 2
    return float(values.mean())


def _load() -> str:
    """What else the machine does: it makes processor time dearer, up to several times."""
    return f"{os.getloadavg()[0]:.0f} processes ready to run on {os.cpu_count()} cores"


def test_sampler_costs_little(tmp_path: Path) -> None:
    percent = share(tmp_path / "x.h5")
    print(f"\nsampler at 10 Hz, no GPU: {percent:.2f} % of a core, {_load()}")
    assert percent < LIMIT_PERCENT


@pytest.mark.parametrize("gpus", [1, 8])
def test_sampler_with_gpus_costs_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_nvml: FakeNvml, gpus: int
) -> None:
    """Through nvidia-ml-py; the fake library answers at once, so this is what our side costs."""
    fake_nvml.use(monkeypatch)
    fake_nvml.script(count=gpus)
    percent = share(tmp_path / "x.h5")
    times = read(tmp_path / "x.h5").times["nvml"]
    rate = float(times[-1] - times[0]) / (times.size - 1)
    print(
        f"\nsampler at 10 Hz, {gpus} fake GPU(s): {percent:.2f} % of a core, NVML every {rate:.2f} s, {_load()}"
    )
    assert percent < LIMIT_PERCENT


def test_training_beside_the_sampler(tmp_path: Path) -> None:
    order = random.Random(0)
    scenes = sorted(synthesize("smoke", tmp_path / "data").glob("**/SYN_*.hdf"))
    by_clock, by_cpu = [], []
    with Training(scenes) as training, Sampler(tmp_path / "x.h5", interval_s=0.1) as sampler:
        assert sampler._process is not None
        sampler.watch(training.process.pid)
        for _ in range(PAIRS):
            found = {}
            for number in order.sample((signal.SIGSTOP, signal.SIGCONT), 2):
                sampler._process.send_signal(number)
                found[number] = training.throughput()
            for ratios, beside, without in zip(
                (by_clock, by_cpu), found[signal.SIGCONT], found[signal.SIGSTOP], strict=True
            ):
                ratios.append(beside / without)
        sampler._process.send_signal(signal.SIGCONT)
    assert sampler.problem is None
    for name, ratios in (("second", by_clock), ("second of its processor time", by_cpu)):
        change, low, high = (100 * (ratio - 1) for ratio in median(ratios, order))
        print(f"\n{PAIRS} pairs: patches per {name} {change:+.2f} % beside the sampler", end=" ")
        print(f"(median; 95 %: {low:+.2f} to {high:+.2f} %)", end="")
        assert high > -0.5  # else a loss of more than 0.5 % is shown
    print(f", {_load()}")


def median(ratios: list[float], random_: random.Random) -> tuple[float, float, float]:
    """With the bounds between which it lies with 95 % confidence, by resampling."""
    medians = sorted(statistics.median(random_.choices(ratios, k=len(ratios))) for _ in range(2000))
    return statistics.median(ratios), medians[50], medians[-51]
