"""Several workers as one process: one voice, one end."""

import os
import subprocess
import sys
import time

from harness.plan.recipe import Recipe
from harness.run.launch.registry import launcher_for
from tests.support import lsf

# in one write: lines of several workers must not mix
PRINT = 'import os; os.write(1, f\'rank {os.environ["RANK"]} of {os.environ["WORLD_SIZE"]}\\n\'.encode())'


def started(script, workers=2, **variables):
    recipe = Recipe(devices={"workers_per_node": workers}, command=["x"])
    launcher = launcher_for(recipe)
    command = launcher.command([sys.executable, "-c", script])
    environment = {**os.environ, **launcher.environment(), **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_only_rank_0_speaks_on_standard_output():
    done = started(PRINT, workers=3)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rank 0 of 3\n"
    assert sorted(done.stderr.splitlines()) == ["rank 1 of 3", "rank 2 of 3"]


def test_one_workers_end_is_the_end_of_all():
    """Rank 0 would wait for an hour."""
    script = f"{PRINT}\nimport sys, time\nsys.exit(7) if os.environ['RANK'] == '1' else time.sleep(3600)"
    done = started(script)
    assert done.returncode == 7
    assert done.stderr.splitlines()[-1] == "worker 1 of 2 failed with exit code 7: the others were ended"


def test_a_killed_worker_is_named_even_if_others_ignore_the_end(monkeypatch):
    script = """
import os, signal, time
if os.environ["RANK"] == "0":
    os.kill(os.getpid(), signal.SIGKILL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(3600)
"""
    start_s = time.monotonic()
    done = started(script)
    assert done.returncode == 128 + 9
    assert "worker 0 of 2 was ended by signal 9 (SIGKILL)" in done.stderr
    assert time.monotonic() - start_s < 60


def test_workers_run_where_the_batch_system_says(tmp_path):
    lsf.install(tmp_path)
    recipe = Recipe(launcher="lsf", devices={"nodes": 2}, command=["x"])
    job = {"LSB_JOBID": "7", "LSB_MCPU_HOSTS": "a01 4 a02 4"}
    launcher = launcher_for(recipe, environment=job)
    odd = "a b; echo $HOME 'c'"  # what a shell on the way would read otherwise
    command = launcher.command([sys.executable, "-c", f"{PRINT}; print(os.environ['XLA_FLAGS'])"])
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, **job, **launcher.environment(), "XLA_FLAGS": odd, "PATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"rank 0 of 2\n{odd}\n"
    assert {"on a01", "on a02", "rank 1 of 2"} <= set(done.stderr.splitlines())
    assert launcher.on_node(1) == ["blaunch", "a02", "-no-shell"] and launcher.on_node(0) == []
    elsewhere = {**environment, "CLOUDMASK_WORKERS": "a01:1,b01:1"}
    done = subprocess.run(command, env=elsewhere, capture_output=True, text=True, timeout=120)
    assert done.returncode == 255 and "b01: not part of the job" in done.stderr
