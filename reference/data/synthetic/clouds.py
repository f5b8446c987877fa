"""Clouds of a synthetic scene: decks with optical thickness and top height, for several kinds of weather."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.data.synthetic.fields import (
    Field,
    Shape,
    blur,
    cells,
    fractal,
    rank,
    sample,
    smoothstep,
    swirled,
)
from reference.data.synthetic.steady import arctan2, cos, deviation, exp, hypot, log, mean, power, sin
from reference.data.synthetic.style import CloudStyle


@dataclass(frozen=True)
class Layer:
    """A deck before its cover is fixed: `density` is a quantile field (0..1), cloudy above 1 - cover."""

    density: Field
    cover: float
    thickness: float  # optical thickness where fully developed
    edge: float  # width of the edge in quantiles: small is hard (cumulus), large is soft (cirrus)
    top_km: Field
    ice: bool
    texture: Field


@dataclass
class Deck:
    """One sheet of cloud."""

    thickness: Field  # optical thickness at 0.55 um
    top_km: Field
    ice: bool


class Weather:
    """Draws the layers of one scene; holds what all kinds of weather need."""

    def __init__(
        self, rng: np.random.Generator, shape: Shape, elevation: Field, land: Field, style: CloudStyle
    ) -> None:
        self.rng, self.shape, self.elevation, self.land, self.style = rng, shape, elevation, land, style
        self.aspect = shape[1] / shape[0]
        self.angle = float(rng.uniform(0, np.pi))  # of the wind

    def cyclone(self) -> list[Layer]:
        """A comma-shaped spiral, its veil, and open cells in the cold air behind it."""
        y, x = self.swirled(0.03, 0.30)
        cy, cx = self.uniform(0.3, 0.7), self.uniform(0.3, 0.7) * self.aspect
        turn = float(self.rng.choice([-1.0, 1.0]))
        ry, rx = y - cy, (x - cx) * self.uniform(0.8, 1.0)
        radius = hypot(ry, rx) + 1e-3
        phase = turn * arctan2(ry, rx) + self.uniform(1.6, 2.3) * log(radius / 0.3) + self.uniform(0, 6.28)
        # Squares are exact to the last bit everywhere; a fourth power would be whatever the processor makes of it.
        fade = np.square(np.square(radius / 0.80, dtype=np.float64)).astype(np.float32)
        arm = exp(-(((1 - cos(phase)) / 0.50) ** 2)) * exp(-fade)
        core = exp(-((radius / 0.09) ** 2))
        wound = 1.8 * exp(-((radius / 0.35) ** 2)) * turn
        sy = cy + ry * cos(wound) - rx * sin(wound)
        sx = cx + rx * cos(wound) + ry * sin(wound)
        detail = sample(self.noise(2.1, 0.35), sy, sx)
        frontal = rank(2.6 * arm + 1.5 * core + 0.26 * detail)
        veil = rank(2.4 * blur(arm, 0.02) + 0.35 * sample(self.streaks(), sy, sx))
        behind = self.cellular(y, x, True, self.size(0.035, 0.05)) + 1.5 * smoothstep(-cos(phase), 0, 0.8)
        behind = rank(behind - 3 * arm + 0.7 * self.noise(2.0, 0.5))
        return [
            self.layer(behind, 0.22, 16, 0.10, 1.5 + 2.0 * behind, False),
            self.layer(frontal, 0.36, 36, 0.24, 3.0 + 5.5 * frontal, True),
            self.layer(veil, 0.30, 6.0, 0.30, 9.0, True),
        ]

    def open_cells(self) -> list[Layer]:
        """Rings of cumulus around clear centres, in clusters."""
        y, x = self.swirled(0.05, 0.4)
        region = self.noise(2.3, 0.9)
        cellular = self.cellular(y, x, True, self.size(0.04, 0.065))
        clusters = rank(cellular + 1.1 * region + 0.35 * self.noise(1.3, 0.05))
        high = rank(self.streaks() + 1.2 * region)
        return [
            self.layer(clusters, 0.42, 24, 0.09, 1.7 + 2.0 * clusters, False),
            self.layer(high, 0.12, 2.2, 0.35, 9.5, True),
        ]

    def closed_cells(self) -> list[Layer]:
        """Marine stratocumulus: a sheet of small cells, torn open in places."""
        region = sample(self.noise(2.4, 1.0), *self.swirled(0.06, 0.5))
        y, x = self.swirled(0.015, 0.3)
        closed = self.cellular(y, x, False, self.size(0.025, 0.04))
        holes = self.cellular(y, x, True, self.uniform(0.05, 0.08))
        deck = rank(1.5 * region + np.where(region > -0.2, 0.4 * closed, 0.7 * holes) - 0.8 * self.land)
        texture = exp(0.35 * closed).astype(np.float32)
        return [
            self.layer(deck, 0.55, 17, 0.09, 1.4 + 0.7 * rank(region), False, texture),
            self.layer(rank(self.streaks()), 0.07, 1.8, 0.35, 10.0, True),
        ]

    def streets(self) -> list[Layer]:
        """A cold-air outbreak: rows of cumulus along the wind that widen into open cells downwind."""
        y, x = self.swirled(0.025, 0.9)
        across = y * cos(self.angle) - x * sin(self.angle)
        along = x * cos(self.angle) + y * sin(self.angle)
        along = (along - along.min()) / np.ptp(along)
        spacing = self.size(0.032, 0.044)
        waver = fractal(self.rng, self.shape, 1.8, 0.25, stretch=4, angle=self.angle)
        broken = fractal(self.rng, self.shape, 1.3, 0.05, stretch=3, angle=self.angle)
        rows = cos(2 * np.pi * across / spacing + 0.7 * waver) + 0.6 * broken
        opened = 1.3 * self.cellular(y, x, True, 2.2 * spacing)
        later = smoothstep(along + 0.1 * self.noise(2.2, 0.4), 0.5, 0.8)
        onset = smoothstep(along + 0.05 * self.noise(2.0, 0.3), 0.06, 0.22)
        deck = rank(rows * (1 - later) + opened * later + 2.6 * onset + 0.7 * self.noise(2.2, 0.5))
        return [
            self.layer(deck, 0.45, 20, 0.08, 2.0 + 1.8 * along, False),
            self.layer(rank(self.streaks()), 0.08, 1.8, 0.35, 8.5, True),
        ]

    def convection(self) -> list[Layer]:
        """Thunderstorms with anvils over fields of small cumulus."""
        y, x = self.swirled(0.03, 0.2)
        region = self.noise(2.2, 0.7)
        first, _ = cells(self.rng, y, x, self.uniform(0.12, 0.19))
        towers = exp(-((first / 0.30) ** 2)) * smoothstep(region, -0.3, 0.9)
        blown = sample(towers, y - 0.02 * sin(self.angle), x - 0.02 * cos(self.angle))
        anvil = rank(towers + 0.8 * blur(blown, 0.012) + 0.07 * self.noise(1.7, 0.12) * (0.25 + towers))
        popcorn = rank(self.noise(1.2, 0.03 * self.style.small) + 0.9 * region + 0.5 * self.land)
        veil = rank(blur(blown, 0.03) + 0.05 * self.streaks())
        return [
            self.layer(popcorn, 0.18, 20, 0.10, 1.8 + 1.8 * popcorn, False),
            self.layer(anvil, 0.28, 45, 0.22, 6.0 + 7.0 * anvil, True),
            self.layer(veil, 0.32, 6.0, 0.30, 11.5, True),
        ]

    def front(self) -> list[Layer]:
        """A curved band of layered cloud, cirrus ahead of it, scraps behind."""
        y, x = self.swirled(0.06, 0.7)
        across = (y - 0.5) * cos(self.angle) - (x - 0.5 * self.aspect) * sin(self.angle)
        across = across + self.uniform(-0.2, 0.2) + 0.15 * cos(2.2 * (x + y) + self.uniform(0, 6))
        detail = sample(fractal(self.rng, self.shape, 2.0, 0.4, stretch=3, angle=self.angle), y, x)
        frontal = rank(2.2 * exp(-((across / 0.20) ** 2)) + 0.36 * detail)
        veil = rank(1.5 * exp(-(((across - 0.15) / 0.22) ** 2)) + 0.5 * self.streaks())
        scraps = rank(self.noise(1.5, 0.10) + 1.1 * self.noise(2.2, 0.6))
        return [
            self.layer(scraps, 0.24, 16, 0.09, 1.6 + 1.6 * scraps, False),
            self.layer(frontal, 0.40, 34, 0.25, 2.5 + 5.5 * frontal, True),
            self.layer(veil, 0.28, 6.0, 0.30, 9.0, True),
        ]

    def jet(self) -> list[Layer]:
        """Cirrus combed along a jet stream, with transverse ripples, over scattered cumulus."""
        y, x = self.swirled(0.07, 0.8)
        region = sample(fractal(self.rng, self.shape, 2.4, 0.9, stretch=3, angle=self.angle), y, x)
        streaks = sample(self.streaks(), y, x)
        ripple = cos(2 * np.pi * (x * cos(self.angle) + y * sin(self.angle)) / 0.026)
        cirrus = rank(streaks + 1.5 * region + 0.22 * ripple * smoothstep(region, 0.4, 1.2))
        cumulus = rank(self.noise(1.2, 0.04) + 1.0 * self.noise(2.2, 0.6))
        return [
            self.layer(cumulus, 0.16, 16, 0.10, 1.6 + 1.4 * cumulus, False),
            self.layer(cirrus, 0.46, 9.0, 0.36, self.uniform(8.5, 11.0), True),
        ]

    def fog(self) -> list[Layer]:
        """Fog and low stratus that fill valleys and bays, and some middle-level cloud."""
        y, x = self.swirled(0.07, 0.5)
        bank = sample(self.noise(2.6, 0.8), y, x) - 2.0 * self.elevation
        wisps = sample(fractal(self.rng, self.shape, 1.8, 0.15, stretch=2, angle=self.angle), y, x)
        fog = rank(bank + 0.12 * wisps)
        middle = rank(sample(self.noise(2.1, 0.5), y, x) + 0.22 * self.noise(1.2, 0.03))
        return [
            self.layer(fog, 0.36, 14, 0.14, self.uniform(0.5, 0.9), False),
            self.layer(middle, 0.24, 15, 0.16, self.uniform(3.0, 5.0), False),
            self.layer(rank(self.streaks()), 0.08, 2.0, 0.35, 9.5, True),
        ]

    # ------------------------------------------------------------ building blocks

    def layer(
        self,
        density: Field,
        cover: float,
        thickness: float,
        edge: float,
        top_km: Field | float,
        ice: bool,
        texture: Field | None = None,
    ) -> Layer:
        """A layer (see Layer), with a random texture unless one is given."""
        if texture is None:
            contrast, slope, longest, shortest = self.style.texture
            texture = exp(contrast * fractal(self.rng, self.shape, slope, longest, shortest))
            texture = texture.astype(np.float32)
        heights = np.broadcast_to(np.float32(top_km), self.shape)
        if self.style.smooth:
            density = rank(blur(density, self.style.smooth))
            texture = blur(texture, self.style.smooth / 2)
        return Layer(density, cover, thickness, edge, heights, ice, texture)

    def cellular(self, y: Field, x: Field, open_: bool, size: float) -> Field:
        """Cellular convection: bright cells with thin clear rims (closed), or bright rims (open)."""
        first, second = cells(self.rng, y, x, size)
        rim = second - first
        field = 1.0 - rim if open_ else smoothstep(rim, 0.0, 0.45) - 0.3 * first
        field = field + 0.25 * self.noise(1.3, size)
        standardised: Field = ((field - mean(field)) / deviation(field)).astype(np.float32)
        return standardised

    def streaks(self) -> Field:
        """Filaments of cirrus along the wind, curled in places."""
        y, x = self.swirled(0.04, 0.4)
        fine = sample(fractal(self.rng, self.shape, 1.7, 0.3, stretch=7, angle=self.angle), y, x)
        wide = fractal(self.rng, self.shape, 2.2, 0.6, stretch=2, angle=self.angle)
        field: Field = (0.7 * fine + 0.7 * wide).astype(np.float32)
        return field

    def noise(self, slope: float, longest: float) -> Field:
        """A fractal field (see fields.fractal)."""
        return fractal(self.rng, self.shape, slope, longest)

    def swirled(self, strength: float, longest: float) -> tuple[Field, Field]:
        """Coordinates (y, x) displaced by a turbulent flow (see fields.swirled)."""
        return swirled(self.rng, self.shape, strength, longest)

    def uniform(self, low: float, high: float) -> float:
        """A random number between low and high."""
        return float(self.rng.uniform(low, high))

    def size(self, low: float, high: float) -> float:
        """The size of small clouds, as `uniform` draws it, times `CloudStyle.small`."""
        return self.style.small * self.uniform(low, high)


KINDS: dict[str, Callable[[Weather], list[Layer]]] = {
    "cyclone": Weather.cyclone,
    "open cells": Weather.open_cells,
    "closed cells": Weather.closed_cells,
    "streets": Weather.streets,
    "convection": Weather.convection,
    "front": Weather.front,
    "jet": Weather.jet,
    "fog": Weather.fog,
}


def make_layers(
    rng: np.random.Generator, shape: Shape, kind: str, elevation: Field, land: Field, style: CloudStyle
) -> list[Layer]:
    """Layers of a kind of weather (see KINDS), lowest first."""
    layers = KINDS[kind](Weather(rng, shape, elevation, land, style))
    return sorted(layers, key=lambda layer: mean(layer.top_km))


def decks(layers: list[Layer], scale: float, style: CloudStyle) -> list[Deck]:
    """Decks from layers, with all covers scaled; scale 1 keeps them as drawn."""
    made = []
    for layer in layers:
        cover = float(np.clip(1 - (1 - layer.cover) ** scale, 0.0, style.most_cover))
        depth = np.clip((layer.density - (1 - cover)) / (style.edge_width * layer.edge), 0, 1)
        thickness = layer.thickness * power(depth, style.edge_power) * layer.texture
        relief = (1 - style.top_relief) + style.top_relief * layer.texture
        top_km = style.top_scale * layer.top_km * relief
        made.append(Deck(thickness.astype(np.float32), top_km.astype(np.float32), layer.ice))
    return made


def total_thickness(made: list[Deck]) -> Field:
    """Optical thickness of all decks together."""
    total: Field = np.stack([deck.thickness for deck in made]).sum(axis=0, dtype=np.float32)
    return total
