"""An implementation that trains nothing: it logs a plausible run in a blink, to test the machinery around it.

FAKE in the environment makes it misbehave: crash, hang, mute (no run_stop), abort, orphan, long (6 s more, which
begin when the file FAKE_GO is there); only in the run FAKE_RUN (the others as FAKE_REST says), and only as
long as the file FAKE_ONCE is not there (which it then writes).
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from mlperf_logging import mllog

from reference.data.dataset import locate_files
from reference.data.patches import split_patches
from reference.protocol.spec import RunSpec, load_spec
from tests.support import ROOT
from tests.support.waiting import HANG_S, wait_for

LOG = mllog.get_mllogger()
mllog.config(root_dir=str(ROOT))


def burn(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))


def settings(spec: RunSpec) -> dict[str, object]:
    h, data = spec.hyperparameters, spec.data
    paths = locate_files(data.train_files, data.test_files)
    patches = split_patches(len(paths.train), data.geometry, data.split)
    scenes = int(len(paths.train) * data.split.train_fraction)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    return {
        "seed": spec.seed,
        "number_of_ranks": ranks,
        "global_batch_size": h.global_batch_size,
        "micro_batch_size": h.global_batch_size // ranks,
        "gradient_accumulation_steps": 1,
        "tensor_parallelism": 1,
        "pipeline_parallelism": 1,
        "context_parallelism": 1,
        "expert_parallelism": 1,
        "opt_name": "adam",
        "opt_base_learning_rate": h.learning_rate,
        "opt_adam_beta_1": h.adam_beta_1,
        "opt_adam_beta_2": h.adam_beta_2,
        "opt_adam_epsilon": h.adam_epsilon,
        "opt_weight_decay": 0.0,
        "loss_function": "binary_crossentropy",
        "max_epochs": h.max_epochs,
        "early_stopping_patience": h.early_stopping_patience,
        "evaluation_frequency": 1,
        "target_quality": h.target_accuracy,
        "lowest_numerical_precision_in_linear": "fp32",
        "lowest_numerical_precision_in_comm": "fp32",
        "model_parameters_count": 1948609,
        "patch_size": data.geometry.patch_size,
        "train_samples": len(patches.train),
        "eval_samples": len(patches.validation),
        "train_scenes": scenes,
        "eval_scenes": len(paths.train) - scenes,
        "test_scenes": len(data.test_files),
        "split_digest": hashlib.sha256(data.digest.encode()).hexdigest(),
    }


def train(spec: RunSpec, samples: int, misbehave: str) -> None:
    rng = random.Random(spec.seed)
    accuracies = [0.80 + rng.random() / 50, 0.86 + rng.random() / 50, 0.91 + rng.random() / 50]
    if misbehave == "abort":
        accuracies = [0.70 + rng.random() / 50 for _ in range(spec.hyperparameters.max_epochs)]
    LOG.start("run_start")
    for epoch, accuracy in enumerate(accuracies, 1):
        count = {"epoch_num": epoch, "samples_count": epoch * samples}
        LOG.start("epoch_start", metadata={"epoch_num": epoch})
        burn(0.3 + rng.random() / 10)
        LOG.end("epoch_stop", metadata=count)
        stats = {
            "train_loss": 0.5 / epoch + rng.random() / 100,
            "train_accuracy": accuracy,
            "throughput": samples / 0.4,
        }
        LOG.event("tracked_stats", stats, metadata=count)
        LOG.start("eval_start", metadata={"epoch_num": epoch})
        burn(0.05)
        LOG.event("eval_loss", 0.6 / epoch + rng.random() / 100, metadata=count)
        LOG.event("eval_accuracy", accuracy, metadata=count)
        LOG.end("eval_stop", metadata={"epoch_num": epoch})
        if epoch == 1 and misbehave == "crash":
            sys.exit("something broke in epoch 1")
        if misbehave == "long":
            wait_for(Path(os.environ["FAKE_GO"]).exists)
            time.sleep(2)
        if epoch == 1 and misbehave in ("hang", "orphan"):
            if once := os.environ.get("FAKE_ONCE"):
                Path(once).touch()
            time.sleep(HANG_S)
    status = "aborted" if misbehave == "abort" else "success"
    if misbehave != "mute":
        LOG.end("run_stop", metadata={"status": status, **count})


def main() -> None:
    misbehave = os.environ.get("FAKE", "")
    only = os.environ.get("FAKE_RUN")
    spec = load_spec()
    if only is not None and spec.run != int(only):
        misbehave = os.environ.get("FAKE_REST", "")
    if misbehave and (once := os.environ.get("FAKE_ONCE")):
        misbehave = "" if Path(once).exists() else misbehave
    LOG.start("init_start")
    if misbehave == "orphan":
        subprocess.Popen(["sleep", str(HANG_S)], start_new_session=True)
    stated = settings(spec)
    for key, value in stated.items():
        LOG.event(key, value)
    LOG.end("init_stop")
    print("an ordinary line of output")
    if node := os.environ.get("SLURMD_NODENAME"):
        print("node", node)
    print(':::PROGRESS {"phase": "train", "epoch": 1, "step": 1, "steps": 2}')
    train(spec, int(str(stated["train_samples"])), misbehave)
    if spec.save_weights:
        spec.weights_path.write_bytes(f"weights {spec.seed}".encode())
        LOG.event("weights_digest", hashlib.sha256(spec.weights_path.read_bytes()).hexdigest())
    LOG.start("inference_start")
    LOG.end("inference_stop")
    LOG.event("result", {"test_accuracy": {"value": 0.9, "unit": "1", "meaning": "share of pixels"}})


if __name__ == "__main__":
    main()
