"""How long the leaderboard takes, how much memory, and how heavy its pages are, by number of packages.

`make bench` does 10 and 1,000; CLOUDMASK_BENCH_PACKAGES=10000 chooses other numbers (comma-separated).
Ten thousand tiny packages take some 5 GB of disk, and minutes to make.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.layout import PackageLayout
from tests.builders import BuiltPackage, PackageOptions, build_package

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

SIZES = [int(n) for n in os.environ.get("CLOUDMASK_BENCH_PACKAGES", "10,1000").split(",")]
BUILD = """
import json, os, resource, sys, time
from pathlib import Path
from harness.leaderboard import build_leaderboard
from rules.ruleset import load_ruleset
if __name__ == "__main__":
    start = time.perf_counter()
    packages, out, cache = map(Path, sys.argv[1:])
    board, _ = build_leaderboard(packages, out, load_ruleset(), 1.8e9, cache=cache)
    peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([time.perf_counter() - start, *peaks, board.listed, len(board.rejected)]))
"""


def clones(root: Path, count: int) -> None:
    """Copies of one compliant package, each under its own name: same length, so that nothing moves."""
    name = "Org00000"
    first = build_package(root, org=name)
    texts = {
        p: p.read_text() for p in first.root.rglob("*") if p.suffix in (".txt", ".json", ".yaml", ".jsonl")
    }
    for number in range(1, count):
        own = f"Org{number:05d}"
        shutil.copytree(first.root, root / own)
        for path, text in texts.items():
            if name in text:
                (root / own / path.relative_to(first.root)).write_text(text.replace(name, own))
        options = PackageOptions(org=own)
        BuiltPackage(PackageLayout(root / own, options.system), options).reseal()


def build(*places: Path) -> tuple[float, float, float, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, *map(str, places)], capture_output=True, text=True, check=True
    )
    return tuple(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("count", SIZES)
def test_building_the_site(tmp_path: Path, count: int) -> None:
    submissions, out, cache = (tmp_path / name for name in ("submissions", "out", "cache"))
    start = time.perf_counter()
    clones(submissions, count)
    print(f"\n{count} packages made in {time.perf_counter() - start:.0f} s")
    for state in ("cold", "warm"):
        took_s, peak, child_peak, listed, rejected = build(submissions, out, cache)
        assert listed == count and rejected == 0
        print(
            f"{state}: {took_s:.1f} s, {1000 * took_s / count:.1f} s per 1000; resident at most "
            f"{peak / 2**20:.0f} MiB, its largest child {child_peak / 2**20:.0f} MiB"
        )
    sizes = {
        name: (out / name).stat().st_size for name in ("index.html", "leaderboard.json", "leaderboard.csv")
    }
    print(", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()))
    shutil.rmtree(tmp_path)
