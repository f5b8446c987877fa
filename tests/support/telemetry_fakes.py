"""What several telemetry and system tests share."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FAKE_PYNVML = Path(__file__).parent / "fake_pynvml"


def fake_nvml(monkeypatch: pytest.MonkeyPatch, **state: object) -> ModuleType:
    """A fresh stand-in for pynvml in sys.modules, with STATE updated."""
    spec = importlib.util.spec_from_file_location("pynvml", FAKE_PYNVML / "pynvml.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.STATE.update(state)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> object:
    """The first true value of `condition`, asked again and again; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"still waiting after {seconds} s for {condition}")
