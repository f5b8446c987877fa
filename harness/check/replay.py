"""Replay: recompute the last evaluation of each run from the weights it kept.

Weights files are opened by the guarded reader (harness/untrusted/hdf5_guard.py), which gives plain numbers; the
reference evaluates these in a process of its own (reference/tensorflow/replay.py), so that TensorFlow sees no
file of a stranger and its crash does not end the check. The results are attached to the runs as
evidence, which rule EVD019 judges.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import WrongData
from harness.core.files import sha256
from harness.core.processes import Child, Overtime, Silence
from harness.untrusted.hdf5_guard import ROOT, Reader
from rules.facts.log_reading import integer
from rules.model.layout import RunFiles
from rules.model.package import Dataset, DatasetFile, Package
from rules.model.run import Replay, Run

if TYPE_CHECKING:
    from reference.protocol.spec import Geometry

# what the log calls the lowest precision -> the reference's policy, and whether TF32 is allowed
PRECISIONS = {
    "fp32": ("float32", False),
    "tf32": ("float32", True),
    "bfloat16": ("mixed_bfloat16", False),
    "fp16": ("mixed_float16", False),
}
TOKEN = ":::REPLAY "
LIMIT_S = 4 * 3600.0  # of all runs of a package: the official validation set takes minutes on a GPU
MAX_BATCH = 256
MAX_RUNS = 500  # their weights take 4 GB of the temporary folder
MAX_SIDE, MAX_PATCH, MAX_PATCHES = 20_000, 1024, 2_000_000

Say = Callable[[str], None]


def replay_package(package: Package, data: Path, say: Say = lambda line: None) -> None:
    """Evaluate every run's weights again on the data set in `data`, and attach a Replay to each run.

    What cannot be replayed gets a Replay with the reason. Raises WrongData when `data` is not the
    package's data set.
    """
    reason = _impossible(package)
    if reason is not None:
        for run in package.runs:
            run.replay = Replay(reason=reason)
        return
    assert package.dataset is not None
    section = _data_section(package.dataset, data, say)
    with tempfile.TemporaryDirectory(prefix="cloudmask-replay-") as folder:
        wanted = _requests(package.runs, Path(folder))
        found = {}
        for said in _evaluated(section, wanted, Path(folder), say) if wanted else ():
            found[said.pop("run")] = said
    lost = "the evaluation ended before this run (see the messages above)"
    for run in package.runs:
        if run.replay is None:
            run.replay = _result(found.get(run.index, {"failed": lost}))


def _impossible(package: Package) -> str | None:
    """Why no run of the package can be replayed."""
    if importlib.util.find_spec("tensorflow") is None:
        return "TensorFlow is not installed here: the weights were not evaluated again"
    if package.dataset is None:
        return "there is no readable dataset.json: the evaluation's patches are not known"
    if package.recipe is None or package.recipe.get("command") is not None:
        return "another implementation ran: its weights need not fit the reference model"
    return None


def _requests(runs: list[Run], folder: Path) -> list[dict[str, Any]]:
    """What the reference has to know of each run; its weights lie in `folder` as plain arrays.

    Runs that cannot be replayed get a Replay that says why.
    """
    import numpy as np

    reader = Reader()
    wanted: list[dict[str, Any]] = []
    for run in runs:
        settings, why = _settings(run)
        if len(wanted) >= MAX_RUNS:
            settings, why = None, f"only the first {MAX_RUNS} runs are evaluated again"
        if settings is None:
            run.replay = Replay(reason=why)
            continue
        assert run.evidence_dir is not None
        path = folder / f"{run.index}.npy"
        try:
            np.save(path, reader.weights(RunFiles(run.evidence_dir).weights), allow_pickle=False)
        except ValueError as error:
            run.replay = Replay(problem=str(error))
        else:
            wanted.append({"run": run.index, "weights": str(path), **settings})
    return wanted


def _settings(run: Run) -> tuple[dict[str, Any] | None, str | None]:
    """Precision and batch of a run's evaluation, or why it cannot be replayed."""
    if run.weights_sha256 is None or run.evidence_dir is None:
        return None, "the weights are not in the package"
    precision = PRECISIONS.get(str(run.log.value("lowest_numerical_precision_in_linear")))
    if precision is None:
        return None, "the logged precision is none that the reference computes in"
    batch = integer(run.settings, "global_batch_size")
    if batch is None or batch < 1:
        return None, "the log states no batch size"
    policy, tf32 = precision
    return {"precision": policy, "tf32": tf32, "batch": min(batch, MAX_BATCH)}, None


def _result(said: dict[str, Any]) -> Replay:
    if "problem" in said:
        return Replay(problem=str(said["problem"]))
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
        raise WrongData(f"dataset.json describes no data set ({error}).", "see `cloudmask check`.") from None
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
    """Refuse sizes that only fill the memory: dataset.json comes from a stranger. Raises ValueError."""
    sides = (geometry.scene_height, geometry.scene_width, geometry.patch_size)
    if not all(isinstance(s, int) and 8 <= s <= MAX_SIDE for s in sides):
        raise ValueError(f"sides of {min(sides)} to {max(sides)} pixels")
    if geometry.patch_size > MAX_PATCH or geometry.patches_per_scene * scenes > MAX_PATCHES:
        raise ValueError("patches too large or too many")


class _Places:
    """Where the scenes of a description lie below a folder: under their own name, else by file name."""

    def __init__(self, folder: Path, profile: str) -> None:
        inner = folder / profile
        self._folder = inner if not (folder / "one-day").is_dir() and _is_name(profile, inner) else folder
        self._by_name: dict[str, Path] | None = None
        if not self._folder.is_dir():
            raise WrongData(f"{folder} is no folder.", "name the data set's folder with --data.")

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


def _evaluated(
    section: dict[str, Any], runs: list[dict[str, Any]], folder: Path, say: Say
) -> Iterator[dict[str, Any]]:
    """What the reference says of each run; ends early when its process does."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    request = folder / "request.json"
    request.write_text(json.dumps({"data": section, "runs": runs}), encoding="utf-8")
    command = [sys.executable, "-u", "-m", "reference.tensorflow.replay", str(request)]
    say(f"replay: evaluating the weights of {len(runs)} run(s)")
    with (folder / "errors.txt").open("w+b") as errors, Child(command, environment, errors, ROOT) as child:
        try:
            for line in child.lines(LIMIT_S, LIMIT_S):
                if line is not None and line.text.startswith(TOKEN):
                    said = json.loads(line.text[len(TOKEN) :])
                    say(f"replay: run {said['run']}: {said.get('accuracy', 'no result')}")
                    yield said
        except (Overtime, Silence) as reason:
            say(f"replay: ended: {reason}")
        child.wait(10)
        errors.seek(0)
        tail = errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        if child.exit_code not in (0, None) and tail:
            say(f"replay: {tail[-1]}")
