"""Lineage: the weights of a run against those that its seed begins with, and against those of the runs before it.

Nothing but the weights and the seed is needed. Rules EVD070 to EVD073, EVD082 and EVD083 judge the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

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
        alignment=_alignment(last - first),
    )


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors; 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else 0.0


def _alignment(way: np.ndarray) -> float:
    """How much of a kernel's way (height, width, in, out) is along one direction, over how much of noise would be.

    The share of the largest squared singular value, of the kernel as a matrix of outputs. Of an m x n matrix of
    independent numbers it is (sqrt(m) + sqrt(n))^2 / mn (Marchenko and Pastur 1967), so noise has 1. Gradients are
    sums of a few outer products, of what comes into a layer and what went wrong behind it: their sums are aligned.
    0 for a way of no length.
    """
    matrix = way.reshape(-1, way.shape[-1]).astype(np.float64)
    m, n = matrix.shape
    squares = np.linalg.eigvalsh(matrix.T @ matrix)  # of the singular values, in rising order
    whole = float(squares.sum())
    return float(squares[-1]) / whole * m * n / (np.sqrt(m) + np.sqrt(n)) ** 2 if whole > 0 else 0.0


def plain_digest(weights: np.ndarray) -> str:
    """SHA-256 of the numbers as little-endian float32: what a run commits to after each epoch."""
    return hashlib.sha256(np.ascontiguousarray(weights, "<f4").data).hexdigest()


class Relatives:
    """Compares the weights of each run with those of the runs before it, on a sample of each kernel.

    `over_kernels` makes one cosine of those of the kernels (kernels, runs), along the first axis.
    """

    def __init__(self, over_kernels: Callable[..., np.ndarray] = np.max) -> None:
        self._over_kernels = over_kernels
        self._runs: list[int] = []
        self._seen: list[np.ndarray] = []  # (runs, SAMPLES) float32 for each kernel, normalised

    def likest(self, run: int, weights: np.ndarray) -> Likeness | None:
        """The run before this one whose weights are most like these; None for the first."""
        mine = [_sample(layer) for layer in as_layers(weights)[::2] if layer.size >= ENOUGH]
        found: Likeness | None = None
        if self._runs:
            cosines = np.array([seen @ one for seen, one in zip(self._seen, mine, strict=True)])
            each = self._over_kernels(np.abs(cosines), axis=0)
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


@dataclass(frozen=True)
class Family:
    """The runs of a package that were looked at: their weights, and their ways from beginning to end."""

    weights: Relatives = field(default_factory=Relatives)
    ways: Relatives = field(default_factory=lambda: Relatives(np.median))


def lineage(
    run: int, weights: np.ndarray, beginning: np.ndarray | None, why: str | None, family: Family
) -> Lineage:
    """The lineage of one run; `why` says why there is no beginning."""
    found = Lineage(
        likest=family.weights.likest(run, weights),
        weights_digest=plain_digest(weights),
        parameters=int(weights.size),
        reason=why,
    )
    if beginning is None:
        return found
    return replace(
        found,
        kernels=kernel_moves(beginning, weights),
        likest_way=family.ways.likest(run, weights - beginning),
    )
