"""What a run prints: MLLOG lines for the result log, :::PROGRESS lines for the live display."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path
from typing import Any

from mlperf_logging import mllog

PROGRESS_TOKEN = ":::PROGRESS "
PROGRESS_INTERVAL_S = 0.2


class RunLog:
    """MLLOG lines through mlperf_logging; a disabled log (every worker but the chief) prints nothing."""

    def __init__(self, enabled: bool = True) -> None:
        # mllog uses root_dir as a regular expression.
        root = re.escape(str(Path(__file__).resolve().parents[2]))
        # One frame of this class lies between the caller and mllog: look past it for file and line.
        mllog.config(default_stack_offset=2, root_dir=root)
        self._logger = mllog.get_mllogger()
        self.enabled = enabled

    def start(self, key: str, **metadata: Any) -> None:
        """Log the start of an interval, such as `run_start`."""
        if self.enabled:
            self._logger.start(key, metadata=metadata)

    def end(self, key: str, **metadata: Any) -> None:
        """Log the end of an interval, such as `run_stop`."""
        if self.enabled:
            self._logger.end(key, metadata=metadata)

    def event(self, key: str, value: Any, **metadata: Any) -> None:
        """Log a value. Values that are not finite are logged as null: NaN is not valid JSON."""
        if self.enabled:
            self._logger.event(key, finite(value), metadata=metadata)


class Progress:
    """Prints at most five :::PROGRESS lines per second; the first and forced ones are always printed."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._last_s = -math.inf

    def due(self) -> bool:
        """Whether a line would be printed now (reading a loss from a device takes time)."""
        return self._enabled and time.monotonic() - self._last_s >= PROGRESS_INTERVAL_S

    def say(self, phase: str, force: bool = False, **values: Any) -> None:
        """Print a line with these values, if one is due or forced. Values that are None are left out."""
        if not self._enabled or not (force or self.due()):
            return
        self._last_s = time.monotonic()
        shown = {key: finite(value) for key, value in values.items()}
        line = {"phase": phase, **{key: value for key, value in shown.items() if value is not None}}
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
