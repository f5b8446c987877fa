"""Replay: parts of each run, computed again from its seed, its weights and the data.

    without data   where the weights come from (lineage): the seed's beginning is recomputed
    with data      the last evaluation, the test scenes with their pictures, and the first epoch

Weights files are opened by the guarded reader (harness/untrusted/hdf5_guard.py), which gives plain numbers;
the reference computes with these in a process of its own (replay_worker.py). Rules EVD019 and EVD070 to EVD077
judge the results.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from harness.check.lineage import Family, lineage
from harness.check.replay_data import fitting_section
from harness.check.replay_worker import Reference, UsesReference
from harness.check.watch import Watch
from harness.core.errors import WrongData
from harness.core.words import plural
from harness.untrusted.hdf5_guard import Reader
from reference.protocol.keys import AUGMENTATION_KEY, AUGMENTATIONS, NORMALISATION_KEY, NORMALISATIONS
from reference.protocol.settings import (
    DEFAULT_PRECISION,
    HYPERPARAMETER_KEYS,
    LINEAR_PRECISION_KEY,
    PRECISIONS,
    TF32,
)
from rules.facts.log_reading import durations, integer, number
from rules.model.evidence import EpochAgain, Lineage, PictureDifference, Replay, ScenesAgain
from rules.model.layout import RunFiles, run_number
from rules.model.package import PackageHeader
from rules.model.run import Run

# what the log calls the lowest precision -> the reference's policy; TF32 is one way to compute in float32
POLICIES = {logged: policy for policy, logged in PRECISIONS.items()} | {TF32: DEFAULT_PRECISION}
MAX_BATCH = 256
MAX_RUNS = 500
NO_DATA = "the data set was not given (--data)"
STEP = 2  # of 255: rounding, on this hardware or another, moves a probability by less
PICTURES = ("false_colour", "bayes", "probability")


class Replayer(UsesReference):
    """A step of the check: computes parts of run after run again, with one of the data sets given.

    A context manager. The reference's process is started for the first run of a package whose weights can
    be read, and serves all of its runs. With `runs`, only so many, drawn at random, are computed again with
    the data; the lineage is looked at in all.
    """

    def __init__(
        self, data: Sequence[Path] = (), watch: Watch | None = None, runs: int | None = None
    ) -> None:
        self._data, self._watch, self._count = data, watch or Watch(), runs
        self._header: PackageHeader | None = None
        self._reason: str | None = None  # why no run of the present package can be computed again
        self._wrong: WrongData | None = None  # set when a package names another data set than those given
        self._section: dict[str, Any] | None = None
        self._chosen: set[int] | None = None  # runs computed again with the data; None: all
        self._family = Family()
        self._done = 0
        self._reader = Reader()

    def __call__(self, run: Run) -> Replay:
        """What could be computed again of a run, and why not the rest.

        Raises WrongData when the run's package names another data set than those given.
        """
        if run.package is not self._header:
            self._begin(run)
        if self._wrong is not None:
            raise self._wrong
        return self._evaluate(run)

    def _evaluate(self, run: Run) -> Replay:
        if run.weights_sha256 is None or run.evidence_dir is None:
            return Replay(absent=True, reason="the weights are not in the package")
        reason = self._reason or _foreign_code(run)
        if reason is not None:
            return _nothing(reason)
        if self._done >= MAX_RUNS:
            return _nothing(f"only the first {MAX_RUNS} runs are computed again")
        try:
            weights = self._reader.weights(RunFiles(run.evidence_dir).weights)
        except ValueError as error:
            return replace(_nothing("the weights cannot be read"), reason=None, problem=str(error))
        self._done += 1
        self._reference = self._reference or Reference(self._section, self._watch)
        came = self._lineage(run, weights, self._reference)
        return replace(self._with_data(run, weights, self._reference), lineage=came)

    def _lineage(self, run: Run, weights: np.ndarray, reference: Reference) -> Lineage:
        beginning, why = None, "the seed of the run is not stated"
        seed = run.record.seed if run.record is not None else integer(run.settings, "seed")
        if seed is not None:
            path = reference.folder / "beginning.npy"
            said = reference.ask("the beginning", run.index, "initial", seed=seed, out=str(path))
            why = f"the beginning could not be computed: {said.get('failed')}"
            if "failed" not in said:
                beginning = np.load(path, allow_pickle=False)
        return lineage(run.index, weights, beginning, why, self._family)

    def _with_data(self, run: Run, weights: np.ndarray, reference: Reference) -> Replay:
        """Evaluation, first epoch and test scenes."""
        if self._section is None:
            return _nothing(NO_DATA)
        if self._chosen is not None and run.index not in self._chosen:
            return _nothing("the run was not drawn (--replay-runs)")
        settings, why = settings_of(run)
        if settings is None:
            return _nothing(str(why))
        path = reference.folder / "weights.npy"
        np.save(path, weights, allow_pickle=False)
        how = {name: value for name, value in settings.items() if name != "hyperparameters"}
        title = f"run {run.index}"
        self._watch.say(f"replay: evaluating the weights of run {run.index}")
        batch = min(settings["hyperparameters"]["global_batch_size"], MAX_BATCH)
        said = reference.ask(
            f"{title}: evaluation", run.index, "evaluate", weights=str(path), batch=batch, **how
        )
        accuracy = said.get("accuracy")
        came = "no result" if accuracy is None else f"an accuracy of {accuracy:.4f}"
        self._watch.say(f"replay: evaluating the weights of run {run.index} gave {came}")
        evaluated = _evaluated(said)
        scenes = self._scenes(run, path, how, reference)
        self._watch.say(f"replay: training epoch 1 of run {run.index} again")
        trained = train_epoch(reference, run, settings, 1, None, None)
        return replace(evaluated, epoch=trained, scenes=scenes)

    def _scenes(self, run: Run, weights: Path, how: dict[str, Any], reference: Reference) -> ScenesAgain:
        assert run.evidence_dir is not None
        again, stored = reference.folder / "gallery.h5", RunFiles(run.evidence_dir).gallery
        there = stored.name in run.file_digests
        said = reference.ask(
            f"run {run.index}: test scenes",
            run.index,
            "scenes",
            weights=str(weights),
            gallery=str(again),
            gallery_scenes=24 if there else 0,
            **how,
        )
        if "failed" in said:
            return ScenesAgain(reason=f"the test scenes could not be predicted: {said['failed']}")
        found = ScenesAgain(science=said["science"])
        if not there:
            return found
        try:
            return replace(found, pictures=compare_pictures(self._reader, stored, again))
        except ValueError as error:
            return replace(found, pictures_problem=str(error))

    def _begin(self, run: Run) -> None:
        """Look at what a package was made with, and say what the work will cost."""
        self.close()
        header = run.package
        self._header, self._wrong, self._done, self._section = header, None, 0, None
        self._family = Family()
        self._reason = self._chosen = None
        if importlib.util.find_spec("tensorflow") is None:
            self._reason = "TensorFlow is not installed here: nothing was computed again"
            return
        numbers = sorted({n for n in (run_number(name) for name in header.result_names) if n is not None})
        if self._count is not None and self._count < len(numbers):
            self._chosen = set(secrets.SystemRandom().sample(numbers, self._count))
        if self._data and header.dataset is not None:
            self._say_cost(run, len(numbers if self._chosen is None else self._chosen))
            try:
                self._section = fitting_section(header.dataset, self._data, self._watch.progress)
            except WrongData as error:
                self._wrong = error

    def _say_cost(self, run: Run, runs: int) -> None:
        """An estimate by what the first run logged, on its own machine."""
        epochs = [ms for _, ms in durations(run.log, "epoch") if ms is not None][:1]
        rest = [ms for _, ms in durations(run.log, "inference") if ms is not None][:1]
        last = [ms for _, ms in durations(run.log, "eval") if ms is not None][-1:]
        drawn = "" if self._chosen is None else f" (drawn: {', '.join(map(str, sorted(self._chosen)))})"
        if epochs:
            each_s = sum(epochs + last + rest) / 1000
            self._watch.say(
                f"replay: {plural(runs, 'run')}{drawn}, each one epoch, one evaluation and the test scenes: these took "
                f"{each_s:.0f} s in the first run, so {each_s * runs:.0f} s in all on a machine as fast as its own"
            )


def compare_pictures(reader: Reader, stored: Path, again: Path) -> tuple[PictureDifference, ...]:
    """Each picture that is stored against the same made again.

    Raises ValueError, in one line, when the stored gallery cannot be read or shows other scenes.
    """
    shown, made = reader.gallery(stored), {scene.name: scene for scene in reader.gallery(again).scenes}
    if shown.notes:
        raise ValueError(shown.notes[0])
    found = []
    for scene in shown.scenes:
        twin = made.get(scene.name)
        if twin is None:
            raise ValueError(f"{scene.name} is not among the first test scenes")
        for picture in PICTURES:
            a, b = getattr(scene, picture), getattr(twin, picture)
            if a.shape != b.shape:
                raise ValueError(f"{scene.name}: {picture} has the shape {a.shape}, {b.shape} expected")
            far = np.abs(a.astype(np.int16) - b) > (0 if picture == "bayes" else STEP)
            found.append(PictureDifference(scene.name, picture, float(far.mean()), STEP))
    return tuple(found)


def train_epoch(
    reference: Reference,
    run: Run,
    settings: dict[str, Any],
    epoch: int,
    before: Path | None,
    after: Path | None,
) -> EpochAgain:
    """One epoch of a run, trained again from a state file (None: from the seed); the state after it as a file."""
    seed = run.record.seed if run.record is not None else integer(run.settings, "seed")
    if seed is None:
        return EpochAgain(reason="the seed of the run is not stated")
    said = reference.ask(
        f"run {run.index}: epoch {epoch}",
        run.index,
        "epoch",
        seed=seed,
        epoch=epoch,
        out=str(after) if after else None,
        **{"from": str(before) if before else None},
        **settings,
    )
    if "failed" in said:
        return EpochAgain(reason=f"the epoch could not be trained again: {said['failed']}")
    return EpochAgain(loss=_number(said["loss"]), accuracy=_number(said["accuracy"]))


def settings_of(run: Run) -> tuple[dict[str, Any] | None, str | None]:
    """Precision and hyperparameters of a run for the reference, or why it cannot be computed again."""
    logged = str(run.log.value(LINEAR_PRECISION_KEY))
    if logged not in POLICIES:
        return None, "the reference does not compute in the logged precision"
    hyperparameters: dict[str, Any] = {}
    for name, key in HYPERPARAMETER_KEYS.items():
        value = number(run.settings, key)
        if value is None and name in ("global_batch_size", "learning_rate"):
            return None, f"the log states no {key}"
        if value is not None:
            hyperparameters[name] = int(value) if integer(run.settings, key) is not None else value
    batch = hyperparameters["global_batch_size"]
    if not isinstance(batch, int) or not 1 <= batch <= 1 << 16 or not hyperparameters["learning_rate"] > 0:
        return None, "batch size or learning rate is none that the reference trains with"
    found = {"precision": POLICIES[logged], "tf32": logged == TF32, "hyperparameters": hyperparameters}
    for name, key, known in (
        ("normalisation", NORMALISATION_KEY, NORMALISATIONS),
        ("augmentation", AUGMENTATION_KEY, AUGMENTATIONS),
    ):
        value = run.log.value(key)
        if value is not None and value not in known:
            return None, f"the reference knows no such {key}"
        found.update({name: value} if value is not None else {})
    return found, None


def _foreign_code(run: Run) -> str | None:
    """Why the weights of another implementation are not compared: in open they need not fit the reference."""
    recipe = run.package.recipe
    if recipe is None:
        return "there is no readable recipe.yaml"
    if recipe.get("command") is not None and run.division == "open":
        return "another implementation ran: its weights need not fit the reference model"
    return None


def _nothing(reason: str) -> Replay:
    return Replay(
        reason=reason,
        lineage=Lineage(reason=reason),
        epoch=EpochAgain(reason=reason),
        scenes=ScenesAgain(reason=reason),
    )


def _evaluated(said: dict[str, Any]) -> Replay:
    if "failed" in said:
        return Replay(reason=f"the weights could not be evaluated: {said['failed']}")
    return Replay(
        accuracy=_number(said["accuracy"]),
        loss=_number(said["loss"]),
        samples=int(said["samples"]),
        device=str(said["device"]),
    )


def _number(value: Any) -> float:
    """A number of the reference's answer, in which NaN is null."""
    return float("nan") if value is None else float(value)
