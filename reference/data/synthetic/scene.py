"""One synthetic scene: a random place and weather, with ground, clouds and sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.synthetic.clouds import KINDS, Deck, decks, make_layers, total_thickness
from reference.data.synthetic.fields import Shape
from reference.data.synthetic.sensor import bayesian_mask, observe
from reference.data.synthetic.steady import power
from reference.data.synthetic.style import CONTEXT, Style
from reference.data.synthetic.surfaces import Place, make_ground

NIGHT_EVERY = 3  # every third scene or so is a night scene


@dataclass
class SyntheticScene:
    """Arrays as they are stored, and how the scene was made."""

    refs: np.ndarray  # (H, W, 6) float32
    bts: np.ndarray  # (H, W, 3) float32, K
    bayes: np.ndarray  # (H, W, 1) uint8
    surface: np.ndarray  # (H, W) uint8
    place: Place
    weather: str


def make_scene(rng: np.random.Generator, shape: Shape, number: int, style: Style = CONTEXT) -> SyntheticScene:
    """The scene of this number. Weather and daylight alternate, so that small sets have all kinds.

    `shape` is (height, width) in pixels.
    """
    place = _draw_place(rng, number, style)
    weather = _weather(number, place)
    ground = make_ground(rng, shape, place, style.patches)
    land = (ground.surface == 1).astype(np.float32)
    layers = make_layers(rng, shape, weather, ground.elevation_km, land, style.clouds)
    wanted = _wanted_fraction(rng, number, style)
    low, high = style.clouds.cover_scales
    made: list[Deck] = []
    for _ in range(style.clouds.cover_steps):
        scale = (low * high) ** 0.5
        made = decks(layers, scale, style.clouds)
        covered = float(np.mean(total_thickness(made) > style.errors.thickness))
        low, high = (scale, high) if covered < wanted else (low, scale)
    image = observe(rng, shape, place, ground, made, style.light)
    mask = bayesian_mask(rng, place, ground, made, image.glint, style.errors)
    image_refs, bts, mask = _with_gaps(rng, image.refs, image.bts, mask)
    return SyntheticScene(image_refs, bts, mask[..., None], ground.surface, place, weather)


def _draw_place(rng: np.random.Generator, number: int, style: Style) -> Place:
    polar = number % 9 == 3
    low, high = style.place.polar_latitudes if polar else style.place.latitudes
    latitude = float(rng.uniform(low, high)) * float(rng.choice([-1.0, 1.0]))
    kinds = style.place.land_fractions
    land = kinds[int(rng.integers(len(kinds)))] * float(rng.uniform(0.6, 1.15))
    return Place(
        latitude=latitude,
        longitude=float(rng.uniform(-180, 180)),
        daylight=number % NIGHT_EVERY != NIGHT_EVERY - 1,
        sun_azimuth=float(rng.uniform(-0.6, 0.6) + (np.pi if latitude < 0 else 0) + 0.6),
        land_fraction=min(land, 0.95),
        polar=polar,
        arid=not polar and abs(latitude) < 35 and bool(rng.random() < 0.6),
    )


def _weather(number: int, place: Place) -> str:
    """Kinds alternate: all eight in any eight scenes, each by day and by night in any 24."""
    kinds = list(KINDS)
    warm = abs(place.latitude) < 40
    unfit = {"cyclone", "streets"} if abs(place.latitude) < 25 else set() if warm else {"convection"}
    turns = (kinds[(3 * number + step) % len(kinds)] for step in range(len(kinds)))
    return next(kind for kind in turns if kind not in unfit)


def _wanted_fraction(rng: np.random.Generator, number: int, style: Style) -> float:
    """Cloud fractions spread evenly over consecutive scenes (a van der Corput sequence in base 2)."""
    low, high = style.clouds.fractions
    position, base, n = 0.0, 0.5, number + 1
    while n:
        position += base * (n & 1)
        n, base = n >> 1, base / 2
    wanted = low + (high - low) * np.clip(position + rng.uniform(-0.05, 0.05), 0, 1)
    return float(np.clip(wanted, 0, 1))


def _with_gaps(
    rng: np.random.Generator, refs: np.ndarray, bts: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add zero borders with a slanted edge, as scenes of the curved swath have, and a few missing lines."""
    height, width = mask.shape
    refs, bts, mask = refs.copy(), bts.copy(), mask.copy()
    for _ in range(int(rng.random() < 0.35)):
        row, start = int(rng.integers(height)), int(rng.integers(width))
        part = slice(start, min(width, start + width // 4))
        bts[row, part] = np.nan
        refs[row, part] = np.nan
    # The swath is curved: one side reaches so far into the scene that training patches show it too.
    rows = np.arange(height) / height
    taper = rows if rng.random() < 0.5 else 1 - rows
    sides = [0.006 + 0.006 * (rows - 0.4) ** 2, 0.01 + rng.uniform(0.07, 0.17) * power(taper, 1.5)]
    left, right = (width * side for side in (sides if rng.random() < 0.5 else sides[::-1]))
    columns = np.arange(width)
    empty = (columns[None, :] < left[:, None]) | (columns[None, :] >= width - right[:, None])
    refs[empty], bts[empty], mask[empty] = 0, 0, 0
    return refs.astype(np.float32), bts.astype(np.float32), mask
