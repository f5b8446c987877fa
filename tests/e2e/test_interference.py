"""Programs that interfere with the run they are part of: it is refused, or it is said and judged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from harness.core.own_code import start_module
from tests.e2e.conftest import FAKE, Trial

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="processes and preloads as Linux has them"
)

REWRITES = """
    log = folder / "result.txt"
    text = log.read_text()
    log.write_text(text.replace('"samples_count"', '"samples_Count"'))
"""
# stops the sampler while it trains, leaves a daemon, and says what was preloaded into it
INTERFERES = """
    import psutil
    for process in psutil.Process(os.getppid()).parent().children(recursive=True):
        if str(folder) in " ".join(process.cmdline()) and "recorder.sampler" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(3)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for own in (0, 1, 2):
                os.dup2(null, own)
            os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(900)"], {})
        os._exit(0)
    os.wait()
    print("preloaded:", os.environ.get("LD_PRELOAD"))
"""
PROGRAM = """
import os, runpy, signal, sys, time
from pathlib import Path
from reference.protocol.spec import load_spec
folder = Path(load_spec().output_dir).absolute()
try:
    runpy.run_path({fake!r}, run_name="__main__")
finally:
    {what}
"""


def program(trial: Trial, what: str) -> list[str]:
    path = trial.root / "program.py"
    path.write_text(PROGRAM.format(fake=FAKE, what=textwrap.dedent(what).strip().replace("\n", "\n    ")))
    return ["python", str(path)]


def test_a_log_that_the_program_rewrites_is_refused_and_kept(trial: Trial) -> None:
    trial.recipe(division="open", runs=1, command=program(trial, REWRITES))
    done = trial.submit()
    assert done.returncode == 3, done.stderr
    kept = trial.record("failed/attempt_0")
    assert kept["status"] == "failed" and "not what the harness wrote" in kept["reason"]
    assert "samples_Count" in (trial.evidence() / "failed/attempt_0/result.txt").read_text()
    assert trial.results() == []


@pytest.fixture
def preload(tmp_path: Path) -> Path:
    """A library that does nothing but say, in its file, into which processes it was loaded."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = tmp_path / "said.c", tmp_path / "said.so"
    source.write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        "__attribute__((constructor)) static void said(void) {\n"
        f'  FILE *f = fopen("{tmp_path}/said", "a"); if (f) {{ fprintf(f, "%d\\n", getpid()); fclose(f); }}\n}}\n'
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@linux
def test_what_interferes_is_ended_recorded_and_judged(trial: Trial, preload: Path) -> None:
    """SIGSTOP of the sampler, a daemon that forked twice, and a preload."""
    trial.recipe(division="open", runs=1, command=program(trial, INTERFERES), telemetry={"interval_s": 0.1})
    done = trial.submit(LD_PRELOAD=str(preload))
    folder = trial.evidence() / "result_0"
    found = trial.record("result_0")
    assert "LD_PRELOAD" in found["environment"]["stripped"]
    assert found["environment"]["harness"] == ["LD_PRELOAD"]
    assert "preloaded: None" in (folder / "output.log").read_text()
    (daemon,) = found["outlived"]
    assert not psutil.pid_exists(int(daemon.rpartition("(")[2].rstrip(")")))
    assert any("stopped" in problem for problem in found["telemetry_problems"]), found["telemetry_problems"]
    verdict = json.loads(trial.cloudmask("check", str(trial.org), "--format", "json").stdout)
    assert {"EVD034", "EVD043", "EVD044"} <= {finding["rule"] for finding in verdict["findings"]}
    assert "not passed on to the run: LD_PRELOAD" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_reference_in_the_working_directory_does_not_run(trial: Trial) -> None:
    """The real reference, started where another one lies."""
    trial.recipe(command=None, implementation="reference", division="open", runs=1, best_of=1)
    (trial.root / "reference").mkdir()
    for name in ("__init__", "__main__"):
        (trial.root / f"reference/{name}.py").write_text("raise SystemExit('the wrong one')\n")
    done = subprocess.run(
        start_module("harness", "submit", "--system", "box", "--org", "lab"),
        cwd=trial.root,
        env=trial.environment(),
        capture_output=True,
        text=True,
    )
    folder = trial.evidence() / "result_0"
    assert folder.is_dir(), done.stdout + done.stderr
    software = trial.record("result_0")["software"]
    assert software["code_differs"] == [] and software["code_ran_files"] > 20
    assert "PKG030" not in done.stdout
