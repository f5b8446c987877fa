"""Exit codes of real processes: 1 is for findings only, whatever becomes of the streams."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main as cli_main
from harness.core.errors import ExitCode
from tests.support import ROOT

pytestmark = pytest.mark.slow  # a process each
EXAMPLE = ROOT / "submissions" / "examples"


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which "$@" is cloudmask with these arguments."""
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = tmp_path_factory.mktemp("package") / "examples"
    shutil.copytree(EXAMPLE, package)
    next(package.rglob("result_0.txt")).unlink()
    return package


CHECK = ("check", EXAMPLE, "--system", "local-smoke")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('"$@" > /dev/null', ExitCode.OK),
        ('"$@" >&-', ExitCode.OUTPUT),
        ('"$@" >&- 2>&- <&-', ExitCode.OUTPUT),
        ('"$@" > /dev/full', ExitCode.OUTPUT),
        ('"$@" 2>&- > /dev/null', ExitCode.OK),
        ('"$@" <&-', ExitCode.OK),
    ],
)
def test_streams_that_are_closed_or_full(line: str, code: ExitCode) -> None:
    done = shell(line, *CHECK)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_pipe_that_closes_early() -> None:
    done = shell('{ "$@"; echo "code $?" >&2; } | true', "rules", "list")
    assert f"code {ExitCode.OUTPUT:d}" in done.stderr and "Traceback" not in done.stderr


def test_watching_ends_when_nobody_reads() -> None:
    done = shell('{ "$@"; echo "code $?" >&2; } | head -1', "monitor", "--json")
    assert f"code {ExitCode.OUTPUT:d}" in done.stderr and "Traceback" not in done.stderr
    assert "error" not in done.stderr  # the reader had seen enough


def test_findings_stay_findings_where_nothing_can_be_shown(wrong: Path) -> None:
    for line in ('"$@"', '"$@" >&-', '"$@" > /dev/full'):
        assert shell(line, "check", wrong, "--system", "local-smoke").returncode == ExitCode.FINDINGS


def test_a_file_opened_later_does_not_become_standard_output(tmp_path: Path) -> None:
    report = tmp_path / "out"
    done = shell('"$@" >&- 2>/dev/null', "report", EXAMPLE, "--system", "local-smoke", "--out", report)
    assert done.returncode in (ExitCode.OK, ExitCode.OUTPUT)
    assert (report / "index.html").read_text().lstrip().startswith("<!")


DEFECT = """
import sys
from harness import cli
import harness.cli.rules
def broken(*_, **__): raise KeyError("x")
harness.cli.rules.rules.callback = None
cli.cli.main = broken
cli.main(["rules"])
"""


@pytest.mark.parametrize(
    ("error", "code"), [("KeyError('x')", 70), ("MemoryError()", 2), ("OSError(5, 'x')", 2)]
)
def test_a_defect_has_a_code_of_its_own(error: str, code: int) -> None:
    script = DEFECT.replace('KeyError("x")', error)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code
    assert ("Traceback" in done.stderr) == (code == 70)


WAITING = """
import sys, time
from harness import cli
def wait(*_, **__):
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)  # what is done is kept
        print("kept", flush=True)
        raise
cli.cli.main = wait
cli.main([])
"""


@pytest.mark.parametrize(
    "numbers", [["SIGHUP"], ["SIGTERM"], ["SIGINT"], ["SIGHUP", "SIGTERM"], ["SIGTERM", "SIGHUP"]]
)
def test_signals_keep_what_is_done(numbers: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for name in numbers:
        process.send_signal(getattr(signal, name))
    output, errors = process.communicate(timeout=60)
    assert output == "kept\n" and process.returncode == ExitCode.INTERRUPTED, errors


def test_nohup_is_respected() -> None:
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", WAITING.replace("60", "1.5")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=60)[0] == b"" and process.returncode == 0


def test_a_terminal_that_goes_away(tmp_path: Path) -> None:
    """What is kept after a hang-up is kept although nothing can be printed any more."""
    kept = tmp_path / "kept"
    script = WAITING.replace(
        'print("kept", flush=True)', f'print("kept", flush=True); open({str(kept)!r}, "w")'
    )
    main, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    assert b"ready" in os.read(main, 100)
    os.close(main)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == ExitCode.INTERRUPTED and kept.exists()


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (["submit", "--system", "local"], "; finished runs are kept: continue with --resume"),
        (["data", "fetch"], "; what has arrived is kept: the same command goes on"),
        (["check", "lab"], ""),
    ],
)
def test_an_interruption_says_how_to_go_on(
    words: list[str], how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.cli.main", interrupted)
    monkeypatch.setattr("harness.cli._take_signals", lambda streams: None)
    with pytest.raises(SystemExit) as ended:
        cli_main(words)
    assert ended.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == f"\ninterrupted{how}\n"


@pytest.mark.parametrize("verb", [("doctor",), ("check", "."), ("run", "--system", "smoke")])
def test_a_current_folder_that_is_gone_is_said(verb: tuple[str, ...], tmp_path: Path) -> None:
    line = f'mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && PYTHONPATH={ROOT} "$@"'
    done = shell(line, *verb)
    assert done.returncode == ExitCode.USAGE
    assert "The current folder no longer exists" in done.stderr and "fix: change to one" in done.stderr


def test_python_without_docstrings_judges_the_same() -> None:
    with_them, without = shell('"$@"', *CHECK), shell('PYTHONOPTIMIZE=2 "$@"', *CHECK)
    assert (with_them.returncode, with_them.stdout) == (without.returncode, without.stdout)
    assert "Traceback" not in without.stderr
