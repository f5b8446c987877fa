"""Science metrics, as data."""

from __future__ import annotations

from harness.report.part import Part


class Metric(Part):
    """One science metric: its mean over the runs that have it, and the value of each run."""

    name: str
    value: float | None
    per_run: list[float | None]
    meaning: str
    unit: str


class GroupRow(Part):
    """Metrics of one group of scenes or pixels."""

    group: str  # "daylight", "surface", "cloud fraction"
    name: str
    count: int | None
    count_of: str  # "scenes", "pixels", ...
    metrics: dict[str, float | None]


class CalibrationBin(Part):
    """Pixels whose predicted probability lies between `low` and `high`."""

    low: float
    high: float
    count: int
    mean_probability: float | None
    cloud_fraction: float | None


class SceneRow(Part):
    """One test scene: how well it was masked, and where it lies (degrees)."""

    name: str
    accuracy: float | None
    cloud_fraction: float | None
    daylight: str
    latitude: float | None
    longitude: float | None
    estimated: bool = False  # from the orbit in the file name


class ScienceCard(Part):
    """Science metrics of the test scenes."""

    run: int | None  # whose details (groups, calibration, scenes) are shown
    scenes: int | None
    metrics: list[Metric]
    groups: list[GroupRow]
    calibration: list[CalibrationBin]
    precision_recall: list[tuple[float, float]]  # recall, precision
    per_scene: list[SceneRow]
    notes: list[str]
