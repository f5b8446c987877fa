"""What the instrument sees of ground and clouds, and the Bayesian-like mask that follows from it.

A simple model of radiative transfer: two-stream reflectance, grey emission from each deck, water vapour
over everything low at 1.375 um. Good enough to train on, not to measure with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.synthetic.clouds import Deck, total_thickness
from reference.data.synthetic.fields import Field, Shape, blur, fractal, grid, sample, smoothstep
from reference.data.synthetic.steady import cos, exp, hypot, log1p, log10, mean, sin
from reference.data.synthetic.style import LightStyle, MaskErrors
from reference.data.synthetic.surfaces import OCEAN, Ground, Place

LAPSE_K_PER_KM = 6.3
COLDEST_K = 198.0
S7_SATURATION_K = 311.0
WATER = (0.97, 0.98, 1.00, 0.98, 0.80, 0.62)  # reflectance of thick water cloud relative to S3, S1..S6
BACKSCATTER = 0.15  # 1 - asymmetry parameter
HAZE = (1, 0.85, 0.6, 0, 0.25, 0.15)  # what haze does in S1..S6 relative to S1: large particles


@dataclass
class Image:
    """Reflectance, brightness temperature and glint of a scene."""

    refs: Field  # (H, W, 6)
    bts: Field  # (H, W, 3) K
    glint: Field  # (H, W) share of mirrored sun, which causes errors of the mask


def observe(
    rng: np.random.Generator, shape: Shape, place: Place, ground: Ground, made: list[Deck], style: LightStyle
) -> Image:
    """Reflectance and brightness temperature without gaps (borders and missing pixels come later)."""
    glint = _glint(rng, shape, place, ground, style)
    bts = _temperatures(place, ground, made, glint, style)
    refs = (
        _reflectances(place, ground, made, glint, style)
        if place.daylight
        else np.zeros((*shape, 6), np.float32)
    )
    return Image(_noisy_refs(rng, refs, place.daylight), _noisy_bts(rng, bts), glint)


def _reflectances(place: Place, ground: Ground, made: list[Deck], glint: Field, style: LightStyle) -> Field:
    refs = ground.refs + glint[..., None] * np.array((1, 1, 1, 0.02, 0.95, 0.9), np.float32)
    refs = refs * _shadow(place, made)[..., None]
    dy, dx = sin(place.sun_azimuth), cos(place.sun_azimuth)
    for deck in made:
        scattered = BACKSCATTER * deck.thickness / (2 + BACKSCATTER * deck.thickness)
        bumps = blur(log1p(deck.thickness), 0.0025)
        gy, gx = np.gradient(bumps, 1 / bumps.shape[0])
        lit = np.clip(1 + 0.0011 * (gx * dx + gy * dy) * np.sqrt(deck.top_km), 0.7, 1.25)
        colour = np.array(style.crystal if deck.ice else WATER, np.float32)
        cloud = (scattered * lit)[..., None] * colour
        cloud[..., 4] *= exp(0.35 * (ground.air.droplets - 1))
        cloud[..., 5] *= exp(0.6 * (ground.air.droplets - 1))
        through = (1 - scattered)[..., None] ** 2
        refs = cloud + refs * through
    refs[..., 3] = _cirrus_channel(ground, made)
    molecules = np.array((0.035, 0.018, 0.006, 0, 0, 0), np.float32) * _each(0.7 + 0.1 * ground.air.vapour)
    haze = _each(ground.air.haze) * np.array(HAZE, np.float32)
    hazy: Field = refs + molecules + (0.9 - refs) * haze
    return hazy


def _each(field: Field | float) -> Field | float:
    """(H, W) for every channel: (H, W, 1)."""
    return field if isinstance(field, float) else field[..., None]


def _cirrus_channel(ground: Ground, made: list[Deck]) -> Field:
    """S4 lies in a water vapour band: only what is above most of the moisture is bright in it."""
    dry = exp(-ground.air.vapour) * 0.02
    seen = dry * ground.refs[..., 0] + 0.03 * smoothstep(ground.elevation_km, 1.5, 5.0) * ground.refs[..., 0]
    for deck in made:
        scattered = BACKSCATTER * deck.thickness / (2 + BACKSCATTER * deck.thickness)
        clear = 1 / (1 + exp(-(deck.top_km - 6.3) / 0.9))
        seen = 0.85 * scattered * clear + seen * (1 - scattered) ** 2
    band: Field = seen.astype(np.float32)
    return band


def _temperatures(place: Place, ground: Ground, made: list[Deck], glint: Field, style: LightStyle) -> Field:
    skin, air = ground.temperature, ground.air
    s7, s8, s9 = (
        skin - k * air.vapour - dim_k for k, dim_k in zip((0.3, 0.6, 1.35), ground.dim_k, strict=True)
    )
    if place.daylight:
        s7 = s7 + style.ground_s7_k * ground.refs[..., 5] * np.clip((skin - 230) / 60, 0, 1)
        s7 = s7 + style.glint_s7_k * glint
    for deck in made:
        above_km = np.maximum(deck.top_km - style.inversion_km, 0)
        top = np.maximum(air.near_ground_k - LAPSE_K_PER_KM * above_km, COLDEST_K)
        black7, black8, black9 = (1 - exp(-k * deck.thickness) for k in (0.58, 0.75, 0.90))
        # Planck's curve is steep at 3.7 um: through thin high cloud the warm ground dominates there.
        bent = black7 * (1 - 0.45 * (1 - black7)) if deck.ice else black7
        s8 = s8 + (top - s8) * black8
        s9 = s9 + (top - s9) * black9
        s7 = s7 + (top - s7) * bent
        if place.daylight:
            s7 = s7 + (style.ice_s7_k if deck.ice else style.water_s7_k) * air.droplets * (
                1 - exp(-deck.thickness / 4)
            )
        elif not deck.ice:
            s7 = s7 - style.night_s7_k * air.droplets * (1 - exp(-deck.thickness / 2))
    return np.stack([np.minimum(s7, S7_SATURATION_K), s8, s9], axis=-1).astype(np.float32)


def _glint(rng: np.random.Generator, shape: Shape, place: Place, ground: Ground, style: LightStyle) -> Field:
    """Mirrored sun: a broad stripe along the track over water, ruffled by the wind."""
    y, x = grid(shape)
    centre = rng.uniform(-0.4, 1.6) * shape[1] / shape[0]
    stripe = exp(-(((x - centre - 0.1 * y) / rng.uniform(*style.glint_widths)) ** 2))
    ruffled = np.clip(1 + 0.25 * fractal(rng, shape, 1.8, 0.5), 0.2, 2)
    if not place.daylight or abs(place.latitude) > 55:
        return np.zeros(shape, np.float32)
    if style.slicks:
        ruffled = ruffled * smoothstep(fractal(rng, shape, 1.2, 0.10, 0.024), -1.0, 1.2)
    bright = rng.uniform(*style.glint) * stripe * ruffled
    glint: Field = (bright * (ground.surface == OCEAN)).astype(np.float32)
    return glint


def _shadow(place: Place, made: list[Deck]) -> Field:
    """Shadows of the clouds, cast away from the sun; higher clouds cast longer ones."""
    y, x = grid(made[0].thickness.shape)
    light = np.ones(y.shape, np.float32)
    for deck in made:
        reach = 0.0035 * mean(deck.top_km)
        away = sample(deck.thickness, y + reach * sin(place.sun_azimuth), x + reach * cos(place.sun_azimuth))
        light *= 1 - 0.55 * (1 - exp(-away / 5))
    return light


def _noisy_refs(rng: np.random.Generator, refs: Field, daylight: bool) -> Field:
    noise = rng.standard_normal(refs.shape, dtype=np.float32)
    signal = refs + noise * (0.0015 + 0.008 * refs) if daylight else noise * np.float32(0.0004)
    noisy: Field = np.maximum(signal, 0)
    return noisy


def _noisy_bts(rng: np.random.Generator, bts: Field) -> Field:
    noise = rng.standard_normal(bts.shape, dtype=np.float32) * np.array((0.25, 0.12, 0.12), np.float32)
    noise[..., 0] *= 1 + 4 * smoothstep(-bts[..., 0], -245, -215)  # S7 has little signal from cold tops
    return bts + noise


def bayesian_mask(
    rng: np.random.Generator,
    place: Place,
    ground: Ground,
    made: list[Deck],
    glint: Field,
    errors: MaskErrors,
) -> Field:
    """Cloud mask (H, W) uint8 with the errors that such masks have.

    Edges are blurred and ragged, and thin cloud is found only in places; some glint, coast and cold
    ground is called cloud, and some fog at night is missed.
    """
    shape = ground.temperature.shape
    thickness = total_thickness(made)
    evidence = blur(log10(thickness + 0.05) - log10(errors.thickness), errors.blur)
    y, x = grid(shape)
    away = 0.7 * errors.displacement
    evidence = sample(
        evidence, y + away * fractal(rng, shape, 1.2, 0.04), x + away * fractal(rng, shape, 1.2, 0.04)
    )
    fine, coarse, shortest = errors.doubt_parts
    doubt = fine * fractal(rng, shape, 0.9, 0.03, shortest) + coarse * fractal(
        rng, shape, 1.8, 0.15, shortest
    )
    evidence = evidence + errors.doubt * doubt
    patches = smoothstep(fractal(rng, shape, 1.5, 0.10), 0.6, 1.4)
    land = (ground.surface != 0).astype(np.float32)
    gy, gx = np.gradient(blur(land, 0.004), 1 / shape[0])
    edge = smoothstep(hypot(gy, gx), 5, 30)
    false = errors.glint * smoothstep(glint, 0.05, 0.18) + errors.coast * edge
    if not place.daylight:
        cold = smoothstep(-(ground.temperature - ground.air_k), 8, 18) * land
        false = false + errors.cold_ground * cold
        low = np.max([d.thickness * (d.top_km < 0.8) for d in made], axis=0)
        missed = smoothstep(low, 0.5, 2) * (thickness - low < 0.5)
        evidence = evidence - 2.2 * errors.night_fog * patches * missed
    evidence = evidence + 2.6 * patches * np.clip(false, 0, 1)
    return (evidence > 0).astype(np.uint8)
