"""The harness' own MLLOG lines, written by mlperf_logging's logger into a callback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from mlperf_logging.mllog import constants
from mlperf_logging.mllog.mllog import MLLogger

TOKEN = ":::MLLOG "
SOURCE_ROOT = Path(__file__).resolve().parents[2]


class _Callback(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(record.getMessage())


def logger_to(write: Callable[[str], None]) -> MLLogger:
    """An MLLogger each of whose lines is handed to `write`, one line at a time, without newline."""
    logger = logging.Logger("cloudmask-harness", logging.INFO)
    logger.addHandler(_Callback(write))
    return MLLogger(logger, root_dir=str(SOURCE_ROOT))


__all__ = ["TOKEN", "constants", "logger_to"]
