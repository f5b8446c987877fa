"""Evidence a report draws on, put into a built package: telemetry, science metrics, a gallery.

Numbers are made up but consistent with the log; pictures are small synthetic scenes whose
"prediction" is the mask, blurred and shifted, so that both kinds of mistakes appear.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from harness.score.model import RunScore, Score
from harness.telemetry.recorder.file import Anchor, SampleWriter
from harness.telemetry.sources.base import Kind, NullSource, QuantitySpec, Source, Unavailable
from reference.data.scenes import LoadedScene, SceneFacts
from reference.data.synthetic.fields import blur
from reference.data.synthetic.scene import make_scene
from reference.data.synthetic.style import SIMPLE
from reference.science.imagery import false_colour
from reference.science.results import Science
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.model.package import Package
from tests.support.builders import BuiltPackage
from tests.support.builders.options import BOOT_WALL_S
from tests.support.builders.telemetry import Unread
from tests.support.scene_counts import write_science

SHAPE = (120, 150)


def enrich(
    built: BuiltPackage, gpus: int = 0, scenes: int = 4, shape: tuple[int, int] = SHAPE
) -> BuiltPackage:
    """Add telemetry, science.json and gallery.h5 to every run, and seal the package again."""
    pictures = [make_picture(number, shape) for number in range(scenes)]
    for run in range(built.options.runs):
        files = built.run_files(run)
        write_telemetry(files.telemetry(), built.events(run), gpus, seed=run)
        measured = science(pictures, run)
        write_science(built, run, measured, reseal=False)
        write_gallery(files.gallery, [{**one, "probability": _shifted(one, run)} for one in pictures])
    built.reseal()
    return built


# ---------------------------------------------------------------- scenes


PER_RUN = 0.004  # by which the probabilities of a run are above those of the run before


def make_picture(number: int, shape: tuple[int, int]) -> dict[str, Any]:
    """One scene as gallery.h5 holds it, with its attributes."""
    rng = np.random.default_rng(100 + number)
    made = make_scene(rng, shape, number, SIMPLE)
    truth = made.bayes[..., 0]
    seen = blur(np.roll(truth.astype(np.float32), 1, axis=number % 2), 0.006)
    noise = blur(rng.standard_normal(shape).astype(np.float32), 0.03)
    probability = np.clip(seen + 1.6 * noise, 0, 1)
    day = bool(np.nanmean(made.refs) > 0.02)
    return {
        "false_colour": false_colour(made.refs, made.bts, day),
        "bayes": truth,
        "probability": np.rint(probability * 255).astype(np.uint8),
        "surface": made.surface,
        "name": f"S3A_SL_1_RBT____2019{number + 1:02d}11T10{number:02d}12.hdf",
        "daylight": day,
        "latitude": float(rng.uniform(-70, 70)),
        "longitude": float(rng.uniform(-180, 180)),
    }


def science(pictures: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    """science.json as the reference writes it."""
    found = Science()
    for one in pictures:
        facts = SceneFacts(one["name"], one["daylight"], one["latitude"], one["longitude"], True)
        shape = one["bayes"].shape
        warm = np.full((*shape, 3), 280.0, np.float32)
        scene = LoadedScene(facts, warm, warm, one["bayes"], one["surface"], one["daylight"])
        found.add(scene, np.clip(one["probability"] / 255 + PER_RUN * seed, 0, 1), 1.4 + 0.01 * seed)
    return found.to_dict()


def _shifted(picture: dict[str, Any], seed: int) -> np.ndarray:
    """The probabilities of a run, as its gallery stores them."""
    return np.rint(np.clip(picture["probability"] + 255 * PER_RUN * seed, 0, 255)).astype(np.uint8)


def write_gallery(path: Path, pictures: Sequence[dict[str, Any]]) -> None:
    """gallery.h5 as the reference writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, one in enumerate(pictures):
            group = file.create_group(f"scene_{number:03d}")
            for name in ("false_colour", "bayes", "probability"):
                group.create_dataset(name, data=one[name], compression="gzip")
            right = (one["probability"] > 127) == (one["bayes"] > 0)
            group.attrs.update(accuracy=float(right.mean()), cloud_fraction=float(one["bayes"].mean()))
            for name in ("name", "daylight", "latitude", "longitude"):
                group.attrs[name] = one[name]


# ---------------------------------------------------------------- telemetry


def write_telemetry(path: Path, events: list[dict[str, Any]], gpus: int, seed: int) -> None:
    """Two readings per second from a second before init_start to a second after the last line."""
    rng = random.Random(seed)
    spans = _spans(events)
    start, stop = min(s for _, s, _ in spans) - 1.0, max(e for _, _, e in spans) + 1.0
    host = Unread(
        "psutil",
        QuantitySpec("cpu_utilization", "%", "node", Kind.RATE),
        QuantitySpec("memory_used", "B", "node"),
        QuantitySpec("disk_read", "B/s", "node", Kind.RATE),
        QuantitySpec("network_receive", "B/s", "node", Kind.RATE),
    )
    process = Unread("process", QuantitySpec("rss", "B", "process_tree"))
    of_a_card = (
        ("gpu_utilization", "%", Kind.GAUGE),
        ("gpu_power", "W", Kind.GAUGE),
        ("gpu_energy", "J", Kind.COUNTER),
    )
    cards = Unread(
        "nvml",
        *(QuantitySpec(name, unit, f"gpu{i}", kind) for i in range(gpus) for name, unit, kind in of_a_card),
    )
    absent = [
        NullSource(
            Unavailable("rapl", "no CPU energy counters", "this is a virtual machine", "Nothing to do.")
        )
    ]
    if not gpus:
        why = Unavailable("nvml", "no NVIDIA GPU can be read", "the driver is not loaded", "Run nvidia-smi.")
        absent.append(NullSource(why))
    path.unlink(missing_ok=True)  # the builder may have written a plain one
    writer = SampleWriter(path, "node_0", "node0.example", 0.5, Anchor(start, start - BOOT_WALL_S))
    sources: list[Source] = [host, process, *([cards] if gpus else [])]
    writer.begin([*sources, *absent], {s.name: 0.5 for s in sources})
    joules = [0.0] * gpus
    for step in range(int((stop - start) * 2)):
        moment = step / 2
        kind = _phase_at(spans, start + moment)
        busy = {"init": 45, "train": 93, "evaluate": 71, "inference": 82}.get(kind, 8) + rng.uniform(-6, 6)
        grown = min(1.0, moment / 12)
        read = rng.uniform(0, 9e7) if kind in ("train", "init") else 1e5
        now = start - BOOT_WALL_S + moment
        writer.append(
            "psutil", [(now, [busy, 2.1e9 + 1.3e9 * grown + rng.uniform(0, 2e7), read, rng.uniform(0, 4e5)])]
        )
        writer.append("process", [(now, [0.2e9 + 1.2e9 * grown + rng.uniform(0, 1e7)])])
        if gpus:
            watts = [60 + 3.1 * max(0.0, busy) + rng.uniform(-8, 8) for _ in range(gpus)]
            joules = [j + w / 2 for j, w in zip(joules, watts, strict=True)]
            writer.append(
                "nvml",
                [(now, [v for w, j in zip(watts, joules, strict=True) for v in (min(100.0, busy), w, j)])],
            )
    writer.close()


def _spans(events: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    names = {"init": "init", "epoch": "train", "eval": "evaluate", "inference": "inference"}
    opened: dict[str, float] = {}
    spans = []
    for event in events:
        key, _, edge = event["key"].rpartition("_")
        if key in names and edge == "start":
            opened[key] = event["time_ms"] / 1000
        elif key in names and edge == "stop":
            spans.append((names[key], opened[key], event["time_ms"] / 1000))
    return spans


def _phase_at(spans: list[tuple[str, float, float]], moment: float) -> str:
    return next((kind for kind, start, stop in spans if start <= moment <= stop), "idle")


# ---------------------------------------------------------------- verdicts and scores, by hand


def hand_score(package: Package) -> Score:
    """Olympic score of a package from its logs, so that a page can be tested without the scorer."""
    times = {}
    for run in package.runs:
        if run.status == "success" and run.time_to_train_s is not None:
            times[run.index] = run.time_to_train_s
    ranked = sorted(times, key=lambda i: times[i])
    missing = [run.index for run in package.runs if run.index not in times]
    dropped = dict.fromkeys(missing, "did not converge")
    if len(package.runs) >= 3 and ranked:
        dropped[ranked[0]] = "fastest"
        if not missing:
            dropped[ranked[-1]] = "slowest"
    kept = [times[i] for i in ranked if i not in dropped]
    runs = []
    for run in package.runs:
        last = run.last_evaluation
        epochs = last.epoch if last else None
        value = last.value if last else None
        runs.append(RunScore(run.index, times.get(run.index), epochs, value, dropped.get(run.index)))
    return Score(
        time_to_train_s=sum(kept) / len(kept) if kept else None,
        method=f"mean of {len(kept)} of {len(package.runs)} runs, fastest and slowest dropped",
        runs=runs,
        samples_per_s=33.4,
        seconds_per_scene=1.512,
        science={"accuracy": 0.912},
    )


def hand_verdict(package: Package, findings: Sequence[Finding] = ()) -> Verdict:
    """A verdict with those findings, beside a few outcomes of each kind."""
    rules = [RuleResult(f"LOG{i:03d}", Outcome.PASS) for i in range(1, 13)]
    rules += [
        RuleResult("PWR001", Outcome.NOT_APPLICABLE, "no power logs"),
        RuleResult("EVD004", Outcome.NOT_CHECKED, "needs --replay"),
    ]
    for finding in findings:
        outcome = Outcome.FAIL if finding.severity is Severity.ERROR else Outcome.WARN
        rules.append(RuleResult(finding.rule, outcome))
    broken = any(f.severity is Severity.ERROR for f in findings)
    word = "not_compliant" if broken else "compliant"
    return Verdict("cloudmask-1.1", package.root.name, word, list(findings), rules)
