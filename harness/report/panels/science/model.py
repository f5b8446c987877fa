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
    low: float | None = None  # of the mean's 95 % interval over scenes; None where there is none
    high: float | None = None


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
    pixels: int | None = None  # counts: since schema 2 of science.json
    valid: int | None = None  # pixels that were observed
    tp: int | None = None
    fp: int | None = None
    fn: int | None = None
    tn: int | None = None


class SceneTotal(Part):
    """Pixels of one scene, summed over all runs, that are labelled as the mask labels them."""

    name: str
    right: int
    pixels: int


class ErrorMap(Part):
    """Where runs err in one scene: a picture, and shares of its pixels."""

    name: str
    image: str
    width: int
    height: int
    never: float  # wrong in no run
    always: float  # wrong in all runs


class AgreementCard(Part):
    """How far the runs agree, pixel by pixel, in the scenes that all of them kept as pictures."""

    runs: int
    scenes: int
    pairs: float
    ensemble: float
    single: float
    maps: list[ErrorMap]


class LeftOut(Part):
    """One group of scenes that was left out of the training: a value for each seed."""

    group: str
    scenes: int
    accuracy: list[float | None]
    mcc: list[float | None]
    auc: list[float | None]


class GeneralisationCard(Part):
    """A leave-one-out test that lies beside the recipe: stated by the submitter, made with `cloudmask generalise`."""

    settings: str
    seeds: list[int]
    rows: list[LeftOut]
    lines: list[str]


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
    intervals: str = ""  # how they were made, or why there are none
    apart: str = ""  # the two runs that are farthest apart, compared by scene
    by_scene: list[SceneTotal] = []  # of all runs together; empty without counts of scenes
    agreement: AgreementCard | None = None
    generalisation: GeneralisationCard | None = None
    agreement_note: str = ""  # what it was measured on, or why it was not
