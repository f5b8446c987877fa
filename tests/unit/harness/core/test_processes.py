"""Child processes: lines with arrival times, limits, and a tree that always ends."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from harness.core import processes
from harness.core.processes import Child, Overtime, Silence
from tests.support.waiting import wait_for

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted on Linux only")


def child(script, tmp_path):
    return Child([sys.executable, "-u", "-c", script], dict(os.environ), (tmp_path / "err").open("wb"))


def texts(running, **limits):
    limits = {"limit_s": 60, "silence_s": 60, **limits}
    return [line.text for line in running.lines(**limits) if line]


def test_lines_arrive_in_order_with_times(tmp_path):
    with child("print('a'); print(); print('b', end='')", tmp_path) as running:
        lines = [line for line in running.lines(60, 60) if line]
        assert [line.text for line in lines] == ["a", "b"]
        assert lines[0].monotonic_s <= lines[1].monotonic_s
        assert running.wait() == 0
    assert running.peak_rss_bytes > 1_000_000


def test_exit_code_and_standard_error(tmp_path):
    with child("import sys; print('x', file=sys.stderr); sys.exit(7)", tmp_path) as running:
        assert texts(running) == []
        assert running.wait() == 7
    assert (tmp_path / "err").read_text() == "x\n"


def test_undecodable_bytes_and_endless_lines_are_survived(tmp_path):
    script = "import sys; sys.stdout.buffer.write(b'\\xff\\n' + b'z' * 3_000_000)"
    with child(script, tmp_path) as running:
        lines = texts(running)
    assert lines[0] == "\ufffd"
    assert sum(map(len, lines[1:])) == 3_000_000


def test_silence_is_noticed(tmp_path):
    with child("import time; print('a'); time.sleep(60)", tmp_path) as running, pytest.raises(Silence):
        texts(running, silence_s=0.2)
    assert running.exit_code == -15


def test_the_time_limit_holds_for_the_talkative_too(tmp_path):
    with child("while True: print('a')", tmp_path) as running, pytest.raises(Overtime):
        texts(running, limit_s=0.3)


def test_nothing_of_the_tree_survives(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.core.processes.GRACE_S", 0.3)
    script = """
import subprocess, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
p = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(p.pid)
signal.pause()
"""
    with child(script, tmp_path) as running:
        for line in running.lines(60, 60):
            if line:
                grandchild = int(line.text)
                break
    assert not psutil.pid_exists(grandchild)
    assert not psutil.pid_exists(running.pid)


def test_a_command_that_is_not_there(tmp_path):
    with Child(["/no/such/program"], dict(os.environ), (tmp_path / "err").open("wb")) as running:
        texts(running)
        assert running.wait() == 127
    assert "cannot start /no/such/program" in (tmp_path / "err").read_text()


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        null = os.open(os.devnull, os.O_RDWR)
        for own in (0, 1, 2):
            os.dup2(null, own)
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"], {})
    os._exit(0)
os.wait()
"""


@linux
@pytest.mark.parametrize(
    "after", ["", "import signal; os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)"]
)
def test_a_daemon_in_a_session_of_its_own_does_not_survive(tmp_path, after):
    """Forked twice, with a clean environment; also when the program kills its keeper first."""
    with child(DAEMON + "time.sleep(0.1)\n" + after, tmp_path) as running:
        daemon = int(texts(running)[0])
        running.wait()
    assert not psutil.pid_exists(daemon)
    assert f"({daemon})" in " ".join(running.outlived)
    assert running.exit_code == (-9 if after else 0)


@linux
def test_a_daemon_ends_with_a_harness_that_is_killed(tmp_path):
    code = f"""
import os, sys, time
from pathlib import Path
from harness.core.processes import Child
command = [sys.executable, "-u", "-c", {DAEMON!r} + "time.sleep(600)"]
with Child(command, dict(os.environ), open(os.devnull, "wb")) as running:
    for line in running.lines(60, 60):
        if line:
            print(line.text, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as harness:
        daemon = int(harness.stdout.readline())
        harness.kill()
    wait_for(lambda: not psutil.pid_exists(daemon) or psutil.Process(daemon).status() == psutil.STATUS_ZOMBIE)


@linux
def test_helpers_that_end_by_themselves_did_not_outlive(tmp_path):
    script = "import subprocess; subprocess.Popen(['sleep', '0.2'])"
    with child(script, tmp_path) as running:
        texts(running)
        running.wait()
    assert running.outlived == []


def test_children_are_known_where_the_time_of_boot_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/stat is empty or broken in some containers (LXCFS, gVisor), and psutil wants it for every child."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("line 'btime' not found in /proc/stat")

    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as child:
        try:
            wait_for(lambda: len(processes._listed(child.pid)) == 1)
            monkeypatch.setattr(processes.psutil.Process, "children", broken)
            assert processes._children(child.pid) == processes._listed(child.pid)
            assert child.pid in processes._children()
        finally:
            os.killpg(child.pid, signal.SIGKILL)
