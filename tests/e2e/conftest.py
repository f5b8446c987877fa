"""A workspace with a tiny data set and a recipe whose implementation trains nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.slurm.cluster import Cluster
from tests.support import ROOT
from tests.support.waiting import HANG_S, wait_for

FAKE = str(ROOT / "tests/support/fake_implementation.py")


class Trial:
    """A checkout's worth of folders in a temporary place, and `cloudmask` run in it as a user would."""

    fake = FAKE

    def __init__(self, root: Path) -> None:
        self.root = root
        self.org = root / "submissions/lab"

    def recipe(self, system: str = "box", **fields: object) -> Path:
        path = self.org / f"benchmarks/cloudmask/{system}/recipe.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        recipe = {
            "description": "trains nothing",
            "division": "open",  # closed asks for the work of the reference, which is not done here
            "runs": 5,
            "best_of": 5,
            "command": ["python", FAKE],
            "implementation": "fake",
            "data": {"profile": "smoke"},
            "hyperparameters": {"global_batch_size": 8, "max_epochs": 6},
            "telemetry": {"interval_s": 0.05},
            **fields,
        }
        path.write_text(yaml.safe_dump(recipe))
        for name in ("README.md", "setup.sh", "init_datasets.sh", "run_and_time.sh"):
            (path.parent / name).write_text("# nothing to do\n")
        return path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "harness", *arguments]

    def environment(self, **extra: str) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDMASK", "FAKE"))}
        return {**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **extra}

    def cloudmask(
        self, *arguments: str, limit_s: float = HANG_S, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            timeout=limit_s,
        )

    def submit(self, *arguments: str, system: str = "box", **extra: str) -> subprocess.CompletedProcess[str]:
        return self.cloudmask("submit", "--system", system, "--org", "lab", *arguments, **extra)

    def submitted(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """A submit that has to succeed."""
        done = self.submit(*arguments, **extra)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str, merged: bool = False, **extra: str) -> subprocess.Popen[str]:
        """A command that goes on, in a session of its own; its errors can be read, with its output if `merged`."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**extra),
            stdout=subprocess.PIPE if merged else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            start_new_session=True,
            # a test run in the background has SIGINT ignored, and children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def start_submit(self, *more: str, **how: Any) -> subprocess.Popen[str]:
        return self.start("submit", "--system", "box", "--org", "lab", *more, **how)

    def until(self, event: str, run: int = 0, running: subprocess.Popen[str] | None = None) -> None:
        """Wait for an event in the log of a run that is on; `running` must not end before."""
        log = self.evidence() / f"result_{run}.part/result.txt"

        def over() -> bool:
            return running is not None and running.poll() is not None

        wait_for(lambda: over() or (log.is_file() and event in log.read_text()))
        assert running is None or running.poll() is None, running.communicate()

    def evidence(self, system: str = "box") -> Path:
        return self.org / f"evidence/{system}/strong/cloudmask"

    def record(self, folder: str) -> dict[str, Any]:
        """run.json of result_<i> or failed/attempt_<i>."""
        found: dict[str, Any] = json.loads((self.evidence() / folder / "run.json").read_text())
        return found

    def results(self, system: str = "box") -> list[str]:
        return sorted(p.name for p in (self.org / f"results/{system}/strong/cloudmask").glob("*.txt"))


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke data set, made once."""
    from reference.data.synthetic import synthesize

    root = tmp_path_factory.mktemp("data")
    synthesize("smoke", root)
    return root


@pytest.fixture
def trial(tmp_path: Path, smoke_data: Path) -> Trial:
    (tmp_path / "data").symlink_to(smoke_data)
    made = Trial(tmp_path)
    made.recipe()
    return made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Slurm on this machine, for the tests of one module."""
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()
