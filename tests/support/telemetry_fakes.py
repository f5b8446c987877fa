"""What several telemetry and system tests share."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.telemetry.sources.base import Source

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


def wait_for(condition: Callable[[], Any], seconds: float = 200.0) -> Any:
    """The first true value of `condition`, asked many times; fails the test after `seconds`, which guard
    against a condition that never comes true: on a quiet machine it takes a few."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"still waiting after {seconds} s for {condition}")


def by_name(source: Source) -> dict[str, Any]:
    """One reading of a source, each value by its quantity's key."""
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}
