"""One telemetry file as the summary that rules read, over the timed window of its run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.untrusted.documents import Unreadable
from harness.untrusted.hdf5_guard import Reader
from rules.model.evidence import Telemetry

Window = tuple[int | None, int | None, int | None]  # run_start, run_stop and init_start, ms since the epoch


def summarise(path: Path, shown: str, window: Window, reader: Reader) -> Telemetry:
    """Summary of a sampler file within run_start..run_stop. Raises Unreadable when it is not telemetry."""
    start_s, stop_s, init_s = (None if at is None else at / 1000 for at in window)
    if start_s is None or stop_s is None or stop_s <= start_s:
        start_s = stop_s = init_s = None
    if init_s is not None and start_s is not None and init_s >= start_s:
        init_s = None
    try:
        return replace(reader.summary(path, start_s, stop_s, init_s), path=shown)
    except ValueError as error:
        raise Unreadable(" ".join(str(error).split())[:200]) from None
