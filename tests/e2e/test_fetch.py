"""`cloudmask data fetch` from a real S3 server on loopback: throttled, truncated, damaged, killed in the middle."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import ExitCode
from tests.support import ROOT
from tests.support.s3 import (
    BUCKET,
    PREFIX,
    Server,
    damaged,
    replaced,
    s3_server,
    shorter,
    slow_down,
    truncated,
)

pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed")

MIB = 1 << 20
SIZE = 5 * MIB // 2
FILES = {
    f"{folder}/S3A_{folder}_{n}.hdf": random.Random(f"{folder}{n}").randbytes(SIZE)
    for folder, count in (("training", 4), ("inference", 2))
    for n in range(count)
}
FIRST, SECOND = "S3A_training_0.hdf", "S3A_inference_1.hdf"


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as running:
        for path, content in FILES.items():
            running.put(path, content)
        yield running


def command(endpoint: str, folder: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line as a user's shell starts it, and an environment that would mislead an S3 client."""
    run = [sys.executable, "-c", "from harness.cli import main; main()", "data", "fetch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLOUDMASK_S3_ENDPOINT": endpoint}
    environment |= {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    return [*run, "--data", str(folder), "--workers", "3", *arguments], environment


def call(endpoint: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(endpoint, folder, *arguments)
    return subprocess.run(line, env=environment, capture_output=True, text=True, cwd=folder.parent)


def arrived(folder: Path) -> set[str]:
    """Scenes that are there and equal to those of the server."""
    return {
        path for path, content in FILES.items() if (folder / path).is_file() and same(folder / path, content)
    }


def same(path: Path, content: bytes) -> bool:
    return path.read_bytes() == content


def test_through_all_passing_faults(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    dry = call(server.url, folder, "--dry-run")
    assert dry.returncode == ExitCode.OK and "6 to be fetched: 0.02 GB" in dry.stdout and not folder.exists()
    assert "4 train scenes listed, 970 known" in dry.stderr and server.seen == []
    server.faults[FIRST] = [slow_down, truncated, slow_down]
    server.faults[SECOND] = [damaged]
    server.faults["S3A_training_2.hdf"] = [shorter]
    done = call(server.url, folder)
    assert done.returncode == ExitCode.OK, done.stderr
    assert arrived(folder) == set(FILES) and "6 compared by ETag" in done.stdout
    assert "100% of 0.02 GB" in done.stderr and "min left" in done.stderr
    assert [rest for name, rest in server.seen if name == FIRST][-1].startswith("bytes=")
    before = len(server.seen)
    again = call(server.url, folder)
    assert (
        again.returncode == ExitCode.OK and "6 checked before" in again.stdout and len(server.seen) == before
    )


def test_faults_that_stay(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    server.faults[FIRST] = [damaged] * 10
    server.faults[SECOND] = [replaced] * 10
    done = call(server.url, folder)
    assert done.returncode == ExitCode.USAGE and "Traceback" not in done.stderr
    assert "error: 2 of 6 files failed: S3A_inference_1.hdf: its ETag is not the listed one" in done.stderr
    assert len(arrived(folder)) == 4 and not list(folder.glob(f"*/{FIRST}"))
    server.faults.clear()
    assert call(server.url, folder).returncode == ExitCode.OK and arrived(folder) == set(FILES)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130), (signal.SIGINT, 130)]
)
def test_a_kill_in_the_middle(server: Server, tmp_path: Path, number: signal.Signals, code: int) -> None:
    folder = tmp_path / "set"
    server.faults[FIRST] = [server.held_back(MIB + MIB // 2)]
    line, environment = command(server.url, folder)
    with subprocess.Popen(
        line, env=environment, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
    ) as run:
        assert server.held.wait(60)
        wait_for(folder, MIB, run)
        run.send_signal(number)
        if number is signal.SIGKILL:
            run.wait(60)
        server.release.set()
        errors = run.communicate(timeout=60)[1]
    assert run.returncode == code and "Traceback" not in errors
    assert "Interrupted" in errors or number is signal.SIGKILL
    assert f"training/{FIRST}" not in arrived(folder)
    assert call(server.url, folder).returncode == ExitCode.OK and arrived(folder) == set(FILES)
    assert [rest for name, rest in server.seen if name == FIRST][-1].startswith("bytes=1")
    assert not list(folder.glob("**/*.part"))


def wait_for(folder: Path, size: int, run: subprocess.Popen[str]) -> None:
    """Until the part of the first scene has so many bytes, and the other scenes are there."""
    deadline = time.monotonic() + 60
    while (
        not any(p.stat().st_size >= size for p in folder.glob(f"training/.{FIRST}.*.part"))
        or len(arrived(folder)) < len(FILES) - 1
    ):
        assert run.poll() is None and time.monotonic() < deadline, "the other scenes did not arrive"
        time.sleep(0.02)


def test_parts_uploaded_in_pieces(server: Server, tmp_path: Path) -> None:
    """ETags of multipart uploads are not MD5: the size of the parts is derived."""
    key, content = f"{PREFIX}/training/S3A_parts.hdf", random.Random(1).randbytes(11 * MIB)
    upload = server.admin.create_multipart_upload(Bucket=BUCKET, Key=key, ACL="public-read")["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(content), 5 * MIB), 1):
        piece = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "PartNumber": number}
        etag = server.admin.upload_part(**piece, Body=content[at : at + 5 * MIB])["ETag"]
        parts.append({"ETag": etag, "PartNumber": number})
    server.admin.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    done = call(server.url, tmp_path / "set")
    assert done.returncode == ExitCode.OK and "7 compared by ETag, 0 by size only" in done.stdout
    assert same(tmp_path / "set/training/S3A_parts.hdf", content)


def test_a_terminal_shows_rate_and_time_left(server: Server, tmp_path: Path) -> None:
    line, environment = command(server.url, tmp_path / "set")
    ours, theirs = pty.openpty()
    server.faults[FIRST] = [truncated]  # the bar is seen during the pause
    environment |= {"COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(line, env=environment, stderr=theirs, stdout=subprocess.DEVNULL) as run:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert run.returncode == ExitCode.OK and b"/15.7 MB" in shown
    assert re.search(rb"\d\.\d MB/s", shown) and re.search(rb"\d:\d\d:\d\d", shown)


def test_a_dry_run_needs_no_folder(server: Server, tmp_path: Path) -> None:
    line, environment = command(server.url, tmp_path / "set")
    del line[line.index("--data") : line.index("--data") + 2]
    environment.pop("CLOUDMASK_DATA", None)
    run = [*line, "--dry-run"]
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (
        done.returncode == ExitCode.OK and "6 to be fetched" in done.stdout and not list(tmp_path.iterdir())
    )


def test_a_sample_is_not_official(server: Server, tmp_path: Path) -> None:
    done = call(server.url, tmp_path / "set", "--scenes", "2")
    assert done.returncode == ExitCode.OK and len(arrived(tmp_path / "set")) == 3
    assert "--profile official-sample" in done.stdout and "(official)" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--endpoint", "nonsense"), "Invalid endpoint"),
        (("--bucket", "absent-bucket"), "NoSuchBucket"),
        (("--bucket", "A B"), "Invalid bucket name"),
        (("--prefix", "elsewhere"), "no scenes (S3A*.hdf) in training/ or one-day/"),
    ],
)
def test_wrong_places_are_one_line(
    server: Server, tmp_path: Path, arguments: tuple[str, str], message: str
) -> None:
    done = call(server.url, tmp_path / "set", *arguments)
    assert done.returncode == ExitCode.USAGE and message in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "set").exists()


def test_no_connection_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = call(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path / "set")
    assert done.returncode == ExitCode.USAGE and "error: Cannot list http://127.0.0.1" in done.stderr
    assert "fix: " in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2


def test_without_boto3_the_remedy_is_named(tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ImportError('No module named boto3')")
    line, environment = command("http://127.0.0.1:9", tmp_path / "set")
    environment["PYTHONPATH"] = f"{tmp_path}:{ROOT}"
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == ExitCode.USAGE and "pip install boto3" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2
