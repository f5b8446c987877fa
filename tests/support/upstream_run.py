"""Files as upstream's program leaves them behind: its sequence of MLLOG events, run times, configuration, console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

START_MS = 1_690_000_000_000
TRAINING_S, INFERENCE_S = 1420, 160
CONFIG = """\
benchmark: CloudMask
organisation: STFC
seed: 1234
learning_rate: 0.001
epochs: 3
batch_size: 32
train_split: 0.8
PATCH_SIZE: 256
CROP_SIZE: 80
no_cache: False
"""


RESULT = {"training": {"val_accuracy": 0.88213, "history": {"val_accuracy": [0.85, 0.88213]}}}


def log_text(runs: int = 1, fork: bool = False, **other: Any) -> str:
    """The MLLOG lines of some runs in one file, each a day after the one before; `other` values by key.

    A fork (University of Virginia, 2022) begins without run_start; NYU's also logs `result` before run_stop and the
    status after it, when `other` has a result.
    """
    events = [event for event in _EVENTS if not (fork and event[2] == "run_start")]
    if "result" in other:
        events.insert(-1, (events[-1][0], "POINT_IN_TIME", "result", None, {}))
        events.append((events[-1][0], "POINT_IN_TIME", "submission_status", "success", {}))
    lines = []
    for run in range(runs):
        at = START_MS + run * 86_400_000
        lines += [
            _line(at + ms, kind, key, other.get(key, value), more) for ms, kind, key, value, more in events
        ]
    return "".join(lines)


_EVENTS: list[tuple[int, str, str, Any, dict[str, Any]]] = [
    (0, "INTERVAL_END", "run_start", "begin", {}),  # sic
    (1, "POINT_IN_TIME", "submission_benchmark", "CloudMask", {}),
    (1, "POINT_IN_TIME", "submission_org", "STFC", {}),
    (1, "POINT_IN_TIME", "submission_division", "SciML", {}),
    (1, "POINT_IN_TIME", "submission_status", "research", {}),
    (2, "POINT_IN_TIME", "submission_platform", "a DGX-2", {}),
    (2, "INTERVAL_START", "init_start", None, {}),
    (2, "POINT_IN_TIME", "number_of_ranks", 1, {}),
    (2, "POINT_IN_TIME", "number_of_nodes", 1, {}),
    (2, "POINT_IN_TIME", "accelerators_per_node", 16, {}),
    (3, "INTERVAL_END", "init_stop", None, {}),
    (4, "POINT_IN_TIME", "eval_start", "Start: Taining", {}),  # sic
    (4 + TRAINING_S * 1000, "POINT_IN_TIME", "eval_stop", "Stop: Training", {}),
    (5 + TRAINING_S * 1000, "POINT_IN_TIME", "eval_start", "Start: Inference", {}),
    (5 + (TRAINING_S + INFERENCE_S) * 1000, "POINT_IN_TIME", "eval_stop", "Stop: Inference", {}),
    (6 + (TRAINING_S + INFERENCE_S) * 1000, "INTERVAL_END", "run_stop", "end", {"status": "success"}),
]  # fmt: skip


def write(folder: Path, runs: int = 1, epochs_done: int = 3) -> dict[str, Path]:
    """The four files, by the option that names each (log: the argument)."""
    texts = {
        "log": ("mlperf_cloudmask.log", log_text(runs)),
        "runtimes": ("cloudMask_Log", _runtimes() * runs),
        "console": ("output.log", _console(epochs_done) * runs),
        "config": ("cloudMaskConfig.yaml", CONFIG),
    }
    paths = {}
    for option, (name, text) in texts.items():
        paths[option] = folder / name
        paths[option].write_text(text)
    return paths


def _line(at_ms: int, kind: str, key: str, value: Any, more: dict[str, Any]) -> str:
    metadata = {"file": "slstr_cloud.py", "lineno": 1, **more}
    event = {
        "namespace": "",
        "time_ms": at_ms,
        "event_type": kind,
        "key": key,
        "value": value,
        "metadata": metadata,
    }
    return f":::MLLOG {json.dumps(event)}\n"  # fmt: skip


def _runtimes() -> str:
    common = "bs=32, nodes=1, gpus=1"
    return (
        f"CloudMask training, samples = 970, epochs=3, {common}, time_per_epoch={TRAINING_S / 3:.2f}\n"
        f"CloudMask inference, inferences=100, {common}, time_per_inference={INFERENCE_S / 100:.2f}\n"
    )


def _console(epochs: int) -> str:
    text = "num_samples:  970\n"
    for epoch in range(1, epochs + 1):
        text += f"Epoch {epoch}/3\n485/485 [====] - 473s - loss: 0.31 - accuracy: 0.87 - val_loss: 0.29"
        text += f" - val_accuracy: 0.88{epoch}0\n"
    return text
