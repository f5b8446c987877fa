"""From the bucket to a described data set: scenes under the newer names, and all 1,070 names by init_datasets.sh."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.data import data
from harness.core.errors import ExitCode
from reference.data.dataset import describe, locate, verify
from reference.data.profiles import get_profile
from reference.data.shards import prepare, verify_prepared
from reference.data.synthetic import synthesize
from reference.protocol.official import official_test_scenes
from tests.support import ROOT, STARTERS
from tests.support.s3 import s3_server

pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed")

SCRIPT = STARTERS / "benchmarks/cloudmask/a100/init_datasets.sh"


def test_fetched_scenes_are_the_same_data_set(tmp_path: Path) -> None:
    """Smoke scenes, in the bucket as training/ and inference/: digest and shards of the folder they came from."""
    made, geometry = synthesize("smoke", tmp_path, scenes=6), get_profile("smoke").geometry
    first = describe(made, "smoke", geometry)
    with s3_server() as server:
        for older, newer in (("one-day", "training"), ("ssts", "inference")):
            for path in (made / older).glob("*.hdf"):
                server.put(f"{newer}/{path.name}", path.read_bytes())
        arguments = ["fetch", "--endpoint", server.url, "--data", str(tmp_path / "fetched")]
        result = CliRunner().invoke(data, arguments, standalone_mode=False)
    assert result.exception is None and "8 compared by ETag" in result.output
    other = describe(tmp_path / "fetched", "smoke", geometry)
    assert (
        other.dataset.train[0].name.startswith("training/") and other.dataset.digest == first.dataset.digest
    )
    assert verify(locate(tmp_path / "fetched"), first.dataset) == []
    assert prepare(first, tmp_path / "shards") == verify_prepared(tmp_path / "shards", other)


def test_init_script_fetches_all_names(tmp_path: Path) -> None:
    """More than one page of the listing. Nothing is in the scenes, so that describing them ends the script."""
    paths = [f"training/S3A_SL_1_RBT____{n:03d}.hdf" for n in range(970)]
    paths += [f"inference/{name}" for name in sorted(official_test_scenes())]
    (tmp_path / ".venv/bin").mkdir(parents=True)
    start = tmp_path / ".venv/bin/cloudmask"
    start.write_text(f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n')
    start.chmod(0o755)
    with s3_server() as server, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: server.put(path, path.encode()), paths))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLOUDMASK_DATA": str(tmp_path / "set")}
        environment["CLOUDMASK_S3_ENDPOINT"] = server.url
        done = subprocess.run(["sh", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "1,070 scenes are in" in done.stdout and "note:" not in done.stderr
    assert "970 training scenes, and the 100 test scenes have the official names." in done.stdout
    assert all((tmp_path / "set" / path).read_bytes() == path.encode() for path in paths)
    assert done.returncode == ExitCode.USAGE and "not a readable HDF5 file" in done.stderr
