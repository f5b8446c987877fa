"""The ground of a synthetic scene: sea, land and ice with reflectance, skin temperature and height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.synthetic import mosaic
from reference.data.synthetic.air import Air, make_air, make_even_air
from reference.data.synthetic.fields import (
    Field,
    Shape,
    blur,
    cells,
    fractal,
    grid,
    sample,
    smoothstep,
    swirled,
)
from reference.data.synthetic.mosaic import Dimness
from reference.data.synthetic.steady import cos, exp, power, quantiles, sin

OCEAN, LAND, ICE = 0, 1, 2

# Reflectance in S1..S6 (0.555, 0.659, 0.865, 1.375, 1.61, 2.25 um), from typical spectra.
SEA = (0.055, 0.035, 0.022, 0.001, 0.010, 0.006)
SHALLOW = (0.10, 0.055, 0.028, 0.001, 0.012, 0.008)
FOREST = (0.050, 0.036, 0.20, 0.002, 0.105, 0.05)
GRASS = (0.080, 0.075, 0.26, 0.002, 0.20, 0.11)
SOIL = (0.13, 0.17, 0.25, 0.003, 0.33, 0.27)
SAND = (0.22, 0.32, 0.40, 0.004, 0.50, 0.44)
SNOW = (0.80, 0.80, 0.74, 0.012, 0.14, 0.08)
SEA_ICE = (0.60, 0.58, 0.50, 0.004, 0.10, 0.06)


@dataclass(frozen=True)
class Place:
    """Where and when a scene was taken, which determines temperatures and vegetation."""

    latitude: float
    longitude: float
    daylight: bool
    sun_azimuth: float  # radians, image coordinates
    land_fraction: float
    polar: bool
    arid: bool


@dataclass
class Ground:
    """The surface of a scene; fields are (H, W) unless stated otherwise."""

    surface: Field  # uint8: OCEAN, LAND or ICE
    refs: Field  # (H, W, 6)
    temperature: Field  # skin, K
    air_k: float  # near the surface, scene mean
    elevation_km: Field
    dim_k: Dimness  # how much colder it looks than it is in S7, S8, S9
    air: Air


def make_ground(rng: np.random.Generator, shape: Shape, place: Place, patches: bool) -> Ground:
    """Coastlines, mountains, vegetation, pale patches, sea fronts and, in polar places, snow and broken ice."""
    relief = _relief(rng, shape)
    level = quantiles(relief, 1 - place.land_fraction) if place.land_fraction > 0 else relief.max() + 1
    height = relief - level
    land = height > 0
    elevation = np.where(land, 0.05 + 0.55 * power(np.maximum(height, 0), 1.5), 0).astype(np.float32)
    ridges = 1.3 - np.abs(fractal(rng, shape, 2.0, 0.12)) - 0.5 * np.abs(fractal(rng, shape, 1.8, 0.04))
    elevation *= 0.45 + 0.75 * np.clip(ridges, 0, None)

    warmth = abs(place.latitude) / 90
    air_k = float(301 - 44 * warmth**1.6 + rng.normal(0, 1.0))
    sea_k, sea_refs = _sea(rng, shape, height, air_k)
    land_k, land_refs, snow = _land(rng, shape, place, elevation, air_k)
    refs = np.where(land[..., None], land_refs, sea_refs)
    temperature = np.where(land, land_k, sea_k).astype(np.float32)
    surface = np.where(land, np.where(snow > 0.5, ICE, LAND), OCEAN).astype(np.uint8)
    if place.polar:
        surface, refs, temperature = _sea_ice(rng, shape, land, surface, refs, temperature)
    if not patches:
        air, bare = make_even_air(rng, air_k), (0.0, 0.0, 0.0)
        return Ground(surface, refs.astype(np.float32), temperature, air_k, elevation, bare, air)
    air = make_air(rng, shape, air_k)
    warmed = temperature + (air.near_ground_k - air_k)
    patched = mosaic.patch(rng, refs, warmed, land, place.daylight)
    return Ground(surface, patched.refs, patched.temperature, air_k, elevation, patched.dim_k, air)


def _relief(rng: np.random.Generator, shape: Shape) -> Field:
    """A landscape whose coast is rough in some places and smooth in others."""
    base = fractal(rng, shape, 2.4, 1.4)
    rough = fractal(rng, shape, 1.75, 0.2)
    where = smoothstep(fractal(rng, shape, 2.2, 0.8), -0.6, 1.2)
    y, x = swirled(rng, shape, 0.02, 0.2, 2)
    return sample(base + 0.16 * rough * where, y, x)


def _sea(rng: np.random.Generator, shape: Shape, height: Field, air_k: float) -> tuple[Field, Field]:
    y, x = swirled(rng, shape, 0.10, 0.25)
    eddies = sample(fractal(rng, shape, 2.0, 0.6), y, x)
    gradient = grid(shape)[0] - 0.5
    temperature = np.maximum(air_k + 1.0 + 1.6 * eddies + 5.0 * gradient, 271.4)
    green = smoothstep(sample(fractal(rng, shape, 1.8, 0.5), y, x), 0.3, 2.2)
    shallow = np.clip(exp(height / 0.06), 0, 1) * 0.7 + 0.25 * green
    return temperature.astype(np.float32), _mix(SEA, SHALLOW, np.clip(shallow, 0, 1))


def _land(
    rng: np.random.Generator, shape: Shape, place: Place, elevation: Field, air_k: float
) -> tuple[Field, Field, Field]:
    dry = fractal(rng, shape, 1.9, 0.7) + (1.4 if place.arid else -0.5) - 0.5 * elevation
    fields = fractal(rng, shape, 0.9, 0.05)
    woods = smoothstep(fractal(rng, shape, 1.6, 0.3) + 0.3 * fields, -0.4, 0.8)
    refs = _mix(GRASS, FOREST, woods)
    refs = _blend(refs, SOIL, smoothstep(dry + 0.3 * fields, 0.1, 1.3))
    refs = _blend(refs, SAND, smoothstep(dry + 0.15 * fields, 1.1, 2.4))
    snow_line = np.clip((air_k - 266) / 8.0, -0.6, 9.0) + 0.05 * fields
    snow = smoothstep(elevation - snow_line, -0.1, 0.35)
    refs = _blend(refs, SNOW, snow * 0.95)

    gy, gx = np.gradient(blur(elevation, 0.004), 1 / shape[0])
    slope = cos(place.sun_azimuth) * gx + sin(place.sun_azimuth) * gy
    refs = refs * np.clip(1 - 0.008 * slope, 0.65, 1.3)[..., None]
    temperature = air_k - 6.5 * elevation
    if place.daylight:
        temperature = temperature + (6 + 9 * smoothstep(dry, 0, 1.5)) * (1 - snow) - 0.05 * slope
    else:
        # In still, clear nights cold air drains into the valleys and cools the ground like a cloud top.
        basins = smoothstep(
            blur(elevation, 0.03) - elevation + 0.25 * fractal(rng, shape, 1.8, 0.3), -0.1, 0.5
        )
        temperature = temperature - 1 - 4 * basins - 1.5 * smoothstep(dry, 0, 1.5) - 4 * snow
    temperature = np.where(snow > 0.5, np.minimum(temperature, 272.5), temperature)
    return (temperature + 0.5 * fields).astype(np.float32), refs, snow


def _sea_ice(
    rng: np.random.Generator, shape: Shape, land: Field, surface: Field, refs: Field, temperature: Field
) -> tuple[Field, Field, Field]:
    y, x = swirled(rng, shape, 0.12, 0.3)
    edge = sample(fractal(rng, shape, 2.2, 1.0), y, x) + rng.uniform(-0.6, 0.9)
    first, second = cells(rng, *swirled(rng, shape, 0.03, 0.1, 2), size=float(rng.uniform(0.05, 0.10)))
    leads = smoothstep(second - first, 0.02, 0.12)
    concentration = smoothstep(edge, -0.15, 0.25) * leads * (0.85 + 0.1 * fractal(rng, shape, 1.2, 0.1))
    concentration = np.where(land, 0, np.clip(concentration, 0, 1)).astype(np.float32)
    refs = _blend(refs, SEA_ICE, concentration)
    cold = 258 + 4 * fractal(rng, shape, 2.0, 0.8)
    temperature = temperature * (1 - concentration) + np.minimum(cold, 270) * concentration
    surface = np.where(~land & (concentration > 0.5), ICE, surface).astype(np.uint8)
    return surface, refs, temperature.astype(np.float32)


def _mix(low: tuple[float, ...], high: tuple[float, ...], share: Field) -> Field:
    base = np.broadcast_to(np.array(low, np.float32), (*share.shape, 6))
    return _blend(base, high, share)


def _blend(refs: Field, other: tuple[float, ...], share: Field) -> Field:
    blended: Field = refs + (np.array(other, np.float32) - refs) * share[..., None]
    return blended
