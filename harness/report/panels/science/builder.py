"""Science metrics of the test scenes, from each run's science.json. Any value may be absent or invalid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.report.drawing.labels import METRICS
from harness.report.drawing.text import clean, daylight, finite, position, whole
from harness.report.panels.science import orbit
from harness.report.panels.science.model import CalibrationBin, GroupRow, Metric, SceneRow, ScienceCard
from harness.report.panels.science.sureness import Counted, farthest_apart, how_sure, scene_totals
from harness.science.metrics import METRICS as OF_SCENES
from harness.science.metrics import metric_interval, metric_value
from harness.untrusted.documents import Unreadable, read_object
from rules.model.layout import RunFiles
from rules.model.run_facts import RunFacts

_GROUPS = (
    ("by_daylight", "daylight"),
    ("by_surface", "surface"),
    ("by_cloud_fraction", "cloud fraction of the scene"),
)
_GROUP_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "iou", "mcc")
_ROW_COUNTS = ("pixels", "tp", "fp", "fn", "tn")
_ALIASES = {"brier_score": "brier"}
_COUNTS = ("scenes", "pixels", "count", "patches")
MAX_ROWS = 200


def read_science(run: RunFacts | None) -> dict[str, Any]:
    """science.json of the run that is shown, with its lists; empty when there is none that can be read."""
    if run is None or run.evidence_dir is None or run.science is None:
        return {}
    try:
        return read_object(RunFiles(run.evidence_dir).science)
    except Unreadable:
        return {}


def science_card(
    runs: list[RunFacts], shown: RunFacts | None, details: dict[str, Any], counted: Counted | None = None
) -> ScienceCard:
    """Overall metrics of every run, and the `details` (science.json) of the one run that is shown.

    With the counts of scenes of all runs, metrics have intervals and the runs are compared.
    """
    counted = counted or Counted({})
    notes = [
        f"run {run.index}: no science metrics were recorded"
        for run in runs
        if not isinstance(run.science, dict)
    ]
    rows = _list(details.get("per_scene"))
    if len(rows) > MAX_ROWS:
        notes.append(f"{len(rows)} scenes were recorded; the table shows the first {MAX_ROWS}")
    return ScienceCard(
        run=shown.index if shown and details else None,
        scenes=whole(details.get("scenes")),
        metrics=_metrics(runs, counted),
        groups=list(_groups(details)),
        calibration=list(_calibration(details.get("calibration"))),
        precision_recall=list(_precision_recall(details.get("precision_recall"))),
        per_scene=[_scene(row) for row in rows[:MAX_ROWS] if isinstance(row, dict)],
        notes=notes if any(isinstance(run.science, dict) for run in runs) else [],
        intervals=how_sure(counted),
        apart=farthest_apart(counted),
        by_scene=scene_totals(counted),
    )


def accuracies(runs: list[RunFacts]) -> list[float | None]:
    """The accuracy of every run on the test scenes; None where none was recorded."""
    return [_fraction(_dict(_dict(run.science).get("overall")).get("accuracy")) for run in runs]


def _metrics(runs: list[RunFacts], counted: Counted) -> list[Metric]:
    result = []
    for name, label in METRICS.items():
        values = [_value(name, run, counted) for run in runs]
        known = [value for value in values if value is not None]
        if not known:
            continue
        bounds = (
            metric_interval(name, list(counted.runs.values())) if len(known) == len(counted.runs) else None
        )
        low, high = bounds or (None, None)
        mean = sum(known) / len(known)
        result.append(
            Metric(
                name=name,
                value=mean,
                per_run=values,
                meaning=label.meaning,
                unit=label.unit,
                low=low,
                high=high,
            )
        )
    return result


def _value(name: str, run: RunFacts, counted: Counted) -> float | None:
    """What the run states, or else what the counts of its scenes give."""
    overall = _dict(_dict(run.science).get("overall"))
    stated = finite(overall.get(name, overall.get(_ALIASES.get(name, ""))))
    if stated is None and name in OF_SCENES and name not in overall and run.index in counted.runs:
        return finite(metric_value(name, counted.runs[run.index]))
    return stated


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
        valid=whole(_dict(row.get("valid")).get("pixels")),
        **{name: whole(row.get(name)) for name in _ROW_COUNTS},
    )


def _fraction(value: Any) -> float | None:
    number = finite(value)
    return number if number is not None and 0 <= number <= 1 else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
