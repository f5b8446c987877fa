"""Child processes: lines with arrival times, limits, and a tree that always ends."""

import os
import sys

import psutil
import pytest

from harness.core.processes import Child, Overtime, Silence


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
