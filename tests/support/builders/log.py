"""The log of a run, written by mlperf_logging's own logger."""

from __future__ import annotations

import logging
import random
import re
from typing import Any

from mlperf_logging.mllog.mllog import MLLogger

from reference.protocol.keys import COMMITMENT_KEY
from tests.support.builders.files import sha256
from tests.support.builders.options import COMMIT, TARGET, RunOptions

CALL_SITE = '"file": "tests/builders.py", "lineno": 307'


class LogWriter:
    """MLLOG lines by mlperf_logging's own logger, at times of our choosing.

    Every line states CALL_SITE, wherever it is logged: tests of damaged files choose bytes by position, so
    packages must not change when a builder is edited.
    """

    def __init__(self, start_ms: int, rng: random.Random) -> None:
        self.lines: list[str] = []
        self.now_ms = start_ms
        self._rng = rng
        logger = logging.Logger("builder", logging.INFO)
        handler = logging.Handler(logging.INFO)
        handler.emit = self._emit  # type: ignore[method-assign]
        logger.addHandler(handler)
        self._logger = MLLogger(logger)

    def _emit(self, record: logging.LogRecord) -> None:
        self.lines.append(re.sub(r'"file": "[^"]*", "lineno": \d+', CALL_SITE, record.getMessage(), count=1))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += round(seconds * 1000)

    def _step(self) -> int:
        self.now_ms += self._rng.randint(0, 2)
        return self.now_ms

    def event(self, key: str, value: Any, **metadata: Any) -> None:
        """Log a point in time."""
        self._logger.event(key, value, metadata=metadata or None, time_ms=self._step())

    def start(self, key: str, **metadata: Any) -> None:
        """Log the start of an interval."""
        self._logger.start(key, metadata=metadata or None, time_ms=self._step())

    def end(self, key: str, **metadata: Any) -> None:
        """Log the end of an interval."""
        self._logger.end(key, metadata=metadata or None, time_ms=self._step())


def log_submission(log: LogWriter, run: RunOptions) -> None:
    """What the harness logs before it starts the implementation."""
    options, dataset = run.options, run.dataset
    for key, value in (
        ("submission_benchmark", "cloudmask"),
        ("submission_org", options.org),
        ("submission_division", options.division),
        ("submission_status", options.status),
        ("submission_platform", options.system),
        ("submission_version", "cloudmask-harness 0.1.0"),
        ("submission_github_commit_version", COMMIT),
        ("number_of_nodes", options.nodes),
        ("accelerators_per_node", options.accelerators_per_node),
        ("dataset_digest", dataset.digest),
        ("config_filename", "recipe.yaml"),
    ):
        log.event(key, value)
    scenes = dataset.train + dataset.test
    size = sum(f.size_bytes for f in scenes)
    log.event(
        "cache_clear", True, method="posix_fadvise", files=len(scenes), bytes=size, resident_bytes_after=0
    )
    log.wait(1.2)


def log_settings(log: LogWriter, run: RunOptions) -> None:
    """From init_start to init_stop."""
    options, dataset = run.options, run.dataset
    h, split = options.hyperparameters, dataset.split
    in_train = int(options.train_files * split["train_fraction"])
    ranks = options.nodes * max(1, options.accelerators_per_node)
    log.start("init_start")
    log.wait(4.0)
    for key, value in (
        ("seed", run.seed),
        ("number_of_ranks", ranks),
        ("global_batch_size", h.global_batch_size),
        ("micro_batch_size", h.global_batch_size // ranks),
        ("gradient_accumulation_steps", 1),
        ("tensor_parallelism", 1),
        ("pipeline_parallelism", 1),
        ("context_parallelism", 1),
        ("expert_parallelism", 1),
        ("opt_name", "adam"),
        ("opt_base_learning_rate", h.learning_rate),
        ("opt_adam_beta_1", h.adam_beta_1),
        ("opt_adam_beta_2", h.adam_beta_2),
        ("opt_adam_epsilon", h.adam_epsilon),
        ("opt_weight_decay", 0.0),
        ("loss_function", "binary_crossentropy"),
        ("max_epochs", options.max_epochs),
        ("early_stopping_patience", h.early_stopping_patience),
        ("evaluation_frequency", 1),
        ("target_quality", h.target_accuracy),
        ("lowest_numerical_precision_in_linear", options.precision),
        ("lowest_numerical_precision_in_comm", "fp32"),
        ("model_parameters_count", 1948609),
        ("patch_size", dataset.geometry["patch_size"]),
        ("train_samples", dataset.train_samples),
        ("eval_samples", dataset.eval_samples),
        ("train_scenes", in_train),
        ("eval_scenes", options.train_files - in_train),
        ("test_scenes", options.test_files),
        ("split_digest", sha256(f"{dataset.digest} split")),
    ):
        log.event(key, value)
    log.wait(2.5)
    log.end("init_stop")


def _curve(rng: random.Random, epochs: int, converge: bool) -> list[float]:
    """Accuracies that climb to the target in the last epoch, or never reach it."""
    if not converge:
        return [0.86 - 0.2 / e + rng.uniform(-0.01, 0.01) for e in range(1, epochs + 1)]
    climb = [TARGET - 0.14 * (1 - (e - 1) / epochs) + rng.uniform(-0.01, 0.0) for e in range(1, epochs)]
    return [*climb, TARGET + rng.uniform(0.002, 0.012)]


def share(made_up: float, pixels: int) -> float:
    """The share of whole pixels that is nearest."""
    return round(made_up * pixels) / pixels


def log_training(log: LogWriter, run: RunOptions, rng: random.Random) -> None:
    """From run_start to run_stop."""
    converge = run.converges
    epochs = rng.randint(3, 6) if converge else run.options.max_epochs
    samples, pixels = run.dataset.train_samples, run.dataset.geometry["patch_size"] ** 2
    held_out = run.dataset.eval_samples
    log.start("run_start")
    for epoch, made_up in enumerate(_curve(rng, epochs, converge), start=1):
        accuracy = share(made_up, held_out * pixels)
        count = epoch * samples
        train_s, eval_s = rng.uniform(9.0, 10.0), rng.uniform(0.8, 1.1)
        log.start("epoch_start", epoch_num=epoch)
        log.wait(train_s)
        log.end("epoch_stop", epoch_num=epoch, samples_count=count)
        stats = {
            "train_loss": 0.25 + 0.3 / epoch + rng.uniform(0, 0.02),
            "train_accuracy": share(min(0.95, accuracy + rng.uniform(0, 0.01)), samples * pixels),
            "throughput": samples / train_s,
        }
        log.event("tracked_stats", stats, epoch_num=epoch, samples_count=count)
        log.start("eval_start", epoch_num=epoch)
        log.wait(eval_s)
        log.event(
            "eval_loss", 0.26 + 0.32 / epoch + rng.uniform(0, 0.01), epoch_num=epoch, samples_count=count
        )
        log.event("eval_accuracy", accuracy, epoch_num=epoch, samples_count=count)
        log.end("eval_stop", epoch_num=epoch)
        digests = (
            sha256(f"{what} of run {run.number} after epoch {epoch}") for what in ("weights", "optimiser")
        )
        log.event(COMMITMENT_KEY, next(digests), epoch_num=epoch, optimizer_digest=next(digests))
    status = "success" if converge else "aborted"
    log.end("run_stop", status=status, epoch_num=epochs, samples_count=epochs * samples)


def log_inference(
    log: LogWriter, run: RunOptions, rng: random.Random
) -> tuple[dict[str, Any], dict[str, float]]:
    """The timed inference and the result; returns it, and the scores of one count of all test pixels."""
    scores = _scores(rng, run)
    seconds_per_scene = rng.uniform(1.4, 1.6)
    log.start("inference_start")
    log.wait(seconds_per_scene * 5)
    log.end("inference_stop")
    result = {
        "test_accuracy": {
            "value": scores["accuracy"],
            "meaning": "share of test pixels labelled as in the Bayesian mask",
            "unit": "1",
        },
        "test_iou": {
            "value": scores["iou"],
            "meaning": "intersection over union of cloud",
            "unit": "1",
        },
        "seconds_per_scene": {
            "value": seconds_per_scene,
            "meaning": "time to mask one test scene",
            "unit": "s",
        },
    }
    log.event("result", result)
    return result, scores


def _scores(rng: random.Random, run: RunOptions) -> dict[str, float]:
    """Counts of an accuracy near the target, with half of the pixels cloud, and their ratios."""
    geometry = run.dataset.geometry
    pixels = len(run.dataset.test) * geometry["scene_height"] * geometry["scene_width"]
    wrong = round(pixels * (1 - TARGET - rng.uniform(-0.01, 0.01)))
    fp, cloud = round(wrong * rng.uniform(0.45, 0.55)), pixels // 2
    tp = cloud - (wrong - fp)
    return {
        "pixels": pixels,
        "cloud_fraction": cloud / pixels,
        "predicted_cloud_fraction": (tp + fp) / pixels,
        "accuracy": (pixels - wrong) / pixels,
        "iou": tp / (cloud + fp),
    }
