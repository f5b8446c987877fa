"""One set of runs under two names: entries compared with each other by fingerprints of a few kilobytes a run.

A package can be compliant and somebody else's: renamed, given as two systems, a little edited. What is hard to
change in all of its places is compared: weights (a sketch that small edits do not move), seeds, losses, epoch
times, the monotonic clock of the boot, telemetry.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from pydantic import BaseModel

from harness.untrusted.hdf5_guard import Reader
from rules.model.layout import RunFiles
from rules.model.package import Package
from rules.model.run_facts import RunFacts

SKETCH = 512  # float16 numbers of a sketch of weights
SKETCH_SEED = 20261129
ALIKE = 0.5  # cosine of sketches: runs of other seeds have at most 0.19 (measured), edited copies 1.00
ENOUGH_SAMPLES = 30  # of a telemetry series: in a second of an idle machine, readings agree by chance
SHARED_SERIES = 3
SHARED_STEPS = 16  # of 64 marks of a sampler's steps: other runs share none (measured)
SHARED_LOSSES = 2
EPOCHS = 4  # of equal length to the millisecond
MAX_RUNS = 20  # of one entry
MAX_VALUES = 64


class RunMark(BaseModel):
    """What of one run is compared with the runs of other entries."""

    index: int
    weights: str = ""  # SHA-256
    sketch: str = ""  # base64 of SKETCH float16
    seeds: list[int] = []
    losses: list[float] = []
    epochs_ms: list[int] = []
    boot: str = ""
    span_s: tuple[float, float] | None = None  # first and last arrival on the monotonic clock
    telemetry: list[str] = []  # digests of the statistics of each series
    steps: list[int] = []  # marks of the steps between samples, of the first node


class Marked(BaseModel):
    """The marks of one entry."""

    id: str
    name: str  # as it is shown
    runs: list[RunMark] = []


def mark(package: Package, id: str, name: str) -> Marked:
    """The marks of the scored runs. Never raises for what a package holds."""
    reader = Reader()
    return Marked(id=id, name=name, runs=[_mark(run, reader) for run in package.runs[:MAX_RUNS]])


def _mark(run: RunFacts, reader: Reader) -> RunMark:
    boot = run.record.boot_id if run.record else None
    return RunMark(
        index=run.index,
        weights=run.weights_sha256 or "",
        sketch=_sketch(run, reader),
        seeds=[seed.value for seed in run.seeds[:MAX_VALUES]],
        losses=list(run.edge_losses[:MAX_VALUES]),
        epochs_ms=list(run.epoch_times_ms[:MAX_VALUES]),
        boot=str(boot or "")[:80],
        span_s=(run.clock.first_s, run.clock.last_s) if run.clock else None,
        telemetry=sorted({_digest(parts) for parts in _series(run)})[:MAX_VALUES],
        steps=run.telemetry[0].pace[:MAX_VALUES] if run.telemetry else [],
    )


def _series(run: RunFacts) -> Iterator[tuple[object, ...]]:
    for sampled in run.telemetry:
        for q in sampled.quantities:
            if q.samples >= ENOUGH_SAMPLES and q.mean is not None and q.minimum != q.maximum:
                yield q.name, q.scope, q.samples, q.mean, q.minimum, q.maximum


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:12]


def _sketch(run: RunFacts, reader: Reader) -> str:
    """A random projection of the weights, of length 1; empty where there are none that can be read."""
    if run.evidence_dir is None or run.weights_sha256 is None:
        return ""
    try:
        weights = reader.weights(RunFiles(run.evidence_dir).weights)
    except ValueError:
        return ""
    places, signs = _projection(weights.size)
    found = np.bincount(places, weights.astype(np.float64) * signs, SKETCH)
    length = float(np.linalg.norm(found))
    if not 0 < length < np.inf:
        return ""
    return base64.b64encode((found / length).astype(np.float16).tobytes()).decode()


@lru_cache(maxsize=2)
def _projection(size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each weight, the number of the sketch that it is added to [size], and with which sign [size]."""
    rng = np.random.default_rng(SKETCH_SEED)
    return rng.integers(0, SKETCH, size), rng.integers(0, 2, size) * 2.0 - 1.0


def likenesses(entries: Sequence[Marked]) -> dict[str, list[str]]:
    """Entry -> one line for each other entry that shares runs with it; entries that share none are absent."""
    shared: dict[tuple[int, int], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for left, right, reason in _pairs(entries):
        (a, run_a), (b, run_b) = left, right
        if a != b:
            shared[a, b][reason].add(run_a)
            shared[b, a][reason].add(run_b)
    found: dict[str, list[str]] = {}
    for (a, b), reasons in sorted(shared.items()):
        runs = set.union(*reasons.values())
        what = ", ".join(sorted(reasons))
        count = f"{len(runs)} of {len(entries[a].runs)} runs"
        found.setdefault(entries[a].id, []).append(f"{count} are those of {entries[b].name}: the same {what}")
    return found


Place = tuple[int, int]  # number of the entry, of the run in it


def _pairs(entries: Sequence[Marked]) -> Iterator[tuple[Place, Place, str]]:
    """Runs of two entries that agree, and in what."""
    by_mark: dict[tuple[str, Hashable], list[Place]] = defaultdict(list)
    losses: dict[float, list[Place]] = defaultdict(list)
    series: dict[str, list[Place]] = defaultdict(list)
    steps: dict[int, list[Place]] = defaultdict(list)
    boots: dict[str, list[tuple[float, float, Place]]] = defaultdict(list)
    for a, entry in enumerate(entries):
        for n, run in enumerate(entry.runs):
            place = (a, n)
            if run.weights:
                by_mark["weights", run.weights].append(place)
            if len(run.epochs_ms) >= EPOCHS:
                by_mark["epoch times", tuple(run.epochs_ms)].append(place)
            if run.span_s is not None:
                by_mark["clock", (round(run.span_s[0], 2), round(run.span_s[1], 2))].append(place)
                if run.boot:
                    boots[run.boot].append((*run.span_s, place))
            for loss in set(run.losses):
                losses[loss].append(place)
            for digest in set(run.telemetry):
                series[digest].append(place)
            for step in set(run.steps):
                steps[step].append(place)
    for (reason, _), places in by_mark.items():
        yield from ((left, right, reason) for left, right in _couples(places))
    yield from _counted(losses.values(), SHARED_LOSSES, "losses")
    yield from _counted(series.values(), SHARED_SERIES, "telemetry")
    yield from _counted(steps.values(), SHARED_STEPS, "times of samples")
    yield from _seeds(entries)
    yield from _overlaps(boots)
    yield from _near(entries)


def _couples(places: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    first: dict[int, Place] = {}
    for place in places:
        first.setdefault(place[0], place)
    known = list(first.values())
    for i, left in enumerate(known[:MAX_VALUES]):
        yield from ((left, right) for right in known[i + 1 : MAX_VALUES])


def _counted(groups: object, least: int, reason: str) -> Iterator[tuple[Place, Place, str]]:
    """Runs that share at least so many values."""
    counts: dict[tuple[Place, Place], int] = defaultdict(int)
    for places in groups:  # type: ignore[attr-defined]
        for pair in _couples(places):
            counts[pair] += 1
    yield from ((left, right, reason) for (left, right), count in counts.items() if count >= least)


def _seeds(entries: Sequence[Marked]) -> Iterator[tuple[Place, Place, str]]:
    """Entries that share two seeds or more: one may be fixed by a recipe, or coincide."""
    by_seed: dict[int, list[Place]] = defaultdict(list)
    for a, entry in enumerate(entries):
        for n, run in enumerate(entry.runs):
            for seed in set(run.seeds):
                by_seed[seed].append((a, n))
    found: dict[tuple[int, int], list[tuple[Place, Place]]] = defaultdict(list)
    for places in by_seed.values():
        for left, right in _couples(places):
            found[left[0], right[0]].append((left, right))
    for pairs in found.values():
        if len(pairs) > 1:
            yield from ((left, right, "seeds") for left, right in pairs)


def _overlaps(
    boots: dict[str, list[tuple[float, float, Place]]],
) -> Iterator[tuple[Place, Place, str]]:
    """Runs of two entries at the same time on one boot of one machine."""
    for spans in boots.values():
        spans.sort()
        for (_, end, left), (start, _, right) in zip(spans, spans[1:], strict=False):
            if start < end and left[0] != right[0]:
                yield left, right, "time of one machine"


def _near(entries: Sequence[Marked]) -> Iterator[tuple[Place, Place, str]]:
    """Runs whose weights point the same way, though some of them were changed."""
    places, rows = [], []
    for a, entry in enumerate(entries):
        for n, run in enumerate(entry.runs):
            if run.sketch:
                places.append((a, n))
                rows.append(np.frombuffer(base64.b64decode(run.sketch), np.float16).astype(np.float32))
    if not rows:
        return
    table = np.stack(rows)
    for at, row in enumerate(table):  # a row at a time: ten thousand runs take 40 kB
        for other in np.flatnonzero(table[at + 1 :] @ row > ALIKE) + at + 1:
            if places[at][0] != places[other][0]:
                yield places[at], places[int(other)], "weights"
