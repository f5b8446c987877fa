"""The sampler process and its parent: schedules, ends, kills. Real processes, no GPU needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from telemetry_fakes import FAKE_PYNVML, wait_for

from harness.telemetry import Sampler
from harness.telemetry.reader import TelemetryFile, read, summarise
from harness.telemetry.sampler import Channel, main, reason
from harness.telemetry.source import QuantitySpec, Source

CHEAP = ["psutil"]
ROOT = Path(__file__).resolve().parents[2]


def process(path: Path, *extra: str, **how: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness.telemetry.sampler", "--out", str(path), "--interval", "0.05"]
    return subprocess.Popen([*command, *extra], text=True, stderr=subprocess.PIPE, cwd=ROOT, **how)


def samples(path: Path, source: str = "psutil") -> int:
    """How many readings can be read from the file now."""
    try:
        return read(path).times[source].size
    except (ValueError, KeyError):
        return 0


def end_of(file: TelemetryFile) -> str:
    return file.events[-1].message


# ---------------------------------------------------------------- schedule


class Clock:
    """Stands for time.monotonic and Event.wait: waiting moves it."""

    def __init__(self, stop_s: float) -> None:
        self.now, self.stop_s = 0.0, stop_s

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += max(0.0, seconds)
        return self.now >= self.stop_s


class Scripted(Source):
    name = "scripted"

    def __init__(self, clock: Clock, costs_s: list[float]) -> None:
        self.clock, self.costs_s = clock, costs_s

    def quantities(self) -> list[QuantitySpec]:
        return [QuantitySpec("x", "1", "node")]

    def read(self) -> list[float | None]:
        if self.costs_s:
            self.clock.now += self.costs_s.pop(0)
        return [1.0]


def run_channel(monkeypatch: pytest.MonkeyPatch, costs_s: list[float], stop_s: float) -> list[float]:
    clock = Clock(stop_s)
    channel = Channel(Scripted(clock, costs_s), 0.1, clock)  # type: ignore[arg-type]
    monkeypatch.setattr("harness.telemetry.sampler.time.monotonic", clock.monotonic)
    channel._run()
    return [t for t, _ in channel.drain()[0]]


def test_delays_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    times = run_channel(monkeypatch, [0.02] * 1000, 10.0)
    assert len(times) == 100
    assert times[-1] == pytest.approx(9.9 + 0.01)


def test_readings_that_come_too_late_are_skipped_not_bunched(monkeypatch: pytest.MonkeyPatch) -> None:
    times = run_channel(monkeypatch, [0.0, 0.55], 1.2)
    gaps = [round(b - a, 3) for a, b in zip(times, times[1:], strict=False)]
    assert times[2] >= 0.65 and min(gaps) >= 0.05
    assert len(times) < 10


def test_a_source_that_raises_ends_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Source):
        name = "broken"

        def quantities(self) -> list[QuantitySpec]:
            return [QuantitySpec("x", "1", "node")]

        def read(self) -> list[float | None]:
            raise KeyError("nonsense")

    channel = Channel(Broken(), 0.1, threading.Event())
    channel._run()
    rows, remarks = channel.drain()
    assert rows == [] and remarks == ["broken ended: KeyError: 'nonsense'"]
    assert list(channel.newest) == [None]


# ---------------------------------------------------------------- the process on its own


def test_seconds_option_and_rate(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--seconds", "2", "--node", "n7", stdin=subprocess.DEVNULL) as running:
        assert running.wait(30) == 0
    file = read(path)
    assert file.node == "n7" and "time asked for" in end_of(file)
    assert samples(path) >= 20  # 20 Hz for 2 s; half of it on a busy machine
    assert summarise(path).achieved_hz == pytest.approx(20, rel=0.5)


def test_kill_9_loses_at_most_a_second(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--sources", *CHEAP) as running:
        wait_for(lambda: samples(path) > 30)
        running.kill()
        killed_s = time.time()
        running.wait()
    file = read(path)
    assert killed_s - summarise(path).stop_wall_s <= 1.0
    assert all(s.values.size == file.times["psutil"].size for s in file.series)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--sources", *CHEAP) as running:
        wait_for(lambda: samples(path) > 0)
        running.send_signal(number)
        assert running.wait(20) == 0
    assert "signal" in end_of(read(path))


def test_it_ends_with_the_watched_process(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, process(path, "--pid", str(child.pid), "--sources", "psutil", "process") as running:
        wait_for(lambda: samples(path, "process") > 0)
        child.communicate(b"\n")
        assert running.wait(20) == 0
    assert "watched process has ended" in end_of(read(path))


def test_unwritable_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "x.h5", tmp_path):
        with process(path, "--seconds", "1") as running:
            _, stderr = running.communicate(timeout=30)
        assert running.returncode == 2
        assert stderr.count("\n") == 1 and "cannot be written" in stderr


def test_hdf5_errors_become_one_line() -> None:
    wrapped = OSError(
        "[Errno 28] Can't write\n (file write failed: errno = 28, error message = 'No space left on device')"
    )
    assert reason(wrapped) == "No space left on device"
    assert reason(OSError("a\n  b")) == "a b"
    assert reason(FileExistsError(17, "x")) == "it is there already"


def test_wrong_interval_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("0", "-1", "nan"):
        with pytest.raises(SystemExit) as raised:
            main(["--out", "x.h5", "--interval", value])
        assert raised.value.code == 2
    assert "--interval must be at least" in capsys.readouterr().err


def test_it_imports_nothing_heavy() -> None:
    code = "import harness.telemetry.sampler, sys; print(' '.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    packages = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert not packages & {"tensorflow", "keras", "pandas", "scipy", "rich", "click", "pydantic", "reference"}
    assert {"psutil", "h5py", "numpy"} <= packages


# ---------------------------------------------------------------- with its parent


def test_context_manager_samples_and_reports(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "telemetry_node_0.h5"
    with Sampler(path, interval_s=0.05, node="node_0", sources=["psutil", "process"]) as sampler:
        assert sampler.ready == ["psutil", "process"]
        sampler.watch(os.getpid())
        wait_for(lambda: sampler.latest().get("process.process_tree.rss"))
        wait_for(lambda: sampler.latest().get("psutil.node.cpu_utilization") is not None)
    assert sampler.problem is None
    assert sampler.latest() == {}
    assert "closed the control pipe" in end_of(read(path))
    assert os.listdir(path.parent) == [path.name]
    sampler.stop()  # twice does no harm


def test_sources_that_do_not_work_are_listed_with_the_reason(tmp_path: Path) -> None:
    with Sampler(tmp_path / "x.h5", sources=["psutil", "rapl", "nvml"]) as sampler:
        pass
    file = read(tmp_path / "x.h5")
    assert {u["source"] for u in file.unavailable} | set(file.times) == {"psutil", "rapl", "nvml"}
    assert all(u["why"] and u["fix"] for u in file.unavailable)
    assert len(sampler.unavailable) == len(file.unavailable)


def test_sampler_that_is_killed_leaves_a_problem_and_its_data(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with Sampler(path, interval_s=0.05, sources=CHEAP) as sampler:
        assert sampler._process is not None
        wait_for(lambda: samples(path) > 0)
        os.kill(sampler._process.pid, signal.SIGKILL)
        wait_for(lambda: sampler.problem)
        assert sampler.latest() == {}
        sampler.watch(os.getpid())  # must not raise
    assert sampler.problem is not None and "signal 9" in sampler.problem and "\n" not in sampler.problem
    assert samples(path) > 0


def test_sampler_that_cannot_write_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    path.write_text("somebody's file")
    with Sampler(path, sources=CHEAP) as sampler:
        assert sampler.ready == []
    assert sampler.problem is not None and "is there already" in sampler.problem
    assert path.read_text() == "somebody's file"


def test_sampler_that_cannot_start_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with Sampler(tmp_path / "x.h5") as sampler:
        assert sampler.latest() == {}
        sampler.watch(1)
    assert sampler.problem is not None and "could not be started" in sampler.problem


def test_a_sampler_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.telemetry.parent.STOP_S", 0.5)
    with Sampler(tmp_path / "x.h5", sources=CHEAP) as sampler:
        child = sampler._process
        assert child is not None
        child.send_signal(signal.SIGSTOP)
    assert child.returncode == -signal.SIGKILL
    assert sampler.problem is not None and "signal 9" in sampler.problem


def test_it_ends_when_the_harness_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    code = (
        "import sys; from pathlib import Path; from harness.telemetry import Sampler\n"
        "with Sampler(Path(sys.argv[1]), sources=['psutil']) as s:\n"
        "    print(s._process.pid, flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_for(lambda: samples(path) > 0)
        parent.kill()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert end_of(read(path)).startswith("ended: the parent")


def test_nonsense_on_the_control_pipe_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with process(
        path, "--control", "--sources", *CHEAP, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin is not None and running.stdout is not None
        assert json.loads(running.stdout.readline()) == {"ready": CHEAP, "unavailable": []}
        running.stdin.write('hello\n[1]\n{"watch": "me"}\n{"watch": -1}\n{}\n')
        running.stdin.flush()
        assert "latest" in json.loads(running.stdout.readline())
        running.stdin.close()
        assert running.wait(20) == 0
    assert "control pipe" in end_of(read(path))


def test_gpu_that_is_lost_while_sampling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real process with a stand-in for pynvml: absent from then on, said once, the rest goes on."""
    gpu = {
        "name": "Test GPU",
        "uuid": "GPU-x",
        "utilization": 90,
        "memory_used": 1,
        "memory_total": 2,
        "power_mw": 250_000,
        "energy_mj": {"error": 3},
        "temperature": 50,
        "sm_clock": 1000,
    }
    state, path = tmp_path / "state.json", tmp_path / "x.h5"
    state.write_text(json.dumps({"gpus": [gpu]}))
    monkeypatch.setenv("FAKE_NVML_STATE", str(state))
    monkeypatch.setenv("PYTHONPATH", str(FAKE_PYNVML))
    with Sampler(path, interval_s=0.05, sources=["nvml", "psutil"]) as sampler:
        wait_for(lambda: sampler.latest().get("nvml.gpu0.gpu_power") == 250.0)
        lost = tmp_path / "lost.json"
        lost.write_text(json.dumps({"gpus": [dict.fromkeys(gpu, {"error": 15})]}))
        os.replace(lost, state)
        wait_for(lambda: sampler.latest().get("nvml.gpu0.gpu_power", 0) is None)
        before = samples(path)
        wait_for(lambda: samples(path) > before + 10)
    assert sampler.problem is None
    file = read(path)
    assert sum("fallen off the bus" in e.message for e in file.events) == 1
    assert any("gpu_energy" in e.message for e in file.events)
    power = next(q for q in summarise(path).quantities if q.name == "gpu_power")
    everything = next(q for q in summarise(path).quantities if q.name == "cpu_utilization")
    assert power.minimum == power.maximum == 250.0
    assert 0 < power.samples < everything.samples
    assert file.devices == {"gpu0": "Test GPU, GPU-x"}
