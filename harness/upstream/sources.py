"""What upstream's program leaves behind: an MLLOG file, a file of run times, its configuration, what Keras printed.

Only the MLLOG file is always there. mllog appends to it, so one file may hold several runs. Version 1.1 logs run_start;
the version before it and its forks begin with submission_benchmark. The file of run times has
one line per pass ("CloudMask training, samples = 970, epochs=1, ..., time_per_epoch=98.80"); the times in it are
divided by the epochs that were configured, also where early stopping ended the training before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from harness.core.errors import UserError
from harness.core.files import sha256
from harness.untrusted.documents import Unreadable, read_bytes, read_yaml
from harness.untrusted.logs import TOKEN, parse_log
from rules.model.log import Log

MAX_TEXT_BYTES = 64 << 20
MAX_RUNS = 1000
MAX_EPOCHS = 100_000
_BEGIN = re.compile(rb'"key": ?"(run_start|submission_benchmark|run_stop)"')
_PASS = re.compile(r"CloudMask (training|inference), (.{0,2000})\Z")
_PAIR = re.compile(r"([a-z_]{1,40}) ?= ?([0-9.eE+-]{1,30})(?:,|\s|\Z)")
_EPOCH = re.compile(r"Epoch (\d{1,6})/(\d{1,6})\s*\Z")
_MEASURE = re.compile(r"\b(val_loss|val_accuracy|accuracy|loss): ([0-9.eE+-]{1,30})")


@dataclass(frozen=True)
class Part:
    """One run of an MLLOG file: its lines from the token on, unchanged, and the log read from them."""

    text: bytes
    log: Log


@dataclass(frozen=True)
class Passes:
    """The numbers of the file of run times, one per pass: by name, as written."""

    training: list[dict[str, float]] = field(default_factory=list)
    inference: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Console:
    """What Keras printed: the measures of each epoch that ended, and how many were asked for."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    planned: int | None = None


@dataclass(frozen=True)
class Source:
    """A file that was read: what it is, its name, size and digest."""

    kind: str
    name: str
    bytes: int
    sha256: str


def source(kind: str, path: Path) -> Source:
    """The file as the record of an import names it. Raises UserError when it cannot be read."""
    try:
        return Source(kind, path.name, path.stat().st_size, sha256(path))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.", "check name and permissions.") from error


def read_parts(path: Path) -> list[Part]:
    """The runs of an MLLOG file. Another one begins with run_start or submission_benchmark, when the one before has
    had that already or has ended.

    Lines without the token are left out. Raises UserError when there is no line with it, or too many runs.
    """
    parts: list[list[bytes]] = [[]]
    had: set[bytes] = set()
    for raw in _bytes(path).splitlines():
        at = raw.rfind(TOKEN)
        if at < 0:
            continue
        line = raw[at:].rstrip()
        found = _BEGIN.search(line)
        key = found[1] if found else b""
        if key and key != b"run_stop" and had & {key, b"run_stop"}:
            parts.append([])
            had = set()
        had.add(key)
        parts[-1].append(line)
    if not parts[0]:
        raise UserError(
            f"{path} holds no line with :::MLLOG.",
            "name the file that the configuration calls mlperf_logfile.",
        )
    if len(parts) > MAX_RUNS:
        raise UserError(f"{path} holds more than {MAX_RUNS} runs.", "divide the file.")
    texts = [b"\n".join(lines) + b"\n" for lines in parts]
    return [Part(text, parse_log(text, path.name)) for text in texts]


def read_passes(path: Path) -> Passes:
    """The file of run times (log_file in the configuration). Raises UserError where no line is one of its lines."""
    found = Passes()
    for line in _bytes(path).decode("utf-8", "replace").splitlines():
        match = _PASS.search(line.strip())
        if match:
            numbers = {
                name: value for name, text in _PAIR.findall(match[2]) if (value := _number(text)) is not None
            }
            (found.training if match[1] == "training" else found.inference).append(numbers)
    if not found.training and not found.inference:
        raise UserError(
            f"{path} holds no line of upstream's run times.",
            "name the file that the configuration calls log_file, or leave --runtimes out.",
        )
    return found  # fmt: skip


def read_console(path: Path) -> list[Console]:
    """What Keras printed, one value per training. Raises UserError where it printed no epoch."""
    found: list[Console] = []
    for line in re.split(r"[\r\n\b]+", _bytes(path).decode("utf-8", "replace")):
        match = _EPOCH.match(line.strip())
        if match and int(match[1]) == 1:
            found.append(Console([], int(match[2])))
        measures = {
            name: value for name, text in _MEASURE.findall(line) if (value := _number(text)) is not None
        }
        if found and "val_loss" in measures and len(found[-1].epochs) < MAX_EPOCHS:
            found[-1].epochs.append(measures)
    if not found:
        raise UserError(
            f"{path} holds no epoch as Keras prints it.",
            "name what the program printed, or leave --console out.",
        )
    return found  # fmt: skip


def read_config(path: Path) -> dict[str, Any]:
    """Upstream's configuration. Raises UserError when it is not a plain YAML mapping."""
    try:
        return read_yaml(path)
    except Unreadable as error:
        raise UserError(
            f"{path}: {error}.", "name upstream's cloudMaskConfig.yaml, or leave --config out."
        ) from None


def _bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, MAX_TEXT_BYTES)
    except Unreadable as error:
        raise UserError(f"Cannot read {path}: {error}.", "check the name.") from None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None
