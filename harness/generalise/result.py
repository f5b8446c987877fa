"""The numbers of a leave-one-out test: one for every group and seed, as JSON, CSV and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.core.csv_text import csv_text
from harness.science.counts import SceneCounts, scene_counts
from harness.science.metrics import metric_value

FILE = "generalisation.json"
METRICS = ("accuracy", "balanced_accuracy", "mcc", "auc")
Share = float | None


class Settings(BaseModel):
    """What was the same in all runs. Nothing of it was chosen by looking at a group that was left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = Field(max_length=40)
    epochs: int = Field(ge=1, le=100_000)
    seeds: list[int] = Field(max_length=1000)
    normalisation: Literal["fixed", "per-scene"]
    augmentation: Literal["none", "radiometric"]
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    patch_size: int = Field(ge=8)
    train_fraction: float = Field(gt=0, lt=1)


class FoldRun(BaseModel):
    """One run, and how its model does on the group that it has not seen; None where undefined."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str = Field(max_length=200)
    seed: int
    scenes: int = Field(ge=1)
    trained_on: int = Field(ge=1)  # scenes
    cloud_fraction: float = Field(ge=0, le=1)
    accuracy: Share = Field(ge=0, le=1)  # at threshold 0.5
    balanced_accuracy: Share = Field(ge=0, le=1)
    mcc: Share = Field(ge=-1, le=1)
    auc: Share = Field(ge=0, le=1)
    # at the threshold that suits the group best: what calibration costs
    best_accuracy: Share = Field(ge=0, le=1)
    seconds: float = Field(ge=0)


class Generalisation(BaseModel):
    """The content of generalisation.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(1, alias="schema")
    tool: str = Field(max_length=100)
    settings: Settings
    scenes: dict[str, str] = Field(max_length=10_000)  # group of each scene, by name
    runs: list[FoldRun] = Field(max_length=100_000)

    @property
    def groups(self) -> list[str]:
        """The groups that were left out, in order."""
        return list(dict.fromkeys(run.group for run in self.runs))

    def of(self, group: str) -> list[FoldRun]:
        """The runs that left this group out."""
        return [run for run in self.runs if run.group == group]

    @property
    def worst(self) -> FoldRun | None:
        """The run with the lowest accuracy."""
        known = [run for run in self.runs if run.accuracy is not None]
        return min(known, key=lambda run: run.accuracy or 0.0, default=None)


def fold_run(group: str, seed: int, science: Any, trained_on: int, seconds: float) -> FoldRun:
    """The numbers of one run, from its science.json. Raises ValueError when it has no counts."""
    counts = scene_counts(science)
    if counts is None:
        raise ValueError("science.json has no counts of scenes")
    values = {name: _finite(metric_value(name, counts)) for name in METRICS}
    truth = counts.confusion[:, 0].sum() + counts.confusion[:, 2].sum()
    return FoldRun(
        group=group,
        seed=seed,
        scenes=counts.scenes,
        trained_on=trained_on,
        cloud_fraction=float(truth / counts.pixels.sum()),
        best_accuracy=best_accuracy(counts),
        seconds=round(seconds, 1),
        **values,
    )


def best_accuracy(counts: SceneCounts) -> float:
    """Accuracy at the best of the thresholds between the histograms' bins."""
    clear, cloud = counts.clear.sum(axis=0), counts.cloud.sum(axis=0)
    below = np.concatenate([[0.0], np.cumsum(clear)]) + np.concatenate([np.cumsum(cloud[::-1])[::-1], [0.0]])
    return float(below.max() / (clear.sum() + cloud.sum()))


def table(result: Generalisation) -> str:
    """Every value as CSV, a row for each run."""
    columns = list(FoldRun.model_fields)
    return csv_text(columns, ([getattr(run, name) for name in columns] for run in result.runs))


def in_words(result: Generalisation) -> list[str]:
    """What follows, and what does not."""
    lines = []
    if result.worst is not None and result.worst.accuracy is not None:
        gaps = [
            r.best_accuracy - r.accuracy
            for r in result.runs
            if r.best_accuracy is not None and r.accuracy is not None
        ]
        lines.append(
            f"Worst of {len(result.runs)} runs: {result.worst.accuracy:.3f} ({result.worst.group}, seed "
            f"{result.worst.seed}). A threshold chosen on the group itself would add {_mean(gaps):.3f} on average."
        )
    if len(result.groups) < 8:
        lines.append(f"{len(result.groups)} groups are too few for an interval: every value is shown.")
    lines.append(
        f"{result.settings.epochs} epochs in every run; neither threshold nor epoch was chosen on a group left out."
    )
    if result.settings.normalisation == "per-scene":
        lines.append("Statistics of the unlabelled test scene itself are used: legitimate in open, declared.")
    return lines


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
