"""Pale patches of some ten pixels in the ground: salt, sand, stubble, old snow.

They are as bright, as grey and nearly as cold as low cloud, so that a single pixel seldom tells which it is; they are
smaller than clouds and without their edges, so that its surroundings do. Pale ground is cooler than dark ground by day,
since it takes up less sunlight, and dry ground is cooler than moist ground at night; quartz sand emits as little as 0.7
at 3.7 um, other soils 0.9 and more (ASTER spectral library, Baldridge et al. 2009, doi:10.1016/j.rse.2008.11.007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.synthetic.fields import Field, Shape, fractal, smoothstep
from reference.data.synthetic.steady import exp

SLOPE, LONGEST, SHORTEST = 2.4, 0.03, 0.014  # of the patches, in scene heights
OVER_WATER = 0.15  # foam, ice and turbid water: as much of it
PALE = (0.42, 0.42, 0.42, 0.004, 0.34, 0.22)  # reflectance in S1..S6 of the palest ground
SHARE_PALE = 0.95
BRIGHTEST = 0.95
COOLER_BY_DAY_K = 36.0
COOLER_AT_NIGHT_K = 16.0
DIM_BY_DAY_K, DIM_AT_NIGHT_K = (0.0, -6.0), (10.0, 13.0)  # in S7, where the ground is pale, and by its grain
HUE, MOISTURE = 0.7, 0.7  # how much colours of patches vary where water absorbs, in logarithms
USUAL = 0.35  # how pale ground is on average: its temperature stays as it is

Dimness = tuple[Field | float, Field | float, Field | float]  # (H, W) each, K, in S7, S8, S9


@dataclass(frozen=True)
class Patched:
    """What of the ground the patches change."""

    refs: Field  # (H, W, 6)
    temperature: Field  # (H, W) skin, K
    dim_k: Dimness  # how much colder it looks than it is, because it emits less


def patch(rng: np.random.Generator, refs: Field, temperature: Field, land: Field, daylight: bool) -> Patched:
    """Ground with patches. `refs` (H, W, 6), `temperature` (H, W) in K, `land` (H, W) bool."""
    shape = temperature.shape
    strength = np.where(land, 1.0, OVER_WATER).astype(np.float32)
    pale = strength * smoothstep(_patches(rng, shape) + 0.35 * fractal(rng, shape, 2.0, 0.6), -1.1, 0.9)
    shade, hue, moisture = (_patches(rng, shape) for _ in range(3))
    none = np.zeros_like(hue)
    tint = np.stack(
        [0.25 * moisture, none, -0.15 * moisture, none, HUE * hue, 0.25 * hue + MOISTURE * moisture], axis=-1
    )
    refs = refs * exp(strength[..., None] * tint)
    refs = refs + (np.array(PALE, np.float32) * exp(tint) - refs) * (SHARE_PALE * pale)[..., None]
    refs = np.minimum(refs * exp(0.25 * shade * strength)[..., None], BRIGHTEST)
    cooler_k = COOLER_BY_DAY_K if daylight else COOLER_AT_NIGHT_K
    grain = shade * strength
    # By day, what pale ground emits less at 3.7 um it reflects of the sun.
    for_pale, for_grain = DIM_BY_DAY_K if daylight else DIM_AT_NIGHT_K
    dim_k = (
        for_pale * pale + for_grain * grain,
        0.8 * pale + 0.3 * grain,
        0.4 * pale - 0.3 * grain,
    )
    return Patched(
        refs.astype(np.float32),
        (temperature - cooler_k * (pale - USUAL * strength)).astype(np.float32),
        dim_k,
    )


def _patches(rng: np.random.Generator, shape: Shape) -> Field:
    return fractal(rng, shape, SLOPE, LONGEST, SHORTEST)
