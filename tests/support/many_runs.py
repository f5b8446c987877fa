"""A package of thousands of runs, made by copying one compliant run with other seeds, times and results.

Log, run.json, spec.json, timeline and output of each run agree with each other, and the manifest is true.
There is no telemetry and no weights file, so that disk and time suffice.
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from harness.package.manifest import write_manifest
from rules.model.layout import RunFiles
from tests.support.builders import BOOT_WALL_S, TARGET, BuiltPackage, build_package

SMALL = 2e-2  # accuracies and losses of copies are lower by some of it, so that no two curves are equal
PITCH_S = 120.0  # from one run to the next: ten thousand of them fit into two weeks


def build_many(root: Path, runs: int, **options: Any) -> BuiltPackage:
    """A compliant open entry of so many runs, below root/<org>."""
    built = build_package(root, division="open", runs=1, best_of=runs, weights=False, **options)
    plan = json.loads(built.layout.plan.read_text())
    plan["runs"] = plan["recipe"]["runs"] = runs
    built.layout.plan.write_text(json.dumps(plan, separators=(",", ":")))
    recipe = built.layout.recipe
    recipe.write_text(recipe.read_text().replace("runs: 1\n", f"runs: {runs}\n"))
    copier = _Copier(built)
    for index in range(1, runs):
        copier.copy(index)
    write_manifest(built.root)
    return built


class _Copier:
    """Writes run 0 again under other numbers."""

    def __init__(self, built: BuiltPackage) -> None:
        files = built.run_files(0)
        self._built = built
        self._events = built.events(0)
        self._rows = [json.loads(row) for row in files.timeline.read_text().splitlines()]
        self._record = json.loads(files.record.read_text())
        self._science = json.loads(files.science.read_text())
        self._harness_lines = sum(row["source"] == "harness" for row in self._rows)

    def copy(self, index: int) -> None:
        files = RunFiles(self._built.layout.run_dir(index))
        files.root.mkdir(parents=True)
        rng = random.Random(index)
        shift_s, seed = index * PITCH_S, rng.randrange(2**20, 2**31)
        late_ms = 0
        events = []
        overall = _tested(self._science["overall"], rng)
        for event in self._events:
            late_ms += rng.randrange(1000) if event["key"] == "epoch_stop" else 0
            events.append(self._event(event, round(shift_s * 1000) + late_ms, seed, rng, overall))
        lines = [f":::MLLOG {json.dumps(event)}" for event in events]
        science = {**self._science, "overall": overall}
        record = {**self._record, "run": index, "seed": seed}
        record["started_wall_s"] += shift_s
        record["finished_wall_s"] += shift_s + late_ms / 1000
        record["duration_s"] += late_ms / 1000
        record["spec"] = {**record["spec"], "run": index, "seed": seed}
        rows = [
            {
                **row,
                "monotonic_s": event["time_ms"] / 1000 - BOOT_WALL_S,
                "wall_s": event["time_ms"] / 1000,
                "digest": hashlib.sha256(line.encode()).hexdigest()[:16],
            }
            for row, event, line in zip(self._rows, events, lines, strict=True)
        ]
        result = self._built.layout.result(index)
        texts = {
            result: "".join(line + "\n" for line in lines),
            files.timeline: "".join(json.dumps(row) + "\n" for row in rows),
            files.output: "".join(line + "\n" for line in lines[self._harness_lines :]),
            files.spec: json.dumps(record["spec"], separators=(",", ":")),
            files.science: json.dumps(science, separators=(",", ":")),
        }
        for path, text in texts.items():
            path.write_text(text)
        digests = {p.name: hashlib.sha256(text.encode()).hexdigest() for p, text in texts.items()}
        record["files"] = digests
        written = {"result": digests[result.name], "timeline": digests[files.timeline.name]}
        record["journal"] = {**record["journal"], **written}
        files.record.write_text(json.dumps(record, separators=(",", ":")))

    def _event(
        self, event: dict[str, Any], shift_ms: int, seed: int, rng: random.Random, overall: dict[str, Any]
    ) -> dict[str, Any]:
        """The same line of another run: later, and with slightly other results."""
        event = {**event, "time_ms": event["time_ms"] + shift_ms}
        if event["key"] == "seed":
            event["value"] = seed
        elif event["key"] in ("eval_accuracy", "eval_loss") and event["value"] < TARGET:
            event["value"] -= SMALL * rng.random()
        elif event["key"] == "result":
            event["value"] = {
                name: {**entry, "value": overall[name.removeprefix("test_")]}
                if name.startswith("test_")
                else entry
                for name, entry in event["value"].items()
            }
        elif event["key"] == "tracked_stats":
            event["value"] = {
                **event["value"],
                "train_loss": event["value"]["train_loss"] - SMALL * rng.random(),
            }
        return event


def _tested(overall: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Scores over the same test pixels of a model that is wrong elsewhere: they follow from counts."""
    pixels, cloud = overall["pixels"], round(overall["pixels"] * overall["cloud_fraction"])
    missed, false = (rng.randrange(pixels // 25, pixels // 20) for _ in range(2))
    return {
        **overall,
        "predicted_cloud_fraction": (cloud - missed + false) / pixels,
        "accuracy": (pixels - missed - false) / pixels,
        "iou": (cloud - missed) / (cloud + false),
    }
