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

from reference.data.split import samples, split_patches
from reference.protocol.settings import run_settings
from reference.protocol.spec import RunSpec, load_spec
from tests.support import ROOT
from tests.support.waiting import HANG_S, wait_for

LOG = mllog.get_mllogger()
PARAMETERS = 1000  # not the reference's: its arithmetic takes longer than this
mllog.config(root_dir=str(ROOT))


def burn(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))


def settings(spec: RunSpec) -> dict[str, object]:
    """What a run of the reference states, by MLLOG key."""
    split = split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    return run_settings(spec, samples(spec.data, split), PARAMETERS, replicas=ranks)


def train(spec: RunSpec, patches: int, misbehave: str) -> None:
    rng = random.Random(spec.seed)
    accuracies = [0.80 + rng.random() / 50, 0.86 + rng.random() / 50, 0.91 + rng.random() / 50]
    if misbehave == "abort":
        accuracies = [0.70 + rng.random() / 50 for _ in range(spec.hyperparameters.max_epochs)]
    held_out = samples(
        spec.data, split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split)
    )
    pixels = held_out.eval_samples * spec.data.geometry.patch_size**2
    accuracies = [round(accuracy * pixels) / pixels for accuracy in accuracies]
    LOG.start("run_start")
    for path in spec.data.train_files:  # what was evicted is read again
        Path(path).read_bytes()
    for epoch, accuracy in enumerate(accuracies, 1):
        count = {"epoch_num": epoch, "samples_count": epoch * patches}
        LOG.start("epoch_start", metadata={"epoch_num": epoch})
        burn(0.3 + rng.random() / 10)
        LOG.end("epoch_stop", metadata=count)
        stats = {
            "train_loss": 0.5 / epoch + rng.random() / 100,
            "train_accuracy": accuracy,
            "throughput": patches / 0.4,
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
