"""Replay: recompute the last evaluation of each run from its stored weights.

Weights files are opened by the guarded reader (harness/untrusted/hdf5_guard.py), which gives plain numbers;
the reference evaluates these in a process of its own (reference/tensorflow/replay.py), so that TensorFlow
never opens an untrusted file and its crash does not end the check. Rule EVD019 judges the result.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import WrongData
from harness.core.files import sha256
from harness.core.own_code import start_module
from harness.core.processes import Child, Overtime, Silence
from harness.untrusted.hdf5_guard import ROOT, Reader
from reference.protocol.official import TRAIN_FOLDERS
from reference.protocol.settings import DEFAULT_PRECISION, LINEAR_PRECISION_KEY, PRECISIONS, TF32
from rules.facts.log_reading import integer
from rules.model.evidence import Replay
from rules.model.layout import RunFiles
from rules.model.package import Dataset, DatasetFile, PackageHeader
from rules.model.run import Run

if TYPE_CHECKING:
    from reference.protocol.spec import Geometry

# what the log calls the lowest precision -> the reference's policy; TF32 is one way to compute in float32
POLICIES = {logged: policy for policy, logged in PRECISIONS.items()} | {TF32: DEFAULT_PRECISION}
TOKEN = ":::REPLAY "
LIMIT_S = 4 * 3600.0  # of all runs of a package: the official validation set takes minutes on a GPU
MAX_BATCH = 256
MAX_RUNS = 500
MAX_SIDE, MAX_PATCH, MAX_PATCHES = 20_000, 1024, 2_000_000
LOST = "the evaluation ended before this run (see the messages above)"

Say = Callable[[str], None]


class Replayer:
    """A step of the check: evaluates the weights of run after run again, on one of the data sets given.

    A context manager. The reference's process is started for the first run of a package whose weights can
    be read, and serves all of its runs.
    """

    def __init__(self, data: Sequence[Path], say: Say = lambda line: None) -> None:
        self._data, self._say = data, say
        self._header: PackageHeader | None = None
        self._reason: str | None = None  # why no run of the present package can be replayed
        self._wrong: WrongData | None = None  # set when a package names another data set than those given
        self._section: dict[str, Any] = {}
        self._evaluator: Evaluator | None = None
        self._evaluated = 0
        self._reader = Reader()

    def __call__(self, run: Run) -> Replay:
        """The last evaluation of a run, or why there is none.

        Raises WrongData when the run's package names another data set than those given.
        """
        if run.package is not self._header:
            self._begin(run.package)
        if self._wrong is not None:
            raise self._wrong
        if self._reason is not None:
            return Replay(reason=self._reason)
        return self._evaluate(run)

    def _evaluate(self, run: Run) -> Replay:
        settings, why = _settings(run)
        if settings is None or run.evidence_dir is None:
            return Replay(reason=why)
        if self._evaluated >= MAX_RUNS:
            return Replay(reason=f"only the first {MAX_RUNS} runs are evaluated again")
        try:
            weights = self._reader.weights(RunFiles(run.evidence_dir).weights)
        except ValueError as error:
            return Replay(problem=str(error))
        self._evaluated += 1
        self._evaluator = self._evaluator or Evaluator(self._section, self._say)
        return _result(self._evaluator.evaluate(run.index, weights, settings))

    def _begin(self, header: PackageHeader) -> None:
        """Look at what a package was evaluated on."""
        self.close()
        self._header, self._wrong, self._evaluated = header, None, 0
        self._reason = _impossible(header)
        if self._reason is not None or header.dataset is None:
            return
        for folder in self._data:
            try:
                self._section = _data_section(header.dataset, folder, self._say)
                self._wrong = None
                return
            except WrongData as error:
                self._wrong = self._wrong or error

    def close(self) -> None:
        """End the reference's process."""
        if self._evaluator is not None:
            self._evaluator.close()
            self._evaluator = None

    def __enter__(self) -> Replayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _impossible(header: PackageHeader) -> str | None:
    """Why no run of the package can be replayed."""
    if importlib.util.find_spec("tensorflow") is None:
        return "TensorFlow is not installed here: the weights were not evaluated again"
    if header.dataset is None:
        return "there is no readable dataset.json: the evaluation's patches are not known"
    if header.recipe is None or header.recipe.get("command") is not None:
        return "another implementation ran: its weights need not fit the reference model"
    return None


def _settings(run: Run) -> tuple[dict[str, Any] | None, str | None]:
    """Precision and batch of a run's evaluation, or why it cannot be replayed."""
    if run.weights_sha256 is None or run.evidence_dir is None:
        return None, "the weights are not in the package"
    logged = str(run.log.value(LINEAR_PRECISION_KEY))
    if logged not in POLICIES:
        return None, "the reference does not compute in the logged precision"
    batch = integer(run.settings, "global_batch_size")
    if batch is None or batch < 1:
        return None, "the log states no batch size"
    return {"precision": POLICIES[logged], "tf32": logged == TF32, "batch": min(batch, MAX_BATCH)}, None


def _result(said: dict[str, Any]) -> Replay:
    if "failed" in said:
        return Replay(reason=f"the weights could not be evaluated: {said['failed']}")
    return Replay(
        accuracy=float(said["accuracy"]),
        loss=float(said["loss"]),
        samples=int(said["samples"]),
        device=str(said["device"]),
    )


# ---------------------------------------------------------------- data


def _data_section(dataset: Dataset, folder: Path, say: Say) -> dict[str, Any]:
    """A run spec's data section with the local files, in the order of dataset.json.

    The validation scenes are compared by content. Raises WrongData when they are not the package's.
    """
    from reference.data.split import split_patches
    from reference.protocol.spec import Geometry, Split

    try:
        geometry, split = Geometry(**dataset.geometry), Split(**dataset.split)
        _bounded(geometry, len(dataset.train))
        patches = split_patches(len(dataset.train), geometry, split)
    except (TypeError, ValueError) as error:
        raise WrongData(
            f"dataset.json does not describe a data set ({error}).", "see `cloudmask check`."
        ) from None
    places = _Places(folder, dataset.profile)
    paths = [places.find(file) for file in dataset.train]
    used = sorted({p.file for p in patches.validation})
    say(f"replay: comparing {len(used)} validation scenes with the package's description")
    for number in used:
        if sha256(paths[number]) != dataset.train[number].sha256:
            raise WrongData(
                f"{paths[number]} has other content than the package describes.",
                "name the data set that the runs used with --data.",
            )
    return {
        "profile": dataset.profile,
        "digest": dataset.digest,
        "train_files": [str(p.absolute()) for p in paths],
        "test_files": [],
        "geometry": dataset.geometry,
        "split": dataset.split,
    }


def _bounded(geometry: Geometry, scenes: int) -> None:
    """Refuse sizes that would only fill the memory: dataset.json is untrusted. Raises ValueError."""
    sides = (geometry.scene_height, geometry.scene_width, geometry.patch_size)
    if not all(isinstance(s, int) and 8 <= s <= MAX_SIDE for s in sides):
        raise ValueError(f"sides of {min(sides)} to {max(sides)} pixels")
    if geometry.patch_size > MAX_PATCH or geometry.patches_per_scene * scenes > MAX_PATCHES:
        raise ValueError("patches too large or too many")


class _Places:
    """Where the scenes of a description lie below a folder: under their own name, else by file name."""

    def __init__(self, folder: Path, profile: str) -> None:
        inner = folder / profile
        bare = not any((folder / name).is_dir() for name in TRAIN_FOLDERS)
        self._folder = inner if bare and _is_name(profile, inner) else folder
        self._by_name: dict[str, Path] | None = None
        if not self._folder.is_dir():
            raise WrongData(f"{folder} is not a folder.", "name the data set's folder with --data.")

    def find(self, file: DatasetFile) -> Path:
        parts = Path(file.name).parts
        if not parts or ".." in parts or Path(file.name).is_absolute():
            raise WrongData(f"dataset.json names a file outside of the data set: {file.name[:80]!r}.")
        path = self._folder.joinpath(*parts)
        found = path if os.path.isfile(path) else self._known().get(parts[-1])
        if found is None:
            raise WrongData(
                f"{self._folder} has no scene {file.name[:200]}.",
                "name the data set that the runs used with --data.",
            )
        return found

    def _known(self) -> dict[str, Path]:
        if self._by_name is None:
            self._by_name = {p.name: p for p in sorted(self._folder.glob("**/S3A*.hdf"))}
        return self._by_name


def _is_name(profile: str, inner: Path) -> bool:
    return Path(profile).name == profile and os.path.isdir(inner)  # False for a name no disk can hold


# ---------------------------------------------------------------- evaluation


class Evaluator:
    """The reference's own process, which evaluates weights on the validation patches of one data set."""

    def __init__(self, section: dict[str, Any], say: Say) -> None:
        self._say = say
        self._held = ExitStack()
        self._folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="cloudmask-replay-")))
        self._errors = self._held.enter_context((self._folder / "errors.txt").open("w+b"))
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = start_module("reference.tensorflow.replay", unbuffered=True)
        child = Child(command, environment, self._errors, ROOT, asked=True)
        self._child = self._held.enter_context(child)
        self._lines = child.lines(LIMIT_S, LIMIT_S)
        self._lost = False
        child.send(json.dumps(section))

    def evaluate(self, run: int, weights: Any, settings: dict[str, Any]) -> dict[str, Any]:
        """What the reference says of the weights (all of the model's numbers, in order) of one run."""
        import numpy as np

        if self._lost:
            return {"failed": LOST}
        path = self._folder / "weights.npy"
        np.save(path, weights, allow_pickle=False)
        self._say(f"replay: evaluating the weights of run {run}")
        self._child.send(json.dumps({"run": run, "weights": str(path), **settings}))
        try:
            for line in self._lines:
                if line is not None and line.text.startswith(TOKEN):
                    said: dict[str, Any] = json.loads(line.text[len(TOKEN) :])
                    if said.get("run") != run:
                        continue
                    self._say(f"replay: run {run}: {said.get('accuracy', 'no result')}")
                    return said
        except (Overtime, Silence) as reason:
            self._say(f"replay: ended: {reason}")
        self._lost = True
        self._child.end()
        self._explain()
        return {"failed": LOST}

    def _explain(self) -> None:
        """Log the last line of the error output of a process that failed."""
        self._child.wait(10)
        self._errors.seek(0)
        tail = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        if self._child.exit_code not in (0, None) and tail:
            self._say(f"replay: {tail[-1]}")

    def close(self) -> None:
        """End the process and remove its files."""
        self._held.close()
