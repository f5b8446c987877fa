"""Environment variables that TensorFlow reads when it is imported."""

from __future__ import annotations

import os
import sys


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up messages out of the run's output. Call this before importing TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
