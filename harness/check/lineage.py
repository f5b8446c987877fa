"""Lineage: the weights of a run against those that its seed begins with, and against those of the runs before it.

Nothing but the weights and the seed is needed. Rules EVD070 to EVD073 judge the result.
"""

from __future__ import annotations

import hashlib

import numpy as np

from reference.tensorflow.weights import as_layers
from rules.model.evidence import KernelMove, Likeness, Lineage

SAMPLES = 4096  # numbers of a kernel that are remembered for comparing runs
ENOUGH = 2000  # numbers: the cosine of unrelated kernels of this size is below 0.1, four times its deviation


def kernel_moves(beginning: np.ndarray, end: np.ndarray) -> tuple[KernelMove, ...]:
    """Each kernel's way from its beginning to its end; both (weights,) float32, in the model's order."""
    first, last = as_layers(beginning), as_layers(end)
    return tuple(_move(first[at], last[at], last[at + 1] - first[at + 1]) for at in range(0, len(first), 2))


def _move(first: np.ndarray, last: np.ndarray, biases: np.ndarray) -> KernelMove:
    a, b = first.ravel().astype(np.float64), last.ravel().astype(np.float64)
    way = b - a
    return KernelMove(
        size=a.size,
        cosine=_cosine(a, b),
        moved=float(np.sqrt(np.mean(way**2))),
        farthest=float(np.abs(way).max()),
        drift=_cosine(a, way),
        bias_farthest=float(np.abs(biases).max()),
    )


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors; 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else 0.0


def plain_digest(weights: np.ndarray) -> str:
    """SHA-256 of the numbers as little-endian float32: what a run commits to after each epoch."""
    return hashlib.sha256(np.ascontiguousarray(weights, "<f4").data).hexdigest()


class Relatives:
    """Compares the weights of each run with those of the runs before it, on a sample of each kernel."""

    def __init__(self) -> None:
        self._runs: list[int] = []
        self._seen: list[np.ndarray] = []  # (runs, SAMPLES) float32 for each kernel, normalised

    def likest(self, run: int, weights: np.ndarray) -> Likeness | None:
        """The run before this one whose weights are most like these; None for the first."""
        mine = [_sample(layer) for layer in as_layers(weights)[::2] if layer.size >= ENOUGH]
        found: Likeness | None = None
        if self._runs:
            cosines = np.array([seen @ one for seen, one in zip(self._seen, mine, strict=True)])
            each = np.abs(cosines).max(axis=0)
            at = int(each.argmax())
            found = Likeness(self._runs[at], float(each[at]))
        self._runs.append(run)
        rows = [one[np.newaxis] for one in mine]
        self._seen = (
            [np.concatenate(pair) for pair in zip(self._seen, rows, strict=True)] if self._seen else rows
        )
        return found


def _sample(kernel: np.ndarray) -> np.ndarray:
    """Numbers spread evenly over a kernel, as a vector of length 1."""
    flat = kernel.ravel()
    taken = flat[np.linspace(0, flat.size - 1, min(flat.size, SAMPLES)).astype(np.int64)].astype(np.float64)
    length = np.linalg.norm(taken)
    return (taken / length if length > 0 else taken).astype(np.float32)


def lineage(
    run: int, weights: np.ndarray, beginning: np.ndarray | None, why: str | None, relatives: Relatives
) -> Lineage:
    """The lineage of one run; `why` says why there is no beginning."""
    return Lineage(
        kernels=() if beginning is None else kernel_moves(beginning, weights),
        likest=relatives.likest(run, weights),
        weights_digest=plain_digest(weights),
        parameters=int(weights.size),
        reason=why,
    )
