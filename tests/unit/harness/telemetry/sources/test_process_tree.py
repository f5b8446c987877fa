"""The run's own processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import psutil
import pytest

from harness.telemetry.sources import process_tree
from harness.telemetry.sources.process_tree import ProcessTreeSource
from tests.support.telemetry_fakes import by_name
from tests.support.waiting import wait_for


def test_process_tree_sees_children_and_their_end() -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", grandchild], stdin=subprocess.PIPE) as child:
        source = ProcessTreeSource(child.pid)
        (scan,) = source.parts()
        wait_for(lambda: scan.at_once() or by_name(source)["process_tree.processes"] == 2)
        values = by_name(source)
        assert values["process_tree.rss"] > 1 << 20
        assert values["process_tree.cpu"] >= 0
        child.communicate(b"\n")
    assert list(wait_for(lambda: (v := source.read()) and v[2] is None and v)) == [None, None, None]


def test_process_that_has_ended_has_no_memory_not_zero() -> None:
    """A child that nobody has waited for yet is still listed, with a resident set of 0."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    source = ProcessTreeSource(child.pid)
    wait_for(lambda: (source.read()[0] or 0) > 1 << 20)  # a process that has just begun has a page
    assert child.stdin is not None
    child.stdin.close()
    wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert list(source.read()) == [None, None, None]
    child.wait()


def test_process_tree_without_a_process_is_absent() -> None:
    assert list(ProcessTreeSource().read()) == [None, None, None]
    source = ProcessTreeSource()
    source.watch(2**22 + 7)  # beyond the largest pid Linux gives
    assert list(source.read()) == [None, None, None]


def test_process_cpu_is_what_was_used_since_the_last_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {1: [10.0, 11.0], 2: [0.5]}

    def process(pid: int) -> SimpleNamespace:
        return SimpleNamespace(
            pid=pid,
            oneshot=nullcontext,
            cpu_times=lambda: (used[pid].pop(0), 0.0, 99.0),
            memory_info=lambda: SimpleNamespace(rss=100),
        )

    clock = iter([0.0, 0.0, 2.0, 2.0])
    monkeypatch.setattr(process_tree.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(process_tree, "_children", lambda pid: [])
    children = [[], [process(2)]]
    source = ProcessTreeSource()
    source._root = SimpleNamespace(children=lambda recursive: children.pop(0))
    source._known = {1: process(1)}
    assert list(source.read()) == [100.0, None, 1.0]
    source.parts()[0].at_once()
    # one second of the first process and half a second of the new child, in two seconds
    assert list(source.read()) == [200.0, pytest.approx(75.0), 2.0]
