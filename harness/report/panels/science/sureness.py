"""How sure the science metrics are: intervals over scenes, runs compared by scene, agreement between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from harness.core.words import plural
from harness.report.drawing.text import clean
from harness.report.panels.gallery.builder import picture_name, png
from harness.report.panels.science.model import AgreementCard, ErrorMap, SceneTotal
from harness.science.agreement import Agreement, Prediction, agreement
from harness.science.counts import SceneCounts, in_common, scene_counts
from harness.science.paired import compare, in_words
from harness.science.resampling import DRAWS, FEWEST, SEED
from harness.untrusted.documents import Unreadable, read_object
from harness.untrusted.hdf5_guard import Reader
from reference.science.stamp import stamped
from rules.model.layout import RunFiles
from rules.model.run_facts import RunFacts

MAX_RUNS = 20  # whose counts of scenes are read
MAX_GALLERIES = 10
MAX_TOTALS = 400
RIGHT, WRONG = (28, 52, 74), (255, 214, 92)  # right in all runs, wrong in all runs


@dataclass(frozen=True)
class Counted:
    """Runs with counts of scenes, by index, all about the same scenes; or why there are none."""

    runs: Mapping[int, SceneCounts]
    reason: str = ""


def read_counts(runs: list[RunFacts]) -> Counted:
    """The counts of every run's scenes. Raises nothing for what a file holds."""
    stated = [run for run in runs if run.science is not None and run.evidence_dir is not None][:MAX_RUNS]
    found = {run.index: scene_counts(_science(run)) for run in stated}
    known = {index: counts for index, counts in found.items() if counts is not None}
    if not known:
        return Counted({}, "no run has counts of its scenes (science.json of schema 2)" if stated else "")
    matched = in_common(list(known.values()))
    if not matched[0].scenes:
        return Counted({}, "the runs have no scene in common")
    return Counted(dict(zip(known, matched, strict=True)))


def _science(run: RunFacts) -> dict[str, Any]:
    assert run.evidence_dir is not None
    try:
        return read_object(RunFiles(run.evidence_dir).science)
    except Unreadable:
        return {}


def how_sure(counted: Counted) -> str:
    """How the intervals were made, or why there are none; empty where nothing was measured."""
    if not counted.runs:
        return f"No intervals: {counted.reason}." if counted.reason else ""
    scenes = next(iter(counted.runs.values())).scenes
    if scenes < FEWEST:
        return f"No intervals: {plural(scenes, 'test scene')} are too few (at least {FEWEST} are needed)."
    return (
        f"95 % intervals of the mean over runs, from {DRAWS} draws of the {scenes} scenes with replacement (seed "
        f"{SEED}), the same for all runs. They say how a number would move with other scenes of the same kind; what "
        "other seeds do is in the spread of the runs."
    )


def farthest_apart(counted: Counted) -> str:
    """The two runs with the most different accuracies, compared by scene, in one sentence; empty for one run."""
    if len(counted.runs) < 2:
        return ""
    accuracy = {index: _accuracy(counts) for index, counts in counted.runs.items()}
    pairs = combinations(sorted(accuracy, key=lambda index: -accuracy[index]), 2)
    first, second = max(pairs, key=lambda pair: accuracy[pair[0]] - accuracy[pair[1]])
    found = compare([counted.runs[first]], [counted.runs[second]])
    words = in_words(found, f"run {first}", f"run {second}") if found else ""
    return f"The two runs farthest apart, by scene: {words}." if words else ""


def scene_totals(counted: Counted) -> list[SceneTotal]:
    """Pixels by scene, summed over runs, for comparisons with other entries."""
    sides = list(counted.runs.values())
    if not sides:
        return []
    right = sum(one.confusion[:, 0] + one.confusion[:, 3] for one in sides)
    pixels = sum(one.pixels for one in sides)
    rows = zip(sides[0].names, np.atleast_1d(right).tolist(), np.atleast_1d(pixels).tolist(), strict=True)
    return [
        SceneTotal(name=clean(n, 120), right=int(r), pixels=int(p)) for n, r, p in list(rows)[:MAX_TOTALS]
    ]


def agreed(
    runs: list[RunFacts], reader: Reader, synthetic: bool
) -> tuple[AgreementCard | None, str, dict[str, bytes]]:
    """Agreement of the runs, what it was measured on or why not, and the pictures of where they err."""
    predictions = [_predictions(run, reader) for run in runs[:MAX_GALLERIES]]
    kept = [one for one in predictions if one]
    found = agreement(kept)
    if found is None:
        why = "fewer than two runs kept pictures of the same scenes"
        return None, f"Agreement between runs: not measured, {why}.", {}
    files: dict[str, bytes] = {}
    maps = [_error_map(found, name, number, synthetic, files) for number, name in enumerate(found.maps)]
    card = AgreementCard(
        runs=found.runs,
        scenes=found.scenes,
        pairs=found.pairs,
        ensemble=found.ensemble,
        single=found.single,
        maps=maps,
    )
    note = f"In the {plural(found.scenes, 'scene')} of which {found.runs} runs kept their predictions as pictures."
    return card, note, files


def _predictions(run: RunFacts, reader: Reader) -> list[Prediction]:
    path = RunFiles(run.evidence_dir).gallery if run.evidence_dir else None
    if path is None or not path.is_file():
        return []
    try:
        scenes = reader.gallery(path).scenes
    except ValueError:
        return []
    return [Prediction(str(s.attributes["name"] or s.name), s.probability, s.bayes) for s in scenes]


def _error_map(
    found: Agreement, name: str, number: int, synthetic: bool, files: dict[str, bytes]
) -> ErrorMap:
    """Draws the map of one scene into `files`."""
    wrong = found.maps[name]
    image = picture_name(f"errors-{number:02d}", synthetic)
    steps = np.linspace(0, 1, found.runs + 1)[:, None]
    palette = np.rint(np.array(RIGHT) * (1 - steps) + np.array(WRONG) * steps).astype(int)
    files[image] = png(
        stamped(wrong, 0, found.runs) if synthetic else wrong, [tuple(c) for c in palette.tolist()]
    )
    height, width = wrong.shape
    return ErrorMap(
        name=clean(name, 120),
        image=image,
        width=width,
        height=height,
        never=float(np.mean(wrong == 0)),
        always=float(np.mean(wrong == found.runs)),
    )


def _accuracy(counts: SceneCounts) -> float:
    return float((counts.confusion[:, 0] + counts.confusion[:, 3]).sum() / counts.pixels.sum())
