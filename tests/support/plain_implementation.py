"""An implementation of CloudMask in plain Python: an example of the protocol, not of machine learning.

It reads the run spec that the harness wrote and prints the lines that a run must print. It trains nothing:
its losses and accuracies are made up. A real implementation, in any framework, replaces `train` and `evaluate`.
"""

import hashlib
import random
from pathlib import Path

from reference.protocol.log import Progress, RunLog
from reference.protocol.settings import Samples, run_settings
from reference.protocol.spec import RunSpec, load_spec


def samples_of(spec: RunSpec) -> Samples:
    """How many patches there are to train on and to validate with, when whole files are split."""
    files, each = len(spec.data.train_files), spec.data.geometry.patches_per_scene
    train = int(spec.data.split.train_fraction * files)
    return Samples(train * each, (files - train) * each, train, files - train, spec.data.digest)


def train(spec: RunSpec, epoch: int, rng: random.Random) -> float:
    """Read every training file, as an epoch must, and return a loss that is made up."""
    for file in spec.data.train_files * 5:
        hashlib.sha256(Path(file).read_bytes())
    return 0.5 / epoch + rng.uniform(0, 0.01)


def evaluate(epoch: int, rng: random.Random) -> tuple[float, float]:
    """A loss and an accuracy that are made up: better in every epoch, above the target in the third."""
    return 0.6 / epoch + rng.uniform(0, 0.01), 0.76 + 0.05 * epoch + rng.uniform(0, 0.02)


spec, log, progress = load_spec(), RunLog(), Progress()
samples, rng = samples_of(spec), random.Random(spec.seed)
log.start("init_start")  # until run_start no data is read
for key, value in run_settings(spec, samples, parameters=1).items():
    log.event(key, value)
log.end("init_stop")
log.start("run_start")  # the time to train begins
status, epoch, target = "aborted", 0, spec.hyperparameters.target_accuracy
while status == "aborted" and epoch < spec.hyperparameters.max_epochs:
    epoch += 1
    at = {"epoch_num": epoch, "samples_count": epoch * samples.train_samples}
    log.start("epoch_start", epoch_num=epoch)
    train_loss = train(spec, epoch, rng)
    log.end("epoch_stop", **at)
    log.event("tracked_stats", {"train_loss": train_loss}, **at)
    log.start("eval_start", epoch_num=epoch)
    loss, accuracy = evaluate(epoch, rng)
    log.event("eval_loss", loss, **at)
    log.event("eval_accuracy", accuracy, **at)
    log.end("eval_stop", epoch_num=epoch)
    progress.say("evaluate", epoch=epoch, loss=loss, eval_accuracy=accuracy, target=target)  # optional
    status = "success" if accuracy >= target else "aborted"
log.end("run_stop", status=status, **at)  # the time to train ends
log.start("inference_start")  # a real one predicts the test scenes here
log.end("inference_stop")
log.event("result", {"test_accuracy": {"value": accuracy, "unit": "1", "meaning": "share of pixels"}})
