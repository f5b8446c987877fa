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

from harness.telemetry import Sampler
from harness.telemetry.reader.energy import energies
from harness.telemetry.reader.reader import TelemetryFile, read
from harness.telemetry.reader.summary import summarise
from harness.telemetry.recorder.sampler import FLUSH_S, main, reason
from harness.telemetry.recorder.watch import Watch
from harness.telemetry.sources import registry
from harness.telemetry.sources.base import QuantitySpec, Source
from tests.support import ROOT
from tests.support.fakes.nvml import NOT_SUPPORTED, FakeNvml
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow  # processes that sample for seconds
CHEAP = ["psutil"]
LIMIT_S = 200.0  # against a test that hangs; on a quiet machine nothing here takes more than some seconds


def process(path: Path, *extra: str, **how: object) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "harness.telemetry.recorder.sampler",
        "--out",
        str(path),
        "--interval",
        "0.05",
    ]
    return subprocess.Popen([*command, *extra], text=True, stderr=subprocess.PIPE, cwd=ROOT, **how)


def samples(path: Path, source: str = "psutil") -> int:
    """How many readings can be read from the file now."""
    try:
        return read(path).times[source].size
    except (ValueError, KeyError):
        return 0


def end_of(file: TelemetryFile) -> str:
    return file.events[-1].message


# ---------------------------------------------------------------- the process on its own


def test_seconds_option_and_rate(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--seconds", "2", "--node", "n7", stdin=subprocess.DEVNULL) as running:
        assert running.wait(LIMIT_S) == 0
    file = read(path)
    assert file.node == "n7" and "time asked for" in end_of(file)
    assert samples(path) >= 2
    assert summarise(path).achieved_hz < 25  # 20 at most are asked for, give or take the two at the ends


def test_kill_9_loses_at_most_a_second(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--sources", *CHEAP) as running:
        wait_for(lambda: samples(path) > 30)
        running.kill()
        killed_s = time.time()
        running.wait()
    file = read(path)
    assert FLUSH_S < 1.0
    assert killed_s - summarise(path).stop_wall_s <= 20 * FLUSH_S  # on a machine that is very busy
    assert all(s.values.size == file.times["psutil"].size for s in file.series)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "x.h5"
    with process(path, "--sources", *CHEAP) as running:
        wait_for(lambda: samples(path) > 0)
        running.send_signal(number)
        assert running.wait(LIMIT_S) == 0
    assert "signal" in end_of(read(path))


def test_it_ends_with_the_watched_process(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, process(path, "--pid", str(child.pid), "--sources", "psutil", "process") as running:
        wait_for(lambda: samples(path, "process") > 0)
        child.communicate(b"\n")
        assert running.wait(LIMIT_S) == 0
    assert "watched process has ended" in end_of(read(path))


def test_unwritable_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "x.h5", tmp_path):
        with process(path, "--seconds", "1") as running:
            _, stderr = running.communicate(timeout=LIMIT_S)
        assert running.returncode == 2
        assert stderr.count("\n") == 1 and "cannot be written" in stderr


def test_hdf5_errors_become_one_line() -> None:
    wrapped = OSError(
        "[Errno 28] Can't write\n (file write failed: errno = 28, error message = 'No space left on device')"
    )
    assert reason(wrapped) == "No space left on device"
    assert reason(OSError("a\n  b")) == "a b"
    assert reason(FileExistsError(17, "x")) == "it is there already"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--interval", value, "--interval must be at least") for value in ("0", "-1", "nan")]
    + [("--pid", value, "--pid is the number of a process") for value in ("0", "-1")]
    + [("--sources", "nvlm", "invalid choice: 'nvlm'")],
)
def test_a_wrong_number_is_a_usage_error(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--out", "x.h5", f"{option}={value}"])
    assert raised.value.code == 2
    assert said in capsys.readouterr().err


def test_it_imports_nothing_heavy() -> None:
    code = "import harness.telemetry.recorder.sampler, sys; print(' '.join(sys.modules))"
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
    assert "parent asked for it" in end_of(read(path))
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
    monkeypatch.setattr("harness.telemetry.recorder.client.STOP_S", 1.0)
    monkeypatch.setattr("harness.telemetry.recorder.watch._goes_on", lambda pid, ending=False: False)
    with Sampler(tmp_path / "x.h5", sources=CHEAP) as sampler:
        child = sampler._process
        assert child is not None
        child.send_signal(signal.SIGSTOP)
    assert child.returncode == -signal.SIGKILL
    assert sampler.problem is not None and "signal 9" in sampler.problem


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="SIGSTOP as Linux shows it")
def test_a_stopped_sampler_goes_on_and_is_noted(tmp_path: Path) -> None:
    with Sampler(tmp_path / "x.h5", sources=CHEAP) as sampler:
        child = sampler._process
        assert child is not None
        child.send_signal(signal.SIGSTOP)
        assert "was stopped" in str(wait_for(sampler.look))
        child.send_signal(signal.SIGSTOP)
    assert child.returncode == 0 and sampler.problem is None
    assert any("found stopped (SIGSTOP)" in problem for problem in sampler.problems)


def test_readings_that_were_missed_and_silence_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that is stopped in pieces goes on when nobody looks; what it missed, it tells itself."""
    now = [100.0]
    monkeypatch.setattr("harness.telemetry.recorder.watch.time.monotonic", lambda: now[0])
    watch = Watch()
    watch.heard({"latest": {}, "taken": 10, "missed": 90})
    now[0] += 60
    assert "no word" in str(watch.look(os.getpid()))
    assert watch.look(os.getpid()) is None  # said once
    watch.heard({"latest": {}, "taken": 11, "missed": 95})
    watch.end(os.getpid())
    assert any("said nothing for 60.0 s" in trouble for trouble in watch.troubles)
    assert any("made 11 of 106 readings" in trouble for trouble in watch.troubles)


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
        assert running.wait(LIMIT_S) == 0
    assert "parent process is gone" in end_of(read(path))


def test_gpu_that_is_lost_while_sampling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_nvml: FakeNvml
) -> None:
    """Absent from then on, said once by each source, and everything else goes on."""
    path = tmp_path / "x.h5"
    fake_nvml.use(monkeypatch)
    fake_nvml.script("0 power 0:250", f"0 error.energy 0:{NOT_SUPPORTED}", "1 power 0:300", count=2)
    with Sampler(path, interval_s=0.05, sources=["nvml", "psutil"]) as sampler:
        wait_for(lambda: sampler.latest().get("nvml.gpu0.gpu_power") == 250.0)
        fake_nvml.script("0 lost 0:1", "1 power 0:300", count=2)
        wait_for(lambda: sampler.latest().get("nvml.gpu0.gpu_power", 0) is None)
        before = samples(path)
        wait_for(lambda: samples(path) > before + 10)
        assert sampler.latest()["nvml.gpu1.gpu_power"] == 300.0
    assert sampler.problem is None
    file = read(path)
    assert sum("fallen off the bus" in e.message for e in file.events) == 1
    assert any("gpu_energy" in e.message for e in file.events)
    found = {(q.scope, q.name): q for q in summarise(path).quantities}
    lost, there = found["gpu0", "gpu_power"], found["gpu1", "gpu_power"]
    assert lost.minimum == lost.maximum == 250.0
    assert 0 < lost.samples < there.samples
    assert file.devices["gpu0"].startswith("Fake GPU, GPU-fake-0")
    (remark,) = summarise(path, file.times["nvml"][0], file.times["nvml"][-1]).remarks
    assert "gpu0: the GPU has fallen off the bus" in remark


def test_a_call_that_hangs_delays_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_nvml: FakeNvml
) -> None:
    path = tmp_path / "x.h5"
    fake_nvml.use(monkeypatch)
    with Sampler(path, interval_s=0.05, sources=["nvml", "nvml_state", "psutil"]) as sampler:
        assert set(sampler.ready) == {"nvml", "nvml_state", "psutil"}
        fake_nvml.script("0 hang.temperature 0:600")
        wait_for(lambda: any("nvml_state hangs" in e.message for e in read(path).events))
        wait_for(lambda: sampler.latest().get("nvml_state.gpu0.gpu_temperature", 0) is None)
        before = samples(path, "nvml")
        wait_for(lambda: samples(path, "nvml") > before + 20)
        began = time.monotonic()
    assert time.monotonic() - began < LIMIT_S  # the call that hangs for ten minutes is not waited for
    assert sampler.problem is None
    assert "parent asked for it" in end_of(read(path))


def test_a_source_that_hangs_at_the_start_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    class Stuck(Source):
        name = "stuck"

        def open(self) -> None:
            done.wait()

        def quantities(self) -> list[QuantitySpec]:
            return []

        def read(self) -> list[float | None]:
            return []

    monkeypatch.setitem(registry.FACTORIES, "stuck", Stuck)
    stuck, healthy = registry.open_all(["stuck", "psutil"], limit_s=2.0)
    done.set()
    assert stuck.unavailable is not None and "no answer within 2 s" in str(stuck.unavailable)
    assert healthy.unavailable is None


def test_a_run_is_followed_to_its_end_when_the_harness_is_killed(tmp_path: Path) -> None:
    """The harness dies, the run lives on for a while: its end is in the file, and the file is whole."""
    path = tmp_path / "x.h5"
    code = (
        "import subprocess, sys; from pathlib import Path; from harness.telemetry import Sampler\n"
        "run = subprocess.Popen(['sleep', '600'])\n"
        "with Sampler(Path(sys.argv[1]), interval_s=0.05, sources=['psutil', 'process']) as s:\n"
        "    s.watch(run.pid)\n"
        "    print(s._process.pid, run.pid, flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        sampler, run = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
        wait_for(lambda: samples(path, "process") > 0)
        parent.kill()
    before = samples(path)
    wait_for(lambda: samples(path) > before + 30)
    assert sampler.is_running()
    run.kill()
    wait_for(lambda: not sampler.is_running() or sampler.status() == psutil.STATUS_ZOMBIE)
    assert end_of(read(path)) == "ended: the watched process has ended"


def test_step_load_through_the_sampler_within_one_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_nvml: FakeNvml
) -> None:
    """70 W, then 300 W, on the wall clock; truth and readings share time.monotonic()."""
    path = tmp_path / "x.h5"
    fake_nvml.use(monkeypatch)
    fake_nvml.script("0 power 0:70 3600:300")
    with Sampler(path, interval_s=0.02, sources=["nvml"]) as sampler:
        wait_for(lambda: samples(path, "nvml") > 0)
        start_s = time.monotonic()
        fake_nvml.script(f"0 power 0:70 {start_s + 3 - fake_nvml.start_s:.6f}:300", start_s=fake_nvml.start_s)
        wait_for(lambda: time.monotonic() > start_s + 6.2)
    assert sampler.problem is None
    file = read(path)
    offset_s = file.anchor_wall_s - file.anchor_monotonic_s
    found = energies(file.series, start_s + offset_s, start_s + offset_s + 6)
    assert {e.method for e in found} == {"counter", "right_rectangle", "trapezoid"}
    for one in found:
        # what a delayed reading at the step may cost beyond the 1 %: a loaded machine is not an error of method
        late_j = 230 * (one.longest_gap_s or 0)
        # the counter steps every 0.1 s, as a real one does: at the end of the window up to 30 J are to come
        step_j = 300 * 0.1 if one.method == "counter" else 0
        truth_j = 3 * 70 + 3 * 300
        assert one.joule == pytest.approx(truth_j, abs=0.01 * truth_j + late_j + step_j), one
