"""Results of the trained model on the test scenes: science.json and gallery.h5."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reference.data.scenes import SURFACES, LoadedScene
from reference.science.boundary import Outlines, outlines
from reference.science.imagery import false_colour, shrink
from reference.science.metrics import (
    Tally,
    calibration,
    coarse,
    confusion,
    fraction_group,
    precision_recall,
    summary,
)

SCHEMA = 2  # 1 had neither counts nor what follows from them: docs/reference/science-json.md
GALLERY_PIXELS = 400

MEANINGS = {
    "accuracy": "share of test pixels where mask and Bayesian mask agree",
    "balanced_accuracy": "mean of the shares of cloud and of clear pixels found",
    "precision": "share of pixels called cloud that are cloud",
    "recall": "share of cloud pixels called cloud (hit rate)",
    "false_alarm_rate": "share of clear pixels called cloud",
    "true_skill_score": "hit rate minus false alarm rate",
    "auc": "chance that a cloud pixel gets a higher probability than a clear one",
    "f1": "harmonic mean of precision and recall",
    "iou": "intersection over union of called and true cloud",
    "mcc": "Matthews correlation coefficient",
    "brier_score": "mean squared error of the probability of cloud",
    "calibration_error": "mean distance of stated probability and seen frequency",
}


@dataclass
class Science:
    """Collects test scenes one at a time; only the counts of a scene are kept."""

    overall: Tally = field(default_factory=Tally)
    valid: Tally = field(default_factory=Tally)  # of the pixels that were observed
    boundary: Outlines = Outlines()
    by_daylight: dict[str, Tally] = field(default_factory=dict)
    by_surface: dict[str, Tally] = field(default_factory=dict)
    by_cloud_fraction: dict[str, Tally] = field(default_factory=dict)
    per_scene: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, scene: LoadedScene, probability: np.ndarray, duration_s: float) -> dict[str, Any]:
        """Count a scene and its probability of cloud (H, W). Returns what identifies and sums it up."""
        seen = observed(scene.bts)
        tally = Tally().add(probability, scene.truth)
        valid = tally.without(Tally().add(probability[~seen], scene.truth[~seen]))
        bounds = outlines(probability > 0.5, scene.truth, seen)
        fraction = float(np.mean(scene.truth))
        self.overall.merge(tally)
        self.valid.merge(valid)
        self.boundary += bounds
        _group(self.by_daylight, "day" if scene.daylight else "night").merge(tally)
        _group(self.by_cloud_fraction, fraction_group(fraction)).merge(tally)
        if scene.surface is not None:
            for code, name in enumerate(SURFACES):
                at = scene.surface == code
                if at.any():
                    _group(self.by_surface, name).add(probability[at], scene.truth[at])
        self.seconds.append(duration_s)
        row = {
            "name": scene.facts.name,
            "accuracy": summary(tally)["accuracy"],
            "cloud_fraction": fraction,
            "daylight": scene.daylight,
            "latitude": scene.facts.latitude,
            "longitude": scene.facts.longitude,
        }
        counts = {
            "pixels": tally.pixels,
            **confusion(tally),
            "valid": {"pixels": valid.pixels, **confusion(valid)},
            "squared_error": tally.squared_error,
            "boundary": asdict(bounds),
            "histogram": coarse(tally),
        }
        self.per_scene.append({**row, **counts})
        return row

    def to_dict(self) -> dict[str, Any]:
        """The content of science.json; undefined values are None."""
        return {
            "schema": SCHEMA,
            "scenes": len(self.per_scene),
            "seconds_per_scene": {
                "median": statistics.median(self.seconds) if self.seconds else None,
                "mean": statistics.fmean(self.seconds) if self.seconds else None,
            },
            "overall": summary(self.overall),
            "valid": summary(self.valid),
            "boundary": {**self.boundary.scores(), **asdict(self.boundary)},
            "cloud_fraction_error": fraction_error(self.per_scene),
            "calibration": calibration(self.overall),
            "precision_recall": precision_recall(self.overall),
            "by_daylight": _summaries(self.by_daylight),
            "by_surface": _summaries(self.by_surface),
            "by_cloud_fraction": _summaries(self.by_cloud_fraction),
            "per_scene": self.per_scene,
        }

    def result(self) -> dict[str, dict[str, Any]]:
        """The value of the MLLOG key `result`: value, meaning and unit of each metric."""
        content = self.to_dict()
        scores = {
            f"test_{name}": {"value": content["overall"][name], "meaning": meaning, "unit": "1"}
            for name, meaning in MEANINGS.items()
        }
        scores["seconds_per_scene"] = {
            "value": content["seconds_per_scene"]["median"],
            "meaning": "median time from one finished scene to the next: reading, predicting, stitching",
            "unit": "s",
        }
        scores["test_scenes"] = {"value": content["scenes"], "meaning": "scenes predicted", "unit": "1"}
        return scores


def observed(bts: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) of a scene an instrument has seen: one of its brightness temperatures (H, W, 3) is above 0.

    Outside of the swath they are 0, and missing lines have none. Reflectance would not do: at night there is none.
    """
    usable = (bts > 0) & (bts < np.inf)
    seen: np.ndarray = usable[..., 0] | usable[..., 1] | usable[..., 2]
    return seen


def fraction_error(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Mean and root mean square, over the scenes, of predicted minus true cloud fraction."""
    errors = [(row["fp"] - row["fn"]) / row["pixels"] for row in rows]
    return {
        "bias": statistics.fmean(errors) if errors else None,
        "rmse": math.sqrt(statistics.fmean(e * e for e in errors)) if errors else None,
    }


class Gallery:
    """Pictures of the first test scenes, shrunk to at most 400 pixels; the file appears whole with `close`.

    Pictures are not what a run is for: where they cannot be written, `problem` says why and nothing is raised.
    """

    def __init__(self, path: Path, scenes: int) -> None:
        self._path, self._left = path, scenes
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self.problem: str | None = None
        self._file: h5py.File | None = None
        with self._unless_it_fails():
            self._file = h5py.File(self._temporary, "w", locking=False)

    def add(self, scene: LoadedScene, probability: np.ndarray, row: dict[str, Any]) -> None:
        """Keep a scene, unless enough are kept already.

        Its group has the data sets false_colour, bayes and probability (0-255), and `row` as attributes.
        """
        if self._left <= 0 or self._file is None:
            return
        self._left -= 1
        with self._unless_it_fails():
            self._write(self._file, scene, probability, row)

    def _write(
        self, file: h5py.File, scene: LoadedScene, probability: np.ndarray, row: dict[str, Any]
    ) -> None:
        group = file.create_group(f"scene_{len(file):03d}")
        pictures = {
            "false_colour": shrink(false_colour(scene.refs, scene.bts, scene.daylight), GALLERY_PIXELS),
            "bayes": shrink(scene.truth, GALLERY_PIXELS),
            "probability": shrink(np.rint(probability * 255).astype(np.uint8), GALLERY_PIXELS),
        }
        for name, picture in pictures.items():
            group.create_dataset(name, data=picture, compression="gzip", shuffle=True)
        for name, value in row.items():
            if value is not None:
                group.attrs[name] = value

    def close(self) -> None:
        """Finish the file and move it into place."""
        if self._file is not None:
            with self._unless_it_fails():
                self._file.close()
                os.replace(self._temporary, self._path)

    def discard(self) -> None:
        """Remove the unfinished file."""
        file, self._file = self._file, None
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            # HDF5 writes what is left when it closes
            if file is not None:
                file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _unless_it_fails(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            self.problem = " ".join(str(error).split())[:200]
            self.discard()


def _group(groups: dict[str, Tally], name: str) -> Tally:
    return groups.setdefault(name, Tally())


def _summaries(groups: dict[str, Tally]) -> dict[str, Any]:
    return {name: summary(groups[name]) for name in sorted(groups)}
