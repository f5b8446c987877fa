"""The way from the bucket to a report, at full size, on scenes that are not the official ones.

    python -m tests.bench.rehearsal MADE WORK [--without-run]

MADE holds full-size synthetic scenes (`cloudmask data synthesize --profile full-size --scenes 30`). They are
laid out and served as the official bucket is (training/ and inference/, a real S3 server on loopback), and
then fetched, described, cut into shards, planned with the a100 recipe's settings but for accelerators and
precision, trained on in one open run of two epochs at batch 32, packaged, checked and reported. Each step's
time, memory and disk are printed as a table. Nothing here is called official.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support import ROOT, STARTERS
from tests.support.s3 import s3_server

ORG, SYSTEM = "rehearsal", "full-size"
EPOCHS = 2
# a small process between: what starts another counts with its own memory in that one's peak
MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open("measured.json", "w") as file:
    json.dump([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024], file)
sys.exit(done.returncode)
"""


@dataclass(frozen=True)
class Step:
    """What one command took."""

    name: str
    wall_s: float
    cpu_s: float
    peak_bytes: int  # resident, of the largest process
    disk_bytes: int  # below the working folder, afterwards
    exit_code: int


def cloudmask(name: str, work: Path, *arguments: str) -> Step:
    """Run one command of the harness in the working folder."""
    command = [sys.executable, "-c", MEASURED, sys.executable, "-m", "harness", *arguments]
    start_s = time.monotonic()
    done = subprocess.run(command, cwd=work, env={**os.environ, "PYTHONPATH": str(ROOT)})
    took_s = time.monotonic() - start_s
    cpu_s, peak_bytes = json.loads((work / "measured.json").read_text())
    disk = sum(p.stat().st_size for p in work.rglob("*") if p.is_file() and not p.is_symlink())
    step = Step(name, took_s, cpu_s, peak_bytes, disk, done.returncode)
    print(row(step), flush=True)
    return step


def row(step: Step) -> str:
    """A row of the table."""
    return (
        f"| {step.name} | {step.wall_s:.1f} | {step.cpu_s:.1f} | {step.peak_bytes / 1e6:,.0f} | "
        f"{step.disk_bytes / 1e9:.2f} | {step.exit_code} |"
    )


def write_recipe(work: Path, data: Path) -> None:
    """The a100 recipe with other data, accelerators and precision, as one open run of two epochs."""
    example = STARTERS / "benchmarks/cloudmask/a100"
    place = work / f"submissions/{ORG}/benchmarks/cloudmask/{SYSTEM}"
    shutil.copytree(example, place)
    recipe = yaml.safe_load((example / "recipe.yaml").read_text())
    recipe |= {
        "description": "Rehearsal of the way from bucket to report on synthetic full-size scenes",
        "division": "open",
        "status": "research",
        "runs": 1,
        "best_of": 1,
        "precision": "float32",
        "data": {"profile": "full-size", "directory": str(data), "prepared": str(work / "shards")},
        "devices": {"nodes": 1, "accelerators_per_node": 0},
        "evidence": {"gallery_scenes": 2},
    }
    recipe["hyperparameters"]["max_epochs"] = EPOCHS
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))


def rehearse(made: Path, work: Path, run: bool) -> list[Step]:
    """All steps in order; goes on after one that fails, so that the table shows it."""
    data, steps = work / "fetched", []
    with s3_server() as server:
        for folder, served in (("one-day", "training"), ("ssts", "inference")):
            for scene in sorted((made / folder).glob("SYN_*.hdf")):
                server.put(f"{served}/{scene.name}", scene.read_bytes())
        count = len(list((made / "one-day").glob("SYN_*.hdf")))
        fetch = ("data", "fetch", "--data", str(data), "--scenes", str(count), "--endpoint", server.url)
        steps.append(cloudmask("fetch, dry run", work, *fetch, "--dry-run"))
        steps.append(cloudmask("fetch", work, *fetch))
        steps.append(cloudmask("fetch again (nothing to do)", work, *fetch))
    shutil.copy(made / "dataset.json", data)
    write_recipe(work, data)
    where = ("--profile", "full-size", "--data", str(data))
    steps.append(cloudmask("describe", work, "data", "describe", *where))
    steps.append(cloudmask("describe again", work, "data", "describe", *where))
    steps.append(cloudmask("prepare", work, "data", "prepare", *where, "--out", str(work / "shards")))
    system = ("--system", SYSTEM, "--org", ORG)
    steps.append(cloudmask("plan", work, "plan", *system))
    if not run:
        return steps
    steps.append(cloudmask("submit (run, package, check, report)", work, "submit", *system))
    steps.append(cloudmask("check", work, "check", f"submissions/{ORG}"))
    steps.append(cloudmask("report", work, "report", f"submissions/{ORG}", "--system", SYSTEM))
    return steps


def main() -> int:
    """Rehearse and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("made", type=Path, help="folder of the profile: one-day/, ssts/, dataset.json")
    parser.add_argument("work", type=Path, help="folder to work in; made, and must not exist")
    parser.add_argument("--without-run", action="store_true", help="end after the plan")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True)
    steps = rehearse(asked.made.resolve(), asked.work.resolve(), not asked.without_run)
    print("\n| step | wall, s | CPU, s | largest process, MB | disk, GB | exit |\n|---|---|---|---|---|---|")
    print("\n".join(map(row, steps)))
    return max(step.exit_code for step in steps)


if __name__ == "__main__":
    sys.exit(main())
