"""How long the leaderboard takes, how much memory, and how heavy its pages are, by number of packages.

`make bench` does 10 and 1,000; CLOUDMASK_BENCH_PACKAGES=10000 chooses other numbers (comma-separated).
Ten thousand tiny packages take some 7 GB of disk and minutes to make. From SEEDED on, only one package is
really checked and the cache is filled with copies of its verdict: what is measured is the warm build.
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

from harness.leaderboard.cache import fill
from harness.leaderboard.judge import Judge
from harness.report.site import write_plain
from rules.model.layout import PackageLayout
from rules.ruleset import load_ruleset
from tests.support.builders import BuiltPackage, PackageOptions, build_package

pytestmark = pytest.mark.bench

SIZES = [int(n) for n in os.environ.get("CLOUDMASK_BENCH_PACKAGES", "10,1000").split(",")]
BUILD = """
import json, os, resource, sys, time
from pathlib import Path
from harness.leaderboard import build_leaderboard
from rules.ruleset import load_ruleset
from tests.bench.record import peak_bytes
if __name__ == "__main__":
    start = time.perf_counter()
    packages, out, cache = map(Path, sys.argv[1:])
    board, _ = build_leaderboard(packages, out, load_ruleset(), 1.8e9, cache=cache)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(one.ru_utime + one.ru_stime for one in used)
    peaks = [peak_bytes(), used[1].ru_maxrss * 1024]
    print(json.dumps([time.perf_counter() - start, cpu_s, *peaks, board.listed, len(board.rejected)]))
"""


SEEDED = 2000


def clones(root: Path, count: int, reseal: bool = True) -> None:
    """Copies of one compliant package, each under its own name: same length, so that nothing moves.

    Not resealed, their manifests are wrong: good enough where nothing is checked.
    """
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
        if reseal:
            BuiltPackage(PackageLayout(root / own, options.system), options).reseal()


def fill_cache(submissions: Path, cache: Path) -> None:
    """The verdict on the first package, put into the cache for every other one under its name."""
    judge = Judge(load_ruleset(), cache, 1.8e9)
    first, *others = sorted(submissions.iterdir())
    made, _, _ = judge(first)
    texts = {
        path.relative_to(made).as_posix(): path.read_text() for path in made.rglob("*") if path.is_file()
    }
    for folder in others:

        def write(place: Path, own: str = folder.name) -> None:
            for name, text in texts.items():
                write_plain(place / name.replace(first.name, own), text.replace(first.name, own))

        fill(cache, judge.keys(folder)[1], write)


def build(*places: Path) -> tuple[float, float, float, float, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, *map(str, places)], capture_output=True, text=True, check=True
    )
    return tuple(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("count", SIZES)
def test_building_the_site(tmp_path: Path, count: int) -> None:
    submissions, out, cache = (tmp_path / name for name in ("submissions", "out", "cache"))
    start = time.perf_counter()
    seeded = count > SEEDED
    clones(submissions, count, reseal=not seeded)
    if seeded:
        fill_cache(submissions, cache)
    print(f"\n{count} packages made in {time.perf_counter() - start:.0f} s")
    for state in ("warm",) if seeded else ("cold", "warm"):
        took_s, cpu_s, peak, child_peak, listed, rejected = build(submissions, out, cache)
        assert listed == count and rejected == 0
        print(
            f"{state}: {took_s:.1f} s, {1000 * took_s / count:.1f} s per 1000 ({1000 * cpu_s / count:.1f} s of "
            f"processor time); resident "
            f"at most {peak / 2**20:.0f} MiB, its largest child {child_peak / 2**20:.0f} MiB"
        )
    sizes = {
        name: (out / name).stat().st_size for name in ("index.html", "leaderboard.json", "leaderboard.csv")
    }
    print(", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()))
    shutil.rmtree(tmp_path)
