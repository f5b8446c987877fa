"""Drivers that hang and libraries that crash take a process that can be lost, not this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.telemetry.recorder.client import Sampler
from tests.support import ROOT
from tests.support.fakes.nvml import FakeNvml

INITS = {
    "crash": "#include <stdlib.h>\nint nvmlInitWithFlags(unsigned flags) { abort(); }\n",
    "hang": "#include <unistd.h>\nint nvmlInitWithFlags(unsigned flags) { pause(); return 0; }\n",
}


def library(folder: Path, code: str) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a C compiler on Linux is needed to build a library")
    (folder / "nvml.c").write_text(code)
    built = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, folder / "nvml.c"], check=True)
    return folder


def said(program: str, environment: dict[str, str]) -> str:
    """What a program prints with these libraries; it ends by itself."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "words"), [("crash", "SIGABRT"), ("hang", "does not answer within 2 s")])
def test_the_number_of_gpus_is_unknown_then_and_the_reason_is_said(
    kind: str, words: str, tmp_path: Path
) -> None:
    program = (
        "from harness.telemetry.sources import nvml_trial; nvml_trial.LIMIT_S = 2.0\n"
        "from harness.machine.accelerators import accelerators\n"
        "found = accelerators(); print(found.gpus, found.is_complete, found.problem)"
    )
    text = said(program, {"LD_LIBRARY_PATH": str(library(tmp_path, INITS[kind]))})
    assert text.startswith("[] False") and words in text and "nvidia-smi" in text


def test_a_crash_of_what_only_a_source_asks_for_takes_no_sampler(
    fake_nvml: FakeNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_nvml.script("0 crash.temperature 0:1")
    fake_nvml.use(monkeypatch)
    with Sampler(tmp_path / "t.h5", sources=["psutil", "nvml_state"]) as sampler:
        assert sampler.ready == ["psutil"] and sampler.problem is None
        (said,) = sampler.unavailable
    assert "SIGABRT" in said and "Run nvidia-smi" in said and sampler.problems == []


def test_a_source_that_hangs_is_not_the_whole_driver(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 hang.temperature 0:600")
    program = "from harness.telemetry.sources import nvml_trial as t; t.OPEN_S = 0.5; print(t.trial())"
    assert said(program, fake_nvml.environment) == "None\n"


def test_a_driver_that_answers_passes(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 power 0:70")
    program = "from harness.telemetry.sources.nvml_trial import trial; print(trial())"
    assert said(program, fake_nvml.environment) == "None\n"
