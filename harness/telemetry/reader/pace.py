"""When samples were taken, as a fingerprint: the rhythm of a sampler differs from run to run by microseconds.

Scaling readings or moving a file in time leaves the steps between its samples; a file that was made from another one
shares them. Values of this fingerprint are comparable between files however long these are, and whichever of them was
cut at its beginning: of all windows of WINDOW steps, those with the smallest hashes are retained (bottom-k sketch,
Cohen and Kaplan 2007).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

WINDOW = 8  # steps: chance has to meet eight of them in a row; measured: no mark in common in 10,048 pairs of 143 files
# what a step is rounded to; measured: samples are late by 10 to 100 microseconds, each otherwise
STEP_S = 1e-6
MARKS = 64  # hashes that are retained
FEWEST = 16  # with fewer windows a file says too little
_BITS = np.uint64(11)  # hashes have 53 bits, which any reader of JSON keeps


def pace(times_s: Iterable[np.ndarray]) -> list[int]:
    """Up to MARKS hashes of windows of steps, ascending, of all sources together.

    `times_s` are the times of each source, ascending, in seconds since its file began (float64 [n]): times since
    1970 are too coarse. Windows that recur in the file are those of a clock without jitter and left out. Empty
    where fewer than FEWEST windows remain.
    """
    hashes = np.concatenate([np.empty(0, np.uint64), *map(_windows, times_s)])
    found, counts = np.unique(hashes, return_counts=True)
    once = found[counts == 1]
    return [int(mark) for mark in once[:MARKS]] if once.size >= FEWEST else []


def _windows(times_s: np.ndarray) -> np.ndarray:
    """A hash of each WINDOW successive steps of one source, uint64."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(np.diff(times_s) / STEP_S).astype(np.int64).astype(np.uint64)
    if steps.size < WINDOW:
        return np.empty(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(steps, WINDOW)
    hashes = np.zeros(len(windows), np.uint64)
    for column in windows.T:
        hashes = _mixed(hashes + column)
    shortened: np.ndarray = hashes >> _BITS
    return shortened


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood 2014) of uint64 values, which wrap around."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
