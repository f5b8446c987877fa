"""What the files of one upstream run say, and what they leave open: nothing is computed that they do not state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.upstream.sources import Console, Part
from rules.facts.log_reading import time_ms
from rules.model.log import Event, Log

Numbers = dict[str, float]
_SETTINGS = (
    "seed",
    "learning_rate",
    "epochs",
    "batch_size",
    "train_split",
    "PATCH_SIZE",
    "CROP_SIZE",
    "no_cache",
)


@dataclass(frozen=True)
class Missing:
    """Something that a result needs and these files do not say, and what therefore cannot be known."""

    what: str
    so: str


@dataclass(frozen=True)
class Reading:
    """One upstream run. None: not stated."""

    index: int
    status: str | None
    whole_s: float | None  # from run_start to run_stop: initialisation, training and inference together
    training_s: float | None  # between eval_start and eval_stop of the training, reading of data included
    told_training_s: (
        float | None
    )  # of the file of run times: time_per_epoch, times the epochs it was divided by
    inference_s: float | None
    scenes: int | None  # files that the training read
    epochs_planned: int | None
    epochs_done: int | None  # those that Keras printed, or of the event `result` of some forks
    accuracy: (
        float | None
    )  # val_accuracy of the last epoch: as `result` says, else as Keras printed it, four digits
    seconds_per_scene: float | None  # of inference, as the program divided it
    logged_accuracy: bool  # the accuracy is part of the log


def read_run(index: int, part: Part, training: Numbers, inference: Numbers, console: Console) -> Reading:
    """Bring together what belongs to one run; empty values for files that were not given."""
    log = part.log
    planned = training.get("epochs", console.planned)
    samples = training.get("samples")
    stop = log.last("run_stop")
    status = stop.metadata.get("status") if stop else None
    last = console.epochs[-1] if console.epochs else {}
    accuracy, epochs = _result(log)
    per_epoch, divided_by = training.get("time_per_epoch"), training.get("epochs")
    return Reading(
        index=index,
        status=status if isinstance(status, str) else None,
        whole_s=_between(log.first("run_start"), stop),
        training_s=_pass(log, "ining"),  # v1.1 spells it "Taining"
        told_training_s=per_epoch * divided_by if per_epoch is not None and divided_by is not None else None,
        inference_s=_pass(log, "inference"),
        scenes=int(samples) if samples is not None else None,
        epochs_planned=int(planned) if planned is not None else None,
        epochs_done=epochs or len(console.epochs) or None,
        accuracy=last.get("val_accuracy") if accuracy is None else accuracy,
        seconds_per_scene=inference.get("time_per_inference"),
        logged_accuracy=accuracy is not None,
    )


def settings(config: dict[str, Any]) -> dict[str, Any]:
    """Hyperparameters of the configuration, by their names there."""
    plain = (bool, int, float, str)
    return {name: config[name] for name in _SETTINGS if isinstance(config.get(name), plain)}


def missing(reading: Reading, config: dict[str, Any]) -> list[Missing]:
    """What stands between this run and a result that can be checked; the same for most upstream runs."""
    found = []
    if reading.accuracy is None:
        found.append(
            Missing(
                "accuracy: the log has no evaluation, and no console output was given",
                "whether 0.9 was reached",
            )
        )
    elif reading.logged_accuracy:
        found.append(Missing("accuracies of the epochs before the last", "when 0.9 was reached, if at all"))
    else:
        found.append(
            Missing(
                "accuracy in the log: that of the console is rounded and has no time",
                "when 0.9 was reached, if at all",
            )
        )
    if reading.epochs_done is None:
        found.append(Missing("epochs: none is logged", "how long one took, and how many there were"))
    if reading.training_s is None:
        found.append(Missing("begin and end of the training", "its duration"))
    if "seed" in config:
        found.append(
            Missing("seed in the log: the configuration is not part of it", "whether runs are independent")
        )
    else:
        found.append(
            Missing("seed: neither in the log nor in a configuration", "whether runs are independent")
        )
    started = (
        "run_start is not logged" if reading.whole_s is None else "run_start is logged before initialisation"
    )
    return [
        *found,
        Missing(f"a clock that starts at the data: {started}, run_stop after inference",
                "time to train in the sense of the rules"),
        Missing("cold data files (cache_clear)", "whether data came from memory"),
        Missing("digest and split of the data set", "what was trained and validated on"),
        Missing("commit of the code, versions of the software", "what ran"),
        Missing("description of the machine, but for the numbers that the log states", "what it ran on"),
        Missing("arrival times, telemetry, weights, predictions", "whether anything else agrees with the log"),
    ]  # fmt: skip


def _pass(log: Log, word: str) -> float | None:
    """Seconds of the pass whose eval_start mentions the word, to the next eval_stop."""
    for event in log.all("eval_start"):
        if word in str(event.value).lower():
            stop = next((s for s in log.all("eval_stop") if s.line > event.line), None)
            return _between(event, stop)
    return None


def _result(log: Log) -> tuple[float | None, int | None]:
    """Last validation accuracy and number of epochs, from the event `result` of the forks that log one."""
    value = log.value("result")
    training = value.get("training") if isinstance(value, dict) else None
    training = training if isinstance(training, dict) else {}
    accuracy, history = training.get("val_accuracy"), training.get("history")
    epochs = history.get("val_accuracy") if isinstance(history, dict) else None
    plain = isinstance(accuracy, (int, float)) and not isinstance(accuracy, bool)
    stated = float(accuracy) if accuracy is not None and plain and 0 <= accuracy <= 1 else None
    return stated, len(epochs) if isinstance(epochs, list) else None


def _between(start: Event | None, stop: Event | None) -> float | None:
    begun, ended = (time_ms(e) if e else None for e in (start, stop))
    return (ended - begun) / 1000 if begun is not None and ended is not None and ended >= begun else None
