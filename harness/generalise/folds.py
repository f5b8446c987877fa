"""The runs of a leave-one-out test: every group left out once by every seed, each a run of the reference."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import ExitCode, UserError
from harness.core.own_code import start_module
from harness.core.processes import Child, Overtime, Silence
from harness.generalise.groups import Grouped
from harness.generalise.result import FoldRun, Settings, fold_run
from harness.untrusted.documents import Unreadable, read_object
from reference.data.files import write_json
from reference.protocol.log import PROGRESS_TOKEN
from reference.protocol.spec import SPEC_VARIABLE, Data, Geometry, Hyperparameters, RunSpec, Split

LIMIT_S, SILENCE_S = 24 * 3600.0, 1800.0
FEW_SCENES = 5  # fewer cannot be split by scene
DONE = "done.json"  # beside science.json: the spec that it was made by, and the time it took
Say = Callable[[str, dict[str, Any]], None]  # which run, and its progress line


@dataclass(frozen=True)
class Fold:
    """One run: the group that is left out, the seed, and what the reference is told."""

    group: str
    seed: int
    spec: RunSpec

    @property
    def folder(self) -> Path:
        """Where its files go."""
        return Path(self.spec.output_dir)


def folds(scenes: Grouped, settings: Settings, out: Path) -> list[Fold]:
    """All runs, group by group."""
    found = []
    for number, group in enumerate(scenes.names):
        kept = [str(f.absolute()) for f, g in zip(scenes.files, scenes.groups, strict=True) if g != group]
        left = [str(f.absolute()) for f, g in zip(scenes.files, scenes.groups, strict=True) if g == group]
        split = Split("file" if len(kept) >= FEW_SCENES else "patch", settings.train_fraction)
        geometry = Geometry(scenes.height, scenes.width, settings.patch_size)
        data = Data("generalise", "", kept, left, geometry, split, normalisation=settings.normalisation)
        # the target cannot be met and patience cannot run out: all runs train as many epochs
        chosen = Hyperparameters(
            global_batch_size=settings.batch,
            learning_rate=settings.learning_rate,
            max_epochs=settings.epochs,
            early_stopping_patience=settings.epochs + 1,
            target_accuracy=1.0,
        )
        for seed in settings.seeds:
            folder = out / "runs" / f"fold_{number}_seed_{seed}"
            spec = RunSpec(
                run=0,
                seed=seed,
                data=data,
                output_dir=str(folder.absolute()),
                hyperparameters=chosen,
                augmentation=settings.augmentation,
                gallery_scenes=0,
                save_weights=False,
            )
            found.append(Fold(group, seed, spec))
    return found


def run_fold(fold: Fold, say: Say) -> FoldRun:
    """Carry out one run, or take its result where the same one has been made already.

    Raises UserError when the reference fails; its last words are in the folder's errors.txt.
    """
    spec = fold.spec
    known = _finished(fold)
    if known is None:
        fold.folder.mkdir(parents=True, exist_ok=True)
        (fold.folder / DONE).unlink(missing_ok=True)
        started_s = time.monotonic()
        _train(fold, say)
        known = time.monotonic() - started_s
        write_json(fold.folder / DONE, {"spec": asdict(spec), "seconds": known})
    try:
        science = read_object(spec.science_path)
        return fold_run(fold.group, fold.seed, science, len(spec.data.train_files), known)
    except (Unreadable, ValueError) as error:
        raise UserError(f"{spec.science_path}: {error}.", "remove the folder and run again.") from None


def _finished(fold: Fold) -> float | None:
    """How long the same run took before; None when there was none."""
    try:
        done = json.loads((fold.folder / DONE).read_text())
        same = done["spec"] == json.loads(json.dumps(asdict(fold.spec)))
        return float(done["seconds"]) if same and fold.spec.science_path.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _train(fold: Fold, say: Say) -> None:
    spec_path = fold.folder / "spec.json"
    spec_path.write_text(replace(fold.spec).to_json())
    environment = {**os.environ, SPEC_VARIABLE: str(spec_path.absolute()), "TF_CPP_MIN_LOG_LEVEL": "2"}
    title = f"{fold.group}, seed {fold.seed}"
    problem = None
    with (fold.folder / "errors.txt").open("w+b") as errors, (fold.folder / "log.txt").open("w") as log:
        with Child(start_module("reference"), environment, errors) as child:
            try:
                for line in child.lines(LIMIT_S, SILENCE_S):
                    if line is not None and line.text.startswith(PROGRESS_TOKEN):
                        say(title, json.loads(line.text[len(PROGRESS_TOKEN) :]))
                    elif line is not None:
                        log.write(line.text + "\n")
            except (Overtime, Silence) as reason:
                problem = str(reason)
            else:
                child.wait()
        code = child.exit_code
        errors.seek(0)
        words = errors.read()[-4000:].decode(errors="replace").strip().splitlines()
    if problem or code:
        why = problem or (words[-1] if words else f"exit code {code}")
        raise UserError(
            f"The run without {title} failed: {why}.", f"see {fold.folder}/errors.txt.", ExitCode.FAILED
        )
