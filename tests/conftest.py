"""Shared by all tests. This folder being a package puts the repository root on the import path."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import ROOT
from tests.support.fakes.nvml import FakeNvml, compile_library
from tests.support.skips import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]  # a hook

# a busy machine is not a failure
settings.register_profile("cloudmask", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cloudmask")

# a shell starts jobs in the background with SIGINT ignored, and every command that is tested would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup has SIGHUP ignored

UNMEASURED = ("fuzz", "net")  # folders whose tests coverage would slow down most, and which reach nothing new


@pytest.hookimpl(tryfirst=True)  # before marks choose what is run
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever starts whole runs is slow; coverage pauses in the tests of some folders."""
    covered = config.pluginmanager.hasplugin("_cov")
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder == "e2e":
            item.add_marker("slow")
        if covered and folder in UNMEASURED:
            item.add_marker("no_cover")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Verdicts that tests keep must never be those of the user, nor become so."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def fake_nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(tmp_path_factory.mktemp("libnvidia-ml"))


@pytest.fixture
def fake_nvml(fake_nvml_library: Path, tmp_path: Path) -> FakeNvml:
    """The fake libnvidia-ml.so.1 with a script of its own: one GPU at 70 W until the test says more."""
    fake = FakeNvml(fake_nvml_library, tmp_path / "nvml.script")
    fake.script()
    return fake
