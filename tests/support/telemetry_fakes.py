"""A stand-in for the pynvml module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from harness.telemetry.sources.base import Source, SourceUnavailable

Reader = TypeVar("Reader", bound=Source)
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


def opened(source: Reader) -> Reader:
    """The source, ready to be read."""
    source.open()
    return source


def unavailable(source: Source) -> SourceUnavailable:
    """Why a source cannot be opened: what, why and a fix are said."""
    with pytest.raises(SourceUnavailable) as caught:
        source.open()
    assert caught.value.what and caught.value.why and caught.value.fix
    return caught.value


def by_name(source: Source) -> dict[str, Any]:
    """One reading of a source, each value by its quantity's key."""
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}
