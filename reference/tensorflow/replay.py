"""`python -m reference.tensorflow.replay`: parts of a run, computed again for a reviewer.

Reads JSON lines from standard input: first a run spec's data (null: none is there), then one task per line,
{"run", "task", ...}, and answers each with a JSON line on standard output: {"run", "task", ...}, or with
"failed" when it could not be done. Arrays are passed as files without pickle: weights as .npy with all of the
model's numbers in order, states as .npz (reference/tensorflow/state.py).

* initial: {"seed", "out"} writes the weights that a run of this seed begins with
* evaluate: {"weights", "precision", "batch", "tf32"} gives accuracy and loss on the validation patches
* epoch: {"seed", "epoch", "from" (null: the seed's beginning), "out", "precision", "tf32", "hyperparameters"}
  trains one epoch, gives its loss and accuracy and writes the state after it
* scenes: {"weights", "precision", "tf32", "gallery", "gallery_scenes"} predicts the test scenes, gives the
  content of science.json and writes the pictures

The last three take "normalisation" and "augmentation" as a run spec names them, where they are not the reference's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reference.data.patches import Patch
from reference.data.pipeline import PatchStore
from reference.data.scenes import load_scene
from reference.data.split import split_patches
from reference.protocol.keys import AUGMENTATIONS, NORMALISATIONS
from reference.protocol.log import Progress, finite
from reference.protocol.spec import Hyperparameters, RunSpec, parse_spec
from reference.science.results import Gallery, Science
from reference.tensorflow.environment import quiet_tensorflow
from reference.tensorflow.state import initial_state, initial_weights, load_state, save_state
from reference.tensorflow.strategies import place
from reference.tensorflow.weights import as_layers

TOKEN = ":::REPLAY "


def main() -> int:
    """Entry point: do task after task. Raises ValueError for a wrong data section."""
    quiet_tensorflow()
    section = json.loads(sys.stdin.readline())
    data = section or {"profile": "", "digest": "", "train_files": [], "test_files": []}
    # a run spec's own parser checks the data section; the rest of it does not matter here
    spec = parse_spec(json.dumps({"schema": 1, "run": 0, "seed": 0, "output_dir": "", "data": data}))
    for line in sys.stdin:
        task = json.loads(line)
        try:
            result = TASKS[task["task"]](spec, task)
        except (ValueError, MemoryError) as error:
            result = {"failed": _one_line(error)}
        said = {"run": task["run"], "task": task["task"], **result}
        print(TOKEN + json.dumps(finite(said)), flush=True)
    return 0


def _initial(spec: RunSpec, task: dict[str, Any]) -> dict[str, Any]:
    np.save(task["out"], initial_weights(task["seed"]), allow_pickle=False)
    return {}


def _evaluate(spec: RunSpec, task: dict[str, Any]) -> dict[str, Any]:
    return evaluate(spec, task, as_layers(np.load(task["weights"], allow_pickle=False)))


def evaluate(spec: RunSpec, task: dict[str, Any], weights: list[np.ndarray]) -> dict[str, Any]:
    """Accuracy and loss of one run's weights on the validation patches.

    Raises ValueError when the data or the weights do not fit.
    """
    import tensorflow as tf

    trainer = _trainer(spec, task, Hyperparameters(global_batch_size=task["batch"]))
    trainer.model.set_weights(weights)
    patches = split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split).validation
    store = _store(spec, task, patches)
    try:
        score = trainer.evaluate(store, 1, Progress(True))
    finally:
        store.close()
    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    return {"accuracy": score.accuracy, "loss": score.loss, "samples": score.samples, "device": device}


def _epoch(spec: RunSpec, task: dict[str, Any]) -> dict[str, Any]:
    """Train one epoch from a state, or from where the seed begins."""
    seed, epoch = task["seed"], task["epoch"]
    state = initial_state(seed) if task["from"] is None else load_state(Path(task["from"]))
    trainer = _trainer(spec, task, Hyperparameters(**task["hyperparameters"]), seed)
    trainer.restore(state)
    patches = split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split).train
    store = _store(spec, task, patches)
    try:
        score = trainer.train_epoch(store, epoch, Progress(True))
    finally:
        store.close()
    if task["out"] is not None:
        save_state(Path(task["out"]), trainer.state())
    return {"loss": score.loss, "accuracy": score.accuracy, "duration_s": score.duration_s}


def _scenes(spec: RunSpec, task: dict[str, Any]) -> dict[str, Any]:
    """Predict the test scenes, as a run does once it is trained."""
    from reference.tensorflow.inference import Predictor

    trainer = _trainer(spec, task, Hyperparameters())
    trainer.model.set_weights(as_layers(np.load(task["weights"], allow_pickle=False)))
    geometry, files = spec.data.geometry, spec.data.test_files
    progress, science = Progress(True), Science()
    gallery = Gallery(Path(task["gallery"]), task["gallery_scenes"])
    scenes = (load_scene(file, geometry) for file in files)
    predictor = Predictor(trainer.model, geometry, task.get("normalisation", NORMALISATIONS[0]))
    for number, (scene, probability) in enumerate(predictor.predict_all(scenes), 1):
        gallery.add(scene, probability, science.add(scene, probability, 0.0))
        progress.say("inference", step=number, steps=len(files))
    gallery.close()
    return {"science": science.to_dict()}


def _store(spec: RunSpec, task: dict[str, Any], patches: list[Patch]) -> PatchStore:
    normalisation = task.get("normalisation", NORMALISATIONS[0])
    return PatchStore(spec.data.train_files, patches, spec.data.geometry, normalisation=normalisation)


def _trainer(spec: RunSpec, task: dict[str, Any], hyperparameters: Hyperparameters, seed: int = 0) -> Any:
    """A trainer on this machine's one device, in the precision of the run."""
    import keras
    import tensorflow as tf

    from reference.tensorflow.training import Trainer

    tf.config.experimental.enable_tensor_float_32_execution(bool(task["tf32"]))
    keras.backend.clear_session()
    augmentation = task.get("augmentation", AUGMENTATIONS[0])
    spec = RunSpec(
        0, seed, spec.data, "", hyperparameters, precision=task["precision"], augmentation=augmentation
    )
    return Trainer(spec, place("one-device"))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


TASKS: dict[str, Callable[[RunSpec, dict[str, Any]], dict[str, Any]]] = {
    "initial": _initial,
    "evaluate": _evaluate,
    "epoch": _epoch,
    "scenes": _scenes,
}

if __name__ == "__main__":
    sys.exit(main())
