"""Where the time of a training step goes without XLA, by oneDNN's own account (ONEDNN_VERBOSE, one line a
primitive)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import record

SIZES = re.compile(r"mb(\d+)_ic(\d+)oc(\d+)_.*?oh(\d+)kh(\d+).*?ow(\d+)kw(\d+)")
STEP = "STEP"
PROFILED = f"""
import sys, time
from pathlib import Path
from reference.protocol.log import Progress
from reference.tensorflow.environment import quiet_tensorflow
quiet_tensorflow()
from reference.data.profiles import get_profile
from reference.tensorflow import xla
xla.helps = lambda *_: False  # what XLA compiles, oneDNN does not see
from tests.bench.test_bench_training import BATCH, patches_of, trainer_for
geometry, scenes = get_profile("full-size").geometry, [Path(name) for name in sys.argv[1:]]
trainer, store = trainer_for(scenes, geometry, "float32"), patches_of(scenes, geometry, BATCH)
for _ in range(4):  # the first one builds the primitives
    start_s = time.perf_counter()
    trainer.train_epoch(store, 1, Progress(False))
    print("{STEP}", BATCH, time.perf_counter() - start_s, flush=True)
"""


@dataclass(frozen=True)
class Primitive:
    """One execution: kind is "convolution forward", "pooling backward_data", "reorder", ...; FLOP of convolutions."""

    kind: str
    time_s: float
    flop: float


@dataclass(frozen=True)
class Profile:
    """One training step of `patches` patches: its wall time, and what oneDNN did in it."""

    patches: int
    wall_s: float
    primitives: list[Primitive]

    def time_s(self, kind: str = "") -> float:
        return sum(p.time_s for p in self.primitives if p.kind.startswith(kind))

    def flop(self, kind: str) -> float:
        return sum(p.flop for p in self.primitives if p.kind.startswith(kind))


def primitive(line: str) -> Primitive | None:
    """From a line "onednn_verbose,v1,primitive,exec,engine,kind,implementation,direction,...,problem,ms"."""
    fields = line.strip().split(",")
    if fields[:1] != ["onednn_verbose"] or "exec" not in fields:
        return None
    kind, _, direction = fields[fields.index("exec") + 2 :][:3]
    name = kind if direction == "undef" else f"{kind} {direction.removesuffix('_training')}"
    found = SIZES.match(fields[-2])
    flop = 2.0
    for number in found.groups() if found else ("0",):
        flop *= int(number)
    return Primitive(name, float(fields[-1]) / 1e3, flop)


def profiles(output: str) -> list[Profile]:
    """One for each step that the output speaks of, without the first."""
    found: list[Profile] = []
    primitives: list[Primitive] = []
    for line in output.splitlines():
        if line.startswith(STEP):
            _, patches, wall_s = line.split()
            found.append(Profile(int(patches), float(wall_s), primitives))
            primitives = []
        elif executed := primitive(line):
            primitives.append(executed)
    return found[1:]


def profile_steps(scenes: Sequence[Path]) -> list[Profile]:
    """Train a few steps in another process, one operation after the other, so that times add up."""
    environment = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_NUM_INTEROP_THREADS": "1"}
    command = [sys.executable, "-c", PROFILED, *map(str, scenes)]
    done = subprocess.run(
        command, cwd=record.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return profiles(done.stdout)
