"""Fitting all simple methods to a data set's training patches, and scoring them as the U-Net is scored.

Validation counts the pixels of the validation patches, testing whole test scenes; borders included, as for
any run. Scenes are read one at a time; of large sets only some training pixels are used, equally many of
each patch, drawn by the patch's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from reference.baselines.base import Baseline, Sample
from reference.baselines.bayes import JointBayes
from reference.baselines.features import NAMES, View, view_of
from reference.baselines.logistic import Logistic
from reference.baselines.majority import Majority
from reference.baselines.records import Method, Record, SceneCounts
from reference.baselines.thresholds import Thresholds
from reference.data.patches import Patch
from reference.data.scenes import load_scene
from reference.data.split import split_digest, split_patches
from reference.protocol.spec import Data, Geometry
from reference.science.metrics import BINS, Tally, summary

TRAINING_PIXELS = 2_000_000  # at most, of all patches together
DIGITS = 6

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


def all_baselines() -> list[Baseline]:
    """New, unfitted methods, the simplest first."""
    return [Majority(), Thresholds(), JointBayes(), Logistic()]


def is_current(record: Record) -> bool:
    """Whether the methods of a record are those of this version."""
    return [(m.name, m.version) for m in record.methods] == [(m.name, m.version) for m in all_baselines()]


def evaluate(data: Data, synthetic: bool, progress: Progress = lambda title, done, total: None) -> Record:
    """Fit and score every method. Raises ValueError for scenes that cannot be read, or hold nothing to fit to."""
    geometry, files = data.geometry, [Path(file) for file in data.train_files]
    split = split_patches(len(files), geometry, data.split)
    sample = training_sample(files, split.train, geometry, progress)
    methods = all_baselines()
    for method in methods:
        method.fit(sample)
    used, validation = len(sample.truth), [Tally() for _ in methods]
    del sample
    by_file = _by_file(split.validation)
    for done, (number, patches) in enumerate(by_file.items(), 1):
        scene = load_scene(files[number], geometry)
        for tally, probability in zip(validation, _predictions(methods, view_of(scene)), strict=True):
            for p in patches:
                at = np.s_[p.row : p.row + geometry.patch_size, p.column : p.column + geometry.patch_size]
                tally.add(probability[at], scene.truth[at])
        progress("Validation scenes", done, len(by_file))
    tested, counts = _test(methods, [Path(file) for file in data.test_files], geometry, progress)
    return Record(
        profile=data.profile,
        synthetic=synthetic,
        dataset_digest=data.digest,
        split_digest=split_digest([file.name for file in files], split),
        training_pixels=used,
        methods=tuple(
            Method(
                name=method.name,
                title=method.title,
                version=method.version,
                needs=method.needs,
                numbers=sum(int(value.size) for value in method.state().values()),
                validation=_rounded(summary(validation[k])),
                test=_rounded(summary(tested[k])),
                scenes=tuple(counts[k]),
            )
            for k, method in enumerate(methods)
        ),
    )


def training_sample(
    files: list[Path], patches: list[Patch], geometry: Geometry, progress: Progress = lambda t, d, n: None
) -> Sample:
    """Valid pixels of the training patches, at most TRAINING_PIXELS of them."""
    each = min(geometry.patch_size**2, max(1, TRAINING_PIXELS // max(1, len(patches))))
    values, day, truth = [], [], []
    by_file = _by_file(patches)
    for done, (number, inside) in enumerate(by_file.items(), 1):
        scene = load_scene(files[number], geometry)
        seen = view_of(scene)
        for k, p in enumerate(inside):
            at = np.s_[p.row : p.row + geometry.patch_size, p.column : p.column + geometry.patch_size]
            usable = np.flatnonzero(seen.valid[at])
            rng = np.random.default_rng([number, k])
            chosen = np.sort(rng.choice(usable, min(each, len(usable)), replace=False))
            values.append(seen.values[at].reshape(-1, len(NAMES))[chosen])
            truth.append(scene.truth[at].ravel()[chosen])
            day.append(np.full(len(chosen), scene.daylight))
        progress("Training scenes", done, len(by_file))
    return Sample(np.concatenate(values), np.concatenate(day), np.concatenate(truth))


def _test(
    methods: list[Baseline], files: list[Path], geometry: Geometry, progress: Progress
) -> tuple[list[Tally], list[list[SceneCounts]]]:
    """A tally of all test scenes per method, and the counts of every scene."""
    tested = [Tally() for _ in methods]
    counts: list[list[SceneCounts]] = [[] for _ in methods]
    for done, file in enumerate(files, 1):
        scene = load_scene(file, geometry)
        for k, probability in enumerate(_predictions(methods, view_of(scene))):
            tally = Tally().add(probability, scene.truth)
            tested[k].merge(tally)
            counts[k].append(_scene_counts(file.name, tally))
        progress("Test scenes", done, len(files))
    return tested, counts


def _predictions(methods: list[Baseline], view: View) -> Iterator[np.ndarray]:
    """Probability of cloud (H, W) by each method."""
    for method in methods:
        yield method.predict(view)


def _by_file(patches: Iterable[Patch]) -> dict[int, list[Patch]]:
    found: dict[int, list[Patch]] = {}
    for patch in patches:
        found.setdefault(patch.file, []).append(patch)
    return found


def _scene_counts(name: str, tally: Tally) -> SceneCounts:
    (tn, fn), (fp, tp) = (half.sum(axis=0) for half in np.split(tally.counts, [BINS // 2]))
    return SceneCounts(name, int(tp), int(fp), int(fn), int(tn))


def _rounded(scores: dict[str, float | int | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in scores.items()}
