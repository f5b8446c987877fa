"""Environment variables that TensorFlow reads when it is imported."""

from __future__ import annotations

import os
import sys


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up messages out of the run's output, and let HDF5 lock no files.

    Call this before importing TensorFlow or h5py."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")  # Keras saves weights where there may be no locks
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
