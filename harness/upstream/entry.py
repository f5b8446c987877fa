"""An upstream result as an open entry: its logs unchanged, what is known of the machine, and what is missing.

Nothing is filled in. The entry has no evidence, so `cloudmask check` names what it lacks, and no board ranks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from harness.core.errors import UserError
from harness.machine.description import STATUSES
from harness.machine.detect import FIELDS
from harness.upstream.reading import Missing, Reading, missing, read_run, settings
from harness.upstream.sources import Console, Part, Passes, Source
from rules.model.layout import PackageLayout
from rules.model.log import Log
from rules.model.package import NOT_PROBED
from rules.model.values import show

SCHEMA = 1
RECORD = "import.json"
README = "README.md"
DIVISION = "open"  # all that the Science policy knows
NOT_STATED = "not stated"
T = TypeVar("T")


@dataclass(frozen=True)
class Upstream:
    """All that was given: the runs, and what other files say of them."""

    parts: list[Part]
    passes: Passes = field(default_factory=Passes)
    consoles: list[Console] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """What is to be written, by path below the organisation's folder, and what a reader is told."""

    files: dict[str, bytes]
    readings: list[Reading]
    missing: list[Missing]
    doubts: list[str]


def make_entry(found: Upstream, layout: PackageLayout) -> Entry:
    """The entry of one system. Raises UserError when the log is of another benchmark."""
    log = found.parts[0].log
    benchmark = log.value("submission_benchmark")
    if isinstance(benchmark, str) and benchmark.lower() != layout.benchmark:
        raise UserError(
            f"This log is of the benchmark '{benchmark[:60]}', not of CloudMask.", "name a CloudMask log."
        )
    runs = len(found.parts)
    doubts: list[str] = []
    training = _by_run(found.passes.training, runs, "trainings", "file of run times", doubts, {})
    inference = _by_run(found.passes.inference, runs, "inferences", "file of run times", doubts, {})
    consoles = _by_run(found.consoles, runs, "trainings", "console output", doubts, Console())
    readings = [
        read_run(i, part, training[i], inference[i], consoles[i]) for i, part in enumerate(found.parts)
    ]
    lacks = list(dict.fromkeys(m for reading in readings for m in missing(reading, found.config)))
    doubts += _doubts(log, found, layout.root.name)
    doubts += [doubt for reading in readings for doubt in _run_doubts(reading)]
    record = {
        "schema": SCHEMA,
        "program": "CloudMask v1.1 of mlcommons/science, a version before it, or a fork",
        "standing": "imported: nothing of it was watched or repeated by this harness",
        "sources": [asdict(source) for source in found.sources],
        "settings": settings(found.config),
        "runs": [asdict(reading) for reading in readings],
        "missing": [asdict(one) for one in lacks],
        "doubts": doubts,
    }
    system = _description(log, layout.root.name)
    root = layout.root
    files = {layout.result(i).relative_to(root).as_posix(): part.text for i, part in enumerate(found.parts)}
    code = layout.code_dir.relative_to(root).as_posix()
    files[layout.system_json.relative_to(root).as_posix()] = _json(system)
    files[f"{code}/{RECORD}"] = _json(record)
    files[f"{code}/{README}"] = _readme(layout.system, readings, lacks, doubts).encode()
    return Entry(files, readings, lacks, doubts)  # fmt: skip


def _by_run(found: Sequence[T], runs: int, what: str, where: str, doubts: list[str], empty: T) -> list[T]:
    """One value for each run, where there are as many as runs; else none, and a doubt."""
    if found and len(found) != runs:
        doubts.append(f"the {where} has {len(found)} {what}, the log {runs} runs: it is not used for them")
    return list(found) if len(found) == runs else [empty] * runs


def _doubts(log: Log, found: Upstream, org: str) -> list[str]:
    """Where the files contradict each other, the organisation or the rules' words."""
    doubts = []
    division = log.value("submission_division")
    if division != DIVISION:
        doubts.append(
            f"the log's division is {show(division)}: filed as open, the only one that the Science policy has"
        )
        doubts.append("`cloudmask check` holds a log that does not say open to the rules of closed")
    stated = log.value("submission_org")
    if isinstance(stated, str) and stated != org:
        doubts.append(
            f"the log's organisation is {show(stated)} (upstream's configuration ships with 'STFC')"
        )
    nodes, each, ranks = (
        log.value(k) for k in ("number_of_nodes", "accelerators_per_node", "number_of_ranks")
    )
    if type(nodes) is type(each) is type(ranks) is int and nodes * each != ranks:
        doubts.append(
            f"the log states {nodes} x {each} accelerators and {ranks} ranks: "
            "they are from the configuration, the program counted neither"
        )
    for name, told in (("epochs", "epochs"), ("batch_size", "bs")):
        set_to, used = found.config.get(name), {one[told] for one in found.passes.training if told in one}
        if type(set_to) is int and used and used != {set_to}:
            doubts.append(
                f"{name} is {set_to} in the configuration and {', '.join(f'{u:g}' for u in sorted(used))} in the "
                "file of run times: it is not the configuration of these runs"
            )
    if len(found.parts) > 1 and "seed" in found.config:
        doubts.append(
            f"all {len(found.parts)} runs may have had the seed of the configuration, {show(found.config['seed'])}"
        )
    return doubts  # fmt: skip


def _run_doubts(reading: Reading) -> list[str]:
    """Where what is said of one run contradicts itself."""
    doubts = []
    run, done, planned = reading.index, reading.epochs_done, reading.epochs_planned
    if done is not None and planned is not None and done < planned:
        doubts.append(
            f"run {run} ended after {done} of {planned} epochs: its time_per_epoch is divided by {planned}"
        )
    took, told = reading.training_s, reading.told_training_s
    if took is not None and told is not None and abs(took - told) > 1 + 0.01 * told:
        doubts.append(
            f"run {run} trained for {took:.0f} s by the log and {told:.0f} s by the file of run times: "
            "they may be of different runs"
        )
    if reading.status != "success":
        doubts.append(f"run {run} has no run_stop with status success: cut off, or still on when read")
    return doubts


def _description(log: Log, org: str) -> dict[str, str]:
    """systems/<system>.json from what the log states; all else is not known."""
    stated = {
        "system_name": log.value("submission_platform"),
        "number_of_nodes": log.value("number_of_nodes"),
        "accelerators_per_node": log.value("accelerators_per_node"),
    }
    status = log.value("submission_status")
    known = {
        "submitter": org,
        "division": DIVISION,
        "status": status if status in STATUSES else "research",
        **{name: str(value)[:200] for name, value in stated.items() if isinstance(value, (str, int))},
        "sw_notes": "imported from a log of upstream's program; fields that it does not state are not known",
    }
    return {name: known.get(name, NOT_PROBED) for name in FIELDS}


def _readme(system: str, readings: Sequence[Reading], lacks: Sequence[Missing], doubts: Sequence[str]) -> str:
    rows = [
        "| run | status | training, s | inference, s | epochs | accuracy | s per scene |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in readings:
        cells = (
            r.index,
            r.status,
            r.training_s,
            r.inference_s,
            r.epochs_done,
            r.accuracy,
            r.seconds_per_scene,
        )
        rows.append(
            "| "
            + " | ".join(NOT_STATED if c is None else str(c)[:40].replace("|", "/") for c in cells)
            + " |"
        )
    return "\n".join(
        [
            f"# {system}: imported",
            "",
            "Results of upstream's program (mlcommons/science, CloudMask v1.1), filed as an open entry.",
            "**Unverified**: nothing of it was watched by this harness. The logs in results/ are as they were; no",
            "value was filled in.",
            "",
            *rows,
            "",
            "Times are of the log's own clock. Accuracy is val_accuracy of the last epoch, as printed.",
            "",
            "## What is missing, and what is therefore not known",
            "",
            *(f"* {one.what}: {one.so}" for one in lacks),
            *(["", "## Doubts", "", *(f"* {doubt}" for doubt in doubts)] if doubts else []),
            "",
        ]
    )  # fmt: skip


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
