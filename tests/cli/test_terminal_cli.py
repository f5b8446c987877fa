"""What commands print in a terminal of 60, 80 and 120 columns: lines that fit, words that are whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.waiting import HANG_S

COMMANDS = (
    ["check", "--help"],
    ["rules", "list", "--group", "TIM"],
    ["rules", "explain", "TIM001"],
    ["rules", "explain", "TIM00X"],
    ["times", "submissions/examples"],
    ["score", "submissions/examples"],
    ["rcp", "list"],
)
WORD = re.compile(r"[a-z]{4,}")


def in_terminal(arguments: list[str], columns: int) -> str:
    """What a command prints into a terminal that wide."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    given = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "harness", *arguments]
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, cwd=ROOT, env={**given, "TERM": "xterm"}
    ) as child:
        os.close(theirs)
        read = b""
        with contextlib.suppress(OSError):  # Linux says so where the other end is closed
            while part := os.read(ours, 65_536):
                read += part
        child.wait(HANG_S)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_and_words_are_whole(arguments: list[str], columns: int) -> None:
    said = in_terminal(arguments, columns)
    commands = [line for line in said.split("\n") if line.strip().startswith("cloudmask ")]
    long = [line for line in said.split("\n") if len(line) > columns and line not in commands]
    assert said and long == []
    whole = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert WORD.findall(said) == WORD.findall(whole.stdout + whole.stderr), "the same words, none broken"


def test_a_pipe_gets_whole_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "rules", "list", "--group", "TIM"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert all(re.match(r"TIM\d{3} |\d+ rules", line) for line in done.stdout.splitlines())
