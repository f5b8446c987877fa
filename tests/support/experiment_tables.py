"""Experiments with trials made by hand: nothing is run."""

from __future__ import annotations

from harness.experiment.model import Experiment
from harness.experiment.places import Places
from harness.experiment.prepare import Found
from harness.experiment.record import Epoch, Header, TrialRecord, write_record
from harness.experiment.space import base_digest, experiment_digest
from harness.plan.recipe import Recipe
from harness.plan.request import Request
from rules.model.layout import PackageLayout

LR, BATCH = "hyperparameters.learning_rate", "hyperparameters.global_batch_size"


def found_in(root, **said) -> Found:
    search = {
        "method": "random",
        "points": 9,
        "space": {LR: {"low": 0.001, "high": 0.1, "log": True}, BATCH: [4, 8]},
    }
    experiment = Experiment.model_validate({"name": "e", "base": "box", "search": search, **said})
    layout = PackageLayout(root / "lab", "box")
    return Found(experiment, Request(layout, layout, Recipe(), 1), Places(root / "e", "box"))


def trial(number: int, value: float | None, **more) -> TrialRecord:
    said = {
        "number": number,
        "point": number,
        "repeat": 0,
        "values": {LR: 0.001 * (number + 1), BATCH: 4 if number % 2 else 8},
        "status": "complete" if value is not None else "pruned",
        "value": value,
        "system": "box",
        "time_to_train_s": value,
        "accuracy": 0.9,
        "curve": [Epoch(1, 1.0, 0.8), Epoch(2, 2.0, 0.9)],
        "log_sha256": f"{number:064x}",
    }
    return TrialRecord(schema=1, **{**said, **more})


def fill(found: Found, trials: list[TrialRecord], **header) -> Found:
    recipe = found.request.recipe
    said = {
        "experiment": found.experiment,
        "recipe": recipe.model_dump(mode="json"),
        "digest": experiment_digest(found.experiment, recipe),
        "base_digest": base_digest(recipe),
        "dataset_digest": "a" * 64,
        "ruleset": "cloudmask-1.1",
    }
    write_record(found.places.header, Header(schema=1, **{**said, **header}))
    for record in trials:
        write_record(found.places.record(record.number), record)
    return found
