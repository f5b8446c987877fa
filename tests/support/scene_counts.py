"""science.json of schema 2 for built packages: made by the reference's own code, of made-up masks."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from harness.generalise.result import Settings
from reference.data.scenes import LoadedScene, SceneFacts
from reference.science.results import Science
from tests.support.builders import BuiltPackage, Lines


def generalise_settings(epochs: int) -> Settings:
    """Of a small leave-one-out test with two seeds."""
    return Settings(
        by="scene",
        epochs=epochs,
        seeds=[1, 2],
        normalisation="per-scene",
        augmentation="none",
        batch=4,
        learning_rate=1e-3,
        patch_size=16,
        train_fraction=0.8,
    )


def made_scene(number: int, shape: tuple[int, int]) -> tuple[LoadedScene, np.ndarray]:
    """A scene whose cloud is a disc, with a dark border, and a probability of cloud that is a little off."""
    rng = np.random.default_rng([7, number])
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centre, radius = rng.uniform(0.3, 0.7, 2) * shape, rng.uniform(0.2, 0.5) * min(shape)
    distance = np.hypot(rows - centre[0], columns - centre[1]) - radius
    bts = np.full((*shape, 3), 280.0, np.float32)
    bts[:, :3] = 0
    facts = SceneFacts(f"S3A_scene_{number:03d}.hdf", number % 2 == 0, 10.0 * number, 5.0, True)
    truth = (distance < 0).astype(np.uint8)
    surface = (columns * 3 // shape[1]).astype(np.uint8)
    seen = distance + rng.normal(0, 0.06 * min(shape), shape)
    probability = (1 / (1 + np.exp(np.clip(seen / 3, -30, 30)))).astype(np.float32)
    return LoadedScene(facts, bts, bts, truth, surface, number % 2 == 0), probability


@lru_cache(maxsize=8)
def _measured(scenes: int, shape: tuple[int, int]) -> str:
    found = Science()
    for number in range(scenes):
        found.add(*made_scene(number, shape), 1.5)
    return json.dumps(found.to_dict())


def measured(scenes: int, shape: tuple[int, int]) -> dict[str, Any]:
    """The content of science.json for so many made-up scenes."""
    content: dict[str, Any] = json.loads(_measured(scenes, shape))
    return content


def write_science(built: BuiltPackage, run: int, content: dict[str, Any], reseal: bool = True) -> None:
    """Put a science.json into a run, and make the log's result say what it says."""

    def change(events: Lines) -> None:
        for event in events:
            if event["key"] == "result":
                for name, value in content["overall"].items():
                    if f"test_{name}" in event["value"]:
                        event["value"][f"test_{name}"]["value"] = value

    built.edit_events(run, change, reseal=False)
    built.run_files(run).science.write_text(json.dumps(content))
    if reseal:
        built.reseal()


def write_counts(built: BuiltPackage, run: int = 2) -> dict[str, Any]:
    """Give a run a science.json of schema 2 about as many and as large scenes as its package has."""
    dataset = json.loads(built.layout.dataset.read_text())
    shape = dataset["geometry"]["scene_height"], dataset["geometry"]["scene_width"]
    content = measured(len(dataset["test"]), shape)
    write_science(built, run, content)
    return content
