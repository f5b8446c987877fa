"""What a run says: MLLOG lines for the result log, :::PROGRESS lines for the live display."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

PROGRESS_TOKEN = ":::PROGRESS "
PROGRESS_INTERVAL_S = 0.2


class RunLog:
    """MLLOG through mlperf_logging; silent on every worker but the chief."""

    def __init__(self, enabled: bool = True) -> None:
        from mlperf_logging import mllog

        # mllog puts root_dir into a regular expression.
        root = re.escape(str(Path(__file__).resolve().parents[2]))
        # One frame of ours lies between the caller and mllog: look past it for file and line.
        mllog.config(default_stack_offset=2, root_dir=root)
        self._logger = mllog.get_mllogger()
        self._enabled = enabled

    def start(self, key: str, **metadata: Any) -> None:
        if self._enabled:
            self._logger.start(key, metadata=metadata)

    def end(self, key: str, **metadata: Any) -> None:
        if self._enabled:
            self._logger.end(key, metadata=metadata)

    def event(self, key: str, value: Any, **metadata: Any) -> None:
        """A value. What is not finite is logged as null, never as NaN (which is no JSON)."""
        if self._enabled:
            self._logger.event(key, finite(value), metadata=metadata)


class Progress:
    """At most five :::PROGRESS lines per second; the first and forced ones always get through."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._last_s = -math.inf

    def due(self) -> bool:
        """Whether a line would be printed now (reading a loss off a device costs time)."""
        return self._enabled and time.monotonic() - self._last_s >= PROGRESS_INTERVAL_S

    def say(self, phase: str, force: bool = False, **values: Any) -> None:
        if not self._enabled or not (force or self.due()):
            return
        self._last_s = time.monotonic()
        said = {key: finite(value) for key, value in values.items()}
        line = {"phase": phase, **{key: value for key, value in said.items() if value is not None}}
        print(PROGRESS_TOKEN + json.dumps(line), flush=True)


def finite(value: Any) -> Any:
    """The same value with NaN and infinity replaced by None, inside dicts and lists too."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up chatter off the run's output. Call before importing it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
