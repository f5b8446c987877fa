"""The air of a synthetic scene: temperature, water vapour, haze and the size of cloud droplets.

As smooth fields they differ within a scene as air masses do, by as much as thin cloud and clear sky differ, so that no
fixed threshold serves a whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.synthetic.fields import Field, Shape, fractal
from reference.data.synthetic.steady import exp

DEVIATION_K = 2.5
HAZE, MOST_HAZE = 0.21, 0.8


@dataclass(frozen=True)
class Air:
    """Fields (H, W), or one number for the whole scene."""

    near_ground_k: Field | float
    vapour: Field | float  # 0 dry .. 3 tropics
    haze: Field | float = 0.0  # share of the contrast that is lost in S1
    droplets: Field | float = (
        1.0  # how much of their usual effect they have at 1.6, 2.3 and 3.7 um, by their size
    )


def make_even_air(rng: np.random.Generator, mean_k: float) -> Air:
    """Air that is the same all over a scene."""
    return Air(mean_k, float(np.clip(_vapour(rng, mean_k), 0.1, 3.2)))


def make_air(rng: np.random.Generator, shape: Shape, mean_k: float) -> Air:
    """Air whose temperature near the ground is `mean_k` on average; shape (height, width)."""
    vapour = _vapour(rng, mean_k) * exp(0.35 * fractal(rng, shape, 2.0, 0.7))
    return Air(
        near_ground_k=mean_k + DEVIATION_K * fractal(rng, shape, 2.2, 0.8),
        vapour=np.clip(vapour, 0.1, 4.0).astype(np.float32),
        haze=np.clip(HAZE * (0.7 + fractal(rng, shape, 2.5, 0.5)), 0, MOST_HAZE),
        droplets=np.clip(1 + 0.45 * fractal(rng, shape, 2.0, 0.4), 0.2, 2),
    )


def _vapour(rng: np.random.Generator, mean_k: float) -> float:
    return float(3.0 * exp((mean_k - 302) / 14) * rng.uniform(0.7, 1.2))
