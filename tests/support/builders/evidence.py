"""What lies beside the logs: spec, output, arrival timeline, science and run.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from msgspec import structs

from reference.protocol.spec import Data, Geometry, RunSpec, Split
from rules.facts.releases import PACKAGES, Release, load_releases
from rules.model.evidence import RunRecord
from rules.model.layout import RunFiles
from tests.support.builders.files import sha256, write, write_json
from tests.support.builders.log import LogWriter
from tests.support.builders.options import BASE_WALL_S, BOOT_WALL_S, COMMIT, PRECISIONS, RunOptions
from tests.support.builders.telemetry import write_telemetry

# Packages that are built here ran the code of a release of their own, which the rulebook knows in this process only.
RELEASE = Release("0.0.0-test", **{name: sha256(f"{name} of a test") for name in PACKAGES})
load_releases().append(RELEASE)
INSTALLED = {"python": "3.11.9", "tensorflow": "2.20.0"}
CODE: dict[str, Any] = {
    **{f"code_{name}": getattr(RELEASE, name) for name in PACKAGES},
    "code_ran": sha256("files that were loaded"),
    "code_ran_files": 31,
    "code_differs": [],
}


def write_evidence(
    files: RunFiles,
    run: RunOptions,
    log: LogWriter,
    harness_lines: int,
    science: dict[str, Any],
) -> None:
    """All files beside the log but the weights; the first `harness_lines` lines are the harness' own."""
    options, dataset = run.options, run.dataset
    started_s = run.started_wall_s
    finished_s = log.now_ms / 1000 + 0.5
    spec = _spec(run)
    write(files.spec, json.dumps(spec, indent=1))
    write(files.output, "".join(line + "\n" for line in log.lines[harness_lines:]))
    write_json(files.science, _science(science, options.test_files))
    write_json(files.bill, _bill(started_s))
    write_timeline(files.timeline, log.lines, harness_lines)
    for node in range(options.nodes if options.telemetry else 0):
        accelerators = options.accelerators_per_node
        size = sum(f.size_bytes for f in dataset.train)
        write_telemetry(files.telemetry(node), log.lines, accelerators, node=node, read_bytes=size)
    scenes = dataset.train + dataset.test
    record = RunRecord(
        schema=1,
        run=run.number,
        status="success" if run.converges else "aborted",
        reason=None if run.converges else "the target was not reached in max_epochs",
        seed=run.seed,
        command=["python", "-u", "-m", "reference"],
        host="node0.example",
        boot_id="6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        started_wall_s=started_s,
        finished_wall_s=finished_s,
        duration_s=finished_s - started_s,
        exit_code=0,
        cache={
            "method": "posix_fadvise",
            "files": len(scenes),
            "bytes": sum(f.size_bytes for f in scenes),
            "resident_bytes_after": 0,
        },
        spec=spec,
        software={**INSTALLED, "commit": COMMIT, "dirty": False, **CODE},
        files={},
        peak_rss_bytes=1_500_000_000,
        journal={"lines": len(log.lines)},  # digests: seal_record
        environment={"kept": {}, "stripped": [], "harness": []},
    )
    write_json(files.record, structs.asdict(record))


def _bill(made_s: float) -> dict[str, Any]:
    made = datetime.fromtimestamp(made_s, timezone.utc).isoformat(timespec="seconds")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"timestamp": made},
        "components": _components(),
    }


def _components() -> list[dict[str, str]]:
    kinds = {"python": "platform"}
    return [
        {"type": kinds.get(name, "library"), "name": name, "version": version}
        for name, version in INSTALLED.items()
    ]


def _science(result: dict[str, Any], scenes: int) -> dict[str, Any]:
    """science.json with the numbers of the log's `result`, and those of all test pixels, as `overall`."""
    seconds = result["seconds_per_scene"]["value"]
    return {
        "schema": 1,
        "scenes": scenes,
        "seconds_per_scene": {"median": seconds, "mean": seconds},
        "overall": result["overall"],
    }


def _spec(run: RunOptions) -> dict[str, Any]:
    options, dataset = run.options, run.dataset
    root = "/data/quick"
    data = Data(
        profile=dataset.profile,
        digest=dataset.digest,
        train_files=[f"{root}/{f.name}" for f in dataset.train],
        test_files=[f"{root}/{f.name}" for f in dataset.test],
        geometry=Geometry(**dataset.geometry),
        split=Split(**dataset.split),
    )
    hyperparameters = replace(options.hyperparameters, max_epochs=options.max_epochs)
    precision = PRECISIONS[options.precision]
    spec = RunSpec(run.number, run.seed, data, "/out", hyperparameters, precision)
    result: dict[str, Any] = json.loads(spec.to_json())
    return result


def write_timeline(path: Path, lines: list[str], harness_lines: int | None = None) -> None:
    """Arrivals a millisecond after the time each line states; lines before init_start are the harness'."""
    if harness_lines is None:
        harness_lines = next((n for n, line in enumerate(lines) if '"init_start"' in line), len(lines))
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            wall_s = json.loads(line.split(":::MLLOG ", 1)[1])["time_ms"] / 1000 + 0.001
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError):
            wall_s = BASE_WALL_S
        row = {
            "line": number,
            "monotonic_s": round(wall_s - BOOT_WALL_S, 6),
            "wall_s": wall_s,
            "source": "harness" if number <= harness_lines else "child",
            "digest": sha256(line)[:16],
        }
        rows.append(json.dumps(row) + "\n")
    write(path, "".join(rows))


def seal_record(files: RunFiles, result: Path) -> None:
    """run.json's `files`: digests of the log and of the evidence beside it."""
    record = json.loads(files.record.read_text())
    beside = {p.name: p for p in files.root.iterdir() if p.is_file() and p != files.record}
    record["files"] = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted({**beside, result.name: result}.items())
    }
    if record.get("journal"):
        record["journal"] |= {
            "result": record["files"][result.name],
            "timeline": record["files"].get(files.timeline.name),
        }
    write_json(files.record, record)
