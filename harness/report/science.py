"""Science metrics of the test scenes, read from each run's science.json. Any value may be absent or odd."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.report import orbit
from harness.report.model import CalibrationBin, GroupRow, Metric, SceneRow, ScienceCard
from harness.report.text import clean, finite, whole
from rules.model.run import Run

# name, unit, what it means (1 = cloud throughout; threshold 0.5 on the predicted probability)
METRICS: tuple[tuple[str, str, str], ...] = (
    ("accuracy", "fraction", "pixels labelled as the Bayesian mask labels them"),
    ("balanced_accuracy", "fraction", "mean of the accuracy on cloud and on clear pixels"),
    ("precision", "fraction", "of the pixels called cloud, those that the mask calls cloud"),
    ("recall", "fraction", "of the pixels the mask calls cloud, those that were found"),
    ("f1", "fraction", "harmonic mean of precision and recall"),
    ("iou", "fraction", "cloud in both, divided by cloud in either (intersection over union)"),
    ("mcc", "−1 to 1", "Matthews correlation coefficient: 0 is chance, 1 is perfect"),
    ("brier_score", "0 to 1", "mean squared distance of the probability from the mask; lower is better"),
    (
        "calibration_error",
        "0 to 1",
        "mean distance of the stated probability from what was seen; lower is better",
    ),
)
_GROUPS = (
    ("by_daylight", "daylight"),
    ("by_surface", "surface"),
    ("by_cloud_fraction", "cloud fraction of the scene"),
)
_GROUP_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "iou", "mcc")
_ALIASES = {"brier_score": "brier"}
_COUNTS = ("scenes", "pixels", "count", "patches")
MAX_ROWS = 200


def science_card(runs: list[Run], shown: Run | None) -> ScienceCard:
    """Overall metrics of every run, and the details of the one run that is shown."""
    notes = [
        f"run {run.index}: no science metrics were recorded"
        for run in runs
        if not isinstance(run.science, dict)
    ]
    details = _dict(shown.science) if shown else {}
    rows = _list(details.get("per_scene"))
    if len(rows) > MAX_ROWS:
        notes.append(f"{len(rows)} scenes were recorded; the table shows the first {MAX_ROWS}")
    return ScienceCard(
        run=shown.index if shown and details else None,
        scenes=whole(details.get("scenes")),
        metrics=_metrics(runs),
        groups=list(_groups(details)),
        calibration=list(_calibration(details.get("calibration"))),
        precision_recall=list(_precision_recall(details.get("precision_recall"))),
        per_scene=[_scene(row) for row in rows[:MAX_ROWS] if isinstance(row, dict)],
        notes=notes if any(isinstance(run.science, dict) for run in runs) else [],
    )


def _metrics(runs: list[Run]) -> list[Metric]:
    result = []
    for name, unit, meaning in METRICS:
        overalls = [_dict(_dict(run.science).get("overall")) for run in runs]
        values = [finite(overall.get(name, overall.get(_ALIASES.get(name, "")))) for overall in overalls]
        known = [value for value in values if value is not None]
        if not known:
            continue
        mean = sum(known) / len(known)
        result.append(Metric(name=name, value=mean, per_run=values, meaning=meaning, unit=unit))
    return result


def _groups(details: dict[str, Any]) -> Iterable[GroupRow]:
    for key, group in _GROUPS:
        for name, value in list(_dict(details.get(key)).items())[:20]:
            numbers = value if isinstance(value, dict) else {"accuracy": value}
            counted = next((c for c in _COUNTS if whole(numbers.get(c)) is not None), "")
            metrics = {m: finite(numbers.get(m)) for m in _GROUP_METRICS if m in numbers}
            yield GroupRow(
                group=group,
                name=clean(name, 60),
                count=whole(numbers.get(counted)) if counted else None,
                count_of=counted,
                metrics=metrics,
            )


def _calibration(bins: Any) -> Iterable[CalibrationBin]:
    for one in _list(bins)[:50]:
        if not isinstance(one, dict):
            continue
        low, high, count = finite(one.get("low")), finite(one.get("high")), whole(one.get("count"))
        if low is None or high is None or count is None or count < 0 or not 0 <= low < high <= 1.000001:
            continue
        yield CalibrationBin(
            low=low,
            high=min(high, 1.0),
            count=count,
            mean_probability=_fraction(one.get("mean_probability")),
            cloud_fraction=_fraction(one.get("cloud_fraction")),
        )


def _precision_recall(points: Any) -> Iterable[tuple[float, float]]:
    for one in _list(points)[:500]:
        if isinstance(one, dict):
            recall, precision = _fraction(one.get("recall")), _fraction(one.get("precision"))
            if recall is not None and precision is not None:
                yield recall, precision


def _scene(row: dict[str, Any]) -> SceneRow:
    name = clean(row.get("name"), 120)
    latitude, longitude = finite(row.get("latitude")), finite(row.get("longitude"))
    stated = bool(position(latitude, longitude))
    guess = None if stated else orbit.estimate(name)
    if guess is not None:
        latitude, longitude = guess
    return SceneRow(
        name=name,
        accuracy=_fraction(row.get("accuracy")),
        cloud_fraction=_fraction(row.get("cloud_fraction")),
        daylight=daylight(row.get("daylight")),
        latitude=latitude,
        longitude=longitude,
        estimated=guess is not None,
    )


def position(latitude: float | None, longitude: float | None) -> str:
    """Latitude and longitude for people; empty when unknown or impossible."""
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 360:
        return ""
    east = (longitude + 180) % 360 - 180
    return (
        f"{abs(latitude):.1f}° {'N' if latitude >= 0 else 'S'}, {abs(east):.1f}° {'E' if east >= 0 else 'W'}"
    )


def daylight(value: Any) -> str:
    """ "day" or "night" for a flag, else what the file says; empty when unknown."""
    if isinstance(value, bool):
        return "day" if value else "night"
    return clean(value, 40)


def _fraction(value: Any) -> float | None:
    number = finite(value)
    return number if number is not None and 0 <= number <= 1 else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
