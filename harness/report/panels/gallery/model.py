"""Pictures of test scenes, as data."""

from __future__ import annotations

from harness.report.part import Part


class GalleryScene(Part):
    """One test scene in pictures."""

    name: str
    accuracy: float | None
    daylight: str
    position: str
    width: int
    height: int
    missed: float  # fraction of pixels
    false_alarm: float
    images: dict[str, str]  # view -> file name beside the page


class GalleryCard(Part):
    """Pictures of the test scenes of one run."""

    run: int | None
    scenes: list[GalleryScene]
    notes: list[str]
