"""`python -m reference.tensorflow.replay`: evaluate stored weights again, as in the last epoch of a run.

Reads JSON lines from standard input: first a run spec's data, then one line per run, {"run", "weights",
"precision", "batch", "tf32"}, weights the path of a .npy file with all of the model's numbers in order.
Answers each run with a JSON line on standard output: {"run", "accuracy", "loss", "samples", "device"}, or
{"run", "failed"} when it could not be done.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from reference.data.pipeline import PatchStore
from reference.data.split import split_patches
from reference.protocol.log import Progress
from reference.protocol.spec import Hyperparameters, RunSpec, parse_spec
from reference.tensorflow.environment import quiet_tensorflow
from reference.tensorflow.strategies import place
from reference.tensorflow.weights import as_layers

TOKEN = ":::REPLAY "


def main() -> int:
    """Entry point: evaluate run after run. Raises ValueError for a wrong data section."""
    quiet_tensorflow()
    data = json.loads(sys.stdin.readline())
    # a run spec's own parser checks the data section; the rest of it does not matter here
    spec = parse_spec(json.dumps({"schema": 1, "run": 0, "seed": 0, "output_dir": "", "data": data}))
    for line in sys.stdin:
        run = json.loads(line)
        try:
            result = evaluate(spec, run, as_layers(np.load(run["weights"], allow_pickle=False)))
        except ValueError as error:
            result = {"failed": _one_line(error)}
        print(TOKEN + json.dumps({"run": run["run"], **result}), flush=True)
    return 0


def evaluate(spec: RunSpec, run: dict[str, Any], weights: list[np.ndarray]) -> dict[str, Any]:
    """Accuracy and loss of one run's weights on the validation patches.

    Raises ValueError when the data or the weights do not fit.
    """
    import keras
    import tensorflow as tf

    from reference.tensorflow.training import Trainer

    tf.config.experimental.enable_tensor_float_32_execution(bool(run["tf32"]))
    keras.backend.clear_session()
    hyperparameters = Hyperparameters(global_batch_size=run["batch"])
    spec = RunSpec(0, 0, spec.data, "", hyperparameters, precision=run["precision"])
    trainer = Trainer(spec, place("one-device"))
    trainer.model.set_weights(weights)
    patches = split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split).validation
    store = PatchStore(spec.data.train_files, patches, spec.data.geometry)
    try:
        score = trainer.evaluate(store, 1, Progress(False))
    finally:
        store.close()
    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    return {"accuracy": score.accuracy, "loss": score.loss, "samples": score.samples, "device": device}


def _one_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:300]


if __name__ == "__main__":
    sys.exit(main())
