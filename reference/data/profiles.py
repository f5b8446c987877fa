"""Named data sets: their geometry and, for the synthetic ones, how many scenes they have."""

from __future__ import annotations

from dataclasses import dataclass

from reference.protocol.official import SAMPLE_PROFILE
from reference.protocol.spec import Geometry


@dataclass(frozen=True)
class Profile:
    """A named data set. Scenes of quick have a quarter of the official size, of smoke an eighth."""

    name: str
    geometry: Geometry
    train_scenes: int
    test_scenes: int
    synthetic: bool
    note: str


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "official",
            Geometry(),
            970,
            100,
            False,
            "Sentinel-3 SLSTR level-1 scenes with Bayesian cloud masks",
        ),
        Profile("quick", Geometry(300, 375, 64), 20, 8, True, "small synthetic scenes: a run takes a minute"),
        Profile("full-size", Geometry(), 20, 4, True, "synthetic scenes of the official size"),
        Profile("smoke", Geometry(150, 187, 32), 20, 2, True, "tiny synthetic scenes for tests"),
        Profile(
            SAMPLE_PROFILE,
            Geometry(),
            20,
            2,
            False,
            "some of the official scenes, to try a machine: its results are not official",
        ),
    )
}


def get_profile(name: str) -> Profile:
    """The profile of this name. Raises ValueError, which lists the known ones, for an unknown name."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ValueError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}") from None
