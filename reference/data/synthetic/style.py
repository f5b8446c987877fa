"""The numbers in which the two kinds of synthetic scenes differ.

`CONTEXT` (profile quick): a pixel's colour seldom tells whether it is cloudy, its surroundings do.
`SIMPLE` (smoke, full-size): colour tells nearly always, so that a network learns it in seconds to a minute.
Lengths are in scene heights. What a kind of scene has to meet: docs/explanation/synthetic-scenes.md.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class PlaceStyle:
    """Where scenes lie."""

    latitudes: Range = (28, 56)
    polar_latitudes: Range = (60, 68)
    land_fractions: tuple[float, ...] = (0.4, 0.65, 0.85, 0.98)


@dataclass(frozen=True)
class CloudStyle:
    """How much of a scene is cloudy, and how clouds are bounded."""

    fractions: Range = (-0.03, 1.03)  # of scenes, spread evenly: some are clear, some overcast
    cover_scales: Range = (0.002, 30.0)  # between which the scale of covers is sought, in so many steps
    cover_steps: int = 10
    most_cover: float = 1.0
    smooth: float = 0.007  # no structure is smaller: edges as smooth as those of real masks
    edge_width: float = 0.5  # of the ramp from no cloud to full thickness, in widths of the layer
    edge_power: float = 1.0
    # deviation in logarithms, slope, longest and shortest of the texture
    texture: tuple[float, float, float, float] = (0.55, 1.6, 0.3, 0.018)
    top_scale: float = 0.7  # tops lower than real ones: not much colder than the ground
    top_relief: float = 0.2  # share of a top's height that follows the texture
    small: float = 1.6  # size of cells, rows and small cumulus: larger than patches in the ground


@dataclass(frozen=True)
class LightStyle:
    """What the sensor sees."""

    crystal: tuple[float, ...] = (
        0.97,
        0.98,
        1.00,
        0.98,
        0.72,
        0.50,
    )  # thick ice cloud in S1..S6 relative to S3
    inversion_km: float = 0.3  # up to here the air is as warm as near the ground
    ground_s7_k: float = 30.0  # by day, at a reflectance of 1 in S6
    glint_s7_k: float = 20.0
    ice_s7_k: float = 4.0  # thick cloud by day
    water_s7_k: float = 9.0
    night_s7_k: float = 10.0  # by which thick water cloud looks colder in S7 than in S8 at night
    glint_widths: Range = (0.3, 0.6)
    glint: Range = (0.15, 0.55)
    slicks: bool = True  # smooth water that mirrors less


@dataclass(frozen=True)
class MaskErrors:
    """How wrong the Bayesian-like mask is."""

    thickness: float = 0.35  # optical thickness that is called cloud half of the time
    blur: float = 0.003
    doubt: float = 0.08  # noise in decades of optical thickness
    # shares and shortest structure of its fine and its coarse part
    doubt_parts: tuple[float, float, float] = (0.5, 0.8, 0.02)
    displacement: float = 0.0006  # of edges: parallax and collocation
    cold_ground: float = 0.15
    glint: float = 0.15
    night_fog: float = 0.15
    coast: float = 0.1


@dataclass(frozen=True)
class Style:
    """A kind of scenes; `version` is raised whenever the same seed gives different ones."""

    version: int = 7
    patches: bool = True  # pale patches in the ground, and air that differs within a scene
    place: PlaceStyle = PlaceStyle()
    clouds: CloudStyle = CloudStyle()
    light: LightStyle = LightStyle()
    errors: MaskErrors = MaskErrors()


CONTEXT = Style()
SIMPLE = Style(
    version=7,
    place=PlaceStyle((20, 58), (62, 74), (0.0, 0.3, 0.55, 0.85)),
    clouds=CloudStyle(
        (0.22, 0.92), (0.1, 6.0), 8, 0.97, 0.0, 2.5, 1.3, (0.35, 1.5, 0.06, 0.0), 1.0, 0.0, 1.0
    ),
    patches=False,
    light=LightStyle(
        crystal=(0.97, 0.98, 1.00, 0.98, 0.60, 0.38),
        inversion_km=0.0,
        ground_s7_k=40.0,
        glint_s7_k=45.0,
        ice_s7_k=9.0,
        water_s7_k=26.0,
        night_s7_k=4.5,
        glint_widths=(0.12, 0.25),
        glint=(0.04, 0.18),
        slicks=False,
    ),
    errors=MaskErrors(1.0, 0.0012, 0.16, (0.75, 0.65, 0.0), 0.0012, 0.5, 0.5, 0.4, 0.4),
)


def style_of(profile: str) -> Style:
    """The kind of scenes of a synthetic profile."""
    return CONTEXT if profile == "quick" else SIMPLE
