"""One run of the benchmark: initialise, train until the target is met, predict the test scenes.

Reads the run spec, prints MLLOG and progress lines, and writes weights, science.json and gallery.h5.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reference.data.files import file_sha256, write_json
from reference.data.pipeline import PatchStore
from reference.data.scenes import load_scene
from reference.data.shards import open_given
from reference.data.split import PatchSplit, samples, split_patches
from reference.protocol.keys import AUGMENTATIONS, COMMITMENT_KEY, NORMALISATIONS
from reference.protocol.log import Progress, RunLog, finite
from reference.protocol.settings import DEFAULT_PRECISION, PRECISIONS, TF32, run_settings
from reference.protocol.spec import RunSpec, load_spec
from reference.science.results import Gallery, Science
from reference.tensorflow.checkpoints import Commitments
from reference.tensorflow.environment import quiet_tensorflow
from reference.tensorflow.model import PARAMETERS
from reference.tensorflow.strategies import STRATEGIES, Placement, is_chief, place

if TYPE_CHECKING:
    from reference.tensorflow.training import Trainer

EXIT_USAGE = 2


@dataclass
class Outcome:
    """How training ended."""

    status: Literal["success", "aborted"]
    epochs: int
    samples: int


def main() -> int:
    """Entry point of `python -m reference`. Returns 0 for a finished run, 2 for a spec or data that cannot be used."""
    quiet_tensorflow()
    try:
        spec = load_spec()
        check(spec)
        run(spec)
    except ValueError as error:
        print(f"cloudmask reference: {_one_line(error)}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"cloudmask reference: {error.strerror or _one_line(error)}{where}", file=sys.stderr)
        return EXIT_USAGE
    return 0


def check(spec: RunSpec) -> None:
    """Raise ValueError, with a message of one line, for values that no run can use. Reads no data."""
    h, geometry = spec.hyperparameters, spec.data.geometry
    whole = {
        "seed": (spec.seed, 0),
        "global_batch_size": (h.global_batch_size, 1),
        "max_epochs": (h.max_epochs, 1),
        "early_stopping_patience": (h.early_stopping_patience, 1),
        "gallery_scenes": (spec.gallery_scenes, 0),
        "scene_height": (geometry.scene_height, 8),
        "scene_width": (geometry.scene_width, 8),
        "patch_size": (geometry.patch_size, 8),
    }
    for name, (value, least) in whole.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"run spec: {name} is {value!r}, a whole number of at least {least} expected")
    real = {
        "learning_rate": (h.learning_rate, 0.0, float("inf")),
        "adam_beta_1": (h.adam_beta_1, -1.0, 1.0),
        "adam_beta_2": (h.adam_beta_2, -1.0, 1.0),
        "adam_epsilon": (h.adam_epsilon, 0.0, float("inf")),
        "target_accuracy": (h.target_accuracy, 0.0, 1.0 + 1e-12),
        "train_fraction": (spec.data.split.train_fraction, 0.0, 1.0),
    }
    for name, (number, low, high) in real.items():
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not low < number < high:
            raise ValueError(
                f"run spec: {name} is {number!r}, a number between {low:g} and {high:g} expected"
            )
    for name, choice, known in (
        ("precision", spec.precision, PRECISIONS),
        ("strategy", spec.strategy, STRATEGIES),
        ("data.normalisation", spec.data.normalisation, NORMALISATIONS),
        ("augmentation", spec.augmentation, AUGMENTATIONS),
    ):
        if choice not in known:
            raise ValueError(f"run spec: {name} is {choice!r}, one of {', '.join(known)} expected")
    if not spec.data.train_files:
        raise ValueError("run spec: no training files")


def run(spec: RunSpec) -> Outcome:
    """Carry out the whole run. Raises ValueError when spec or data cannot be used."""
    chief = is_chief(spec.strategy)
    log, progress = RunLog(chief), Progress(chief)
    log.start("init_start")
    progress.say("init", force=True, doing="loading TensorFlow, building the model")
    trainer, placement, split = _initialise(spec)
    _log_settings(spec, placement, split, log)
    log.end("init_stop")

    log.start("run_start")
    outcome = _train(spec, trainer, split, log, progress)
    log.end("run_stop", status=outcome.status, epoch_num=outcome.epochs, samples_count=outcome.samples)
    if chief:
        with _secondary(spec.output_dir):
            Path(spec.output_dir).mkdir(parents=True, exist_ok=True)
        if spec.save_weights:
            with _secondary(spec.weights_path.name):
                log.event("weights_digest", _save_weights(spec, trainer))
        _infer(spec, trainer, log, progress)
    placement.meet()
    return outcome


def _initialise(spec: RunSpec) -> tuple[Trainer, Placement, PatchSplit]:
    """Load TensorFlow, seed everything, build model and graphs. Reads no data."""
    import keras
    import tensorflow as tf

    from reference.tensorflow.training import Trainer

    tf.get_logger().setLevel("ERROR")
    split = split_patches(len(spec.data.train_files), spec.data.geometry, spec.data.split)
    placement = place(spec.strategy)
    replicas, batch = placement.shard.replicas, spec.hyperparameters.global_batch_size
    if batch % replicas:
        raise ValueError(f"run spec: global_batch_size {batch} cannot be shared evenly by {replicas} devices")
    keras.utils.set_random_seed(spec.seed % 2**32)
    trainer = Trainer(spec, placement)
    if trainer.model.count_params() != PARAMETERS:
        raise ValueError(f"the model has {trainer.model.count_params()} parameters, {PARAMETERS} expected")
    trainer.trace()
    return trainer, placement, split


def _log_settings(spec: RunSpec, placement: Placement, split: PatchSplit, log: RunLog) -> None:
    settings = run_settings(
        spec,
        samples(spec.data, split),
        parameters=PARAMETERS,
        replicas=placement.shard.replicas,
        precision=lowest_precision(spec.precision),
    )
    for key, value in settings.items():
        log.event(key, value)


def _train(spec: RunSpec, trainer: Trainer, split: PatchSplit, log: RunLog, progress: Progress) -> Outcome:
    """Train until the target is met, the loss has not improved for `patience` epochs, or epochs run out."""
    h, files, geometry = spec.hyperparameters, spec.data.train_files, spec.data.geometry
    prepared = open_given(spec.data)
    train_store, evaluation_store = (
        PatchStore(files, patches, geometry, prepared=prepared, normalisation=spec.data.normalisation)
        for patches in (split.train, split.validation)
    )
    best_loss, waited, seen, epoch = float("inf"), 0, 0, 0
    status: Literal["success", "aborted"] = "aborted"
    commitments = Commitments(trainer.state, spec.checkpoints) if log.enabled else None
    try:
        for epoch in range(1, h.max_epochs + 1):
            seen += len(split.train)
            at = {"epoch_num": epoch, "samples_count": seen}
            log.start("epoch_start", epoch_num=epoch)
            trained = trainer.train_epoch(train_store, epoch, progress)
            log.end("epoch_stop", **at)
            log.event(
                "tracked_stats",
                {
                    "train_loss": trained.loss,
                    "train_accuracy": trained.accuracy,
                    "throughput": trained.patches_per_s,
                },
                **at,
            )
            pending = commitments.begin(epoch) if commitments else None
            log.start("eval_start", epoch_num=epoch)
            score = trainer.evaluate(evaluation_store, epoch, progress)
            log.event("eval_loss", score.loss, **at)
            log.event("eval_accuracy", score.accuracy, **at)
            log.end("eval_stop", epoch_num=epoch)
            if pending is not None:
                weights, optimizer = pending.result()
                log.event(COMMITMENT_KEY, weights, epoch_num=epoch, optimizer_digest=optimizer)
            progress.say(
                "evaluate",
                force=True,
                epoch=epoch,
                max_epochs=h.max_epochs,
                loss=score.loss,
                eval_accuracy=score.accuracy,
                target=h.target_accuracy,
                patches_per_s=trained.patches_per_s,
            )
            if score.accuracy >= h.target_accuracy:
                status = "success"
                break
            waited = 0 if score.loss < best_loss else waited + 1
            best_loss = min(best_loss, score.loss) if score.loss == score.loss else best_loss
            if waited >= h.early_stopping_patience:
                break
    finally:
        train_store.close()
        evaluation_store.close()
        if commitments:
            commitments.close()
    return Outcome(status, epoch, seen)


def _infer(spec: RunSpec, trainer: Trainer, log: RunLog, progress: Progress) -> None:
    """Predict every test scene, write science.json and gallery.h5, and log `result`."""
    from reference.tensorflow.inference import Predictor

    geometry, files = spec.data.geometry, spec.data.test_files
    predictor = Predictor(trainer.model, geometry, spec.data.normalisation)
    science = Science()
    predictor.warm_up()
    log.start("inference_start")
    gallery = Gallery(spec.gallery_path, spec.gallery_scenes)
    try:
        before_s = time.monotonic()
        loaded = (load_scene(file, geometry) for file in files)
        for number, (scene, probability) in enumerate(predictor.predict_all(loaded), 1):
            now_s = time.monotonic()
            row = science.add(scene, probability, now_s - before_s)
            before_s = now_s
            gallery.add(scene, probability, row)
            progress.say("inference", force=number == len(files), scene=number, scenes=len(files))
    except BaseException:
        gallery.discard()
        raise
    log.end("inference_stop")
    gallery.close()
    if gallery.problem:
        _say_not_written(spec.gallery_path.name, gallery.problem)
    with _secondary(spec.science_path.name):
        write_json(spec.science_path, finite(science.to_dict()))
    log.event("result", science.result())


@contextlib.contextmanager
def _secondary(what: str) -> Iterator[None]:
    """What the run can do without once it is trained: that it cannot be written is said, and judged by the rules."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        _say_not_written(what, _one_line(error))


def _say_not_written(what: str, why: str) -> None:
    print(
        f"cloudmask reference: {what} could not be written, the run goes on without it: {why}",
        file=sys.stderr,
    )


def _save_weights(spec: RunSpec, trainer: Trainer) -> str:
    """Save the final weights atomically. Returns the SHA-256 of the file."""
    path = spec.weights_path
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        trainer.model.save_weights(temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return file_sha256(path)


def lowest_precision(precision: str) -> str:
    """Lowest numerical precision of the convolutions, as MLPerf names it.

    TensorFlow rounds float32 convolutions to TF32 on NVIDIA GPUs of compute capability 8 and newer.
    """
    import tensorflow as tf

    if precision == DEFAULT_PRECISION and tf.config.experimental.tensor_float_32_execution_enabled():
        for gpu in tf.config.list_physical_devices("GPU"):
            capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            if capability[0] >= 8:
                return TF32
    return PRECISIONS[precision]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
