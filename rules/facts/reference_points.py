"""Reference convergence points: how many epochs the reference needs, and how few a submission may.

MLPerf Training rules 13 and 22 (docs/sources.md, group I). A submission that converges faster than the reference
does at its batch size, beyond chance, trained something else; one that is faster within chance is
scaled back to the reference's pace. Two readings of the rules exist, and both can be computed:

  trimmed   what the rules' prose asks for: mean and deviation of the runs without the fastest and the
            slowest; points above the lower convex hull of epochs over batch size are left out; an
            interpolated point has as many runs as the smaller of its two neighbours.
  upstream  what mlperf_logging's rcp_checker computes: the deviation of all runs, outliers included,
            which lets more pass; one sweep instead of the hull; an interpolated point has twice the
            submission's runs.

The limit itself is the same one-sided two-sample t test at 5 %, in closed form instead of by
bisection: smallest mean = mean - t(0.95; n_r + n_s - 2) * deviation * sqrt(1/n_r + 1/n_s).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, pstdev
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from rules.facts.log_reading import integer
from rules.facts.student_t import t_quantile
from rules.model.package import Package
from rules.model.run_facts import RunFacts
from rules.registry import NotApplicable, NotChecked
from rules.ruleset import FOLDER, Ruleset

Method = Literal["trimmed", "upstream"]
CONFIDENCE = 0.95
TRIMMED = 1  # runs left out at each end


class Point(msgspec.Struct, frozen=True):
    """Epochs to convergence of reference runs at one global batch size (or another unit: samples)."""

    batch_size: int
    epochs: tuple[float, ...]


class Limit(msgspec.Struct, frozen=True):
    """What a point, measured or interpolated, asks of a submission at its batch size."""

    batch_size: int
    mean: float
    deviation: float
    runs: int  # that the statistics stand on
    smallest: float  # mean epochs a submission may have at least


class Comparison(msgspec.Struct, frozen=True):
    """One submission against the points. `factor` multiplies its time (TR 12.2); beyond chance too, where
    points are of a practice set: elsewhere such an entry has no score."""

    outcome: Literal["pass", "fail", "missing"]
    mean: float
    limit: Limit | None
    reason: str
    factor: float = 1.0
    practice: bool = False  # held against points of a practice set


class PointRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One measured point as kept in rules/rulesets/<ruleset>/reference_points.json."""

    benchmark: str
    dataset: str | None = None  # digest of the data set; None where the benchmark has only one
    profile: str | None = None
    batch_size: Annotated[int, msgspec.Meta(ge=1)]
    epochs: Annotated[list[float], msgspec.Meta(min_length=3)]
    hyperparameters: dict[str, Any] = {}
    precision: str | None = None
    practice: bool = False  # of a synthetic data set, where nobody competes: findings are warnings
    source: str
    runs: list[dict[str, Any]] = []  # seed, platform, weights... of each run


class PointFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """reference_points.json of a ruleset."""

    schema: Literal[1]
    ruleset: str
    note: str = ""
    include: list[str] = []  # rulesets whose points count as well
    points: list[PointRecord]


@lru_cache(maxsize=8)
def load_points(ruleset: str) -> tuple[PointRecord, ...]:
    """Every point recorded for a ruleset; none when it has no file. Raises ValueError on a broken file."""
    path = FOLDER / ruleset / "reference_points.json"
    if not path.is_file():
        return ()
    try:
        file = msgspec.json.decode(path.read_bytes(), type=PointFile)
        return (*file.points, *(point for other in file.include for point in load_points(other)))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path.parent.name}/{path.name} cannot be read: {' '.join(str(error).split())[:300]}"
        ) from error


def points_for(ruleset: str, benchmark: str, dataset: str | None) -> list[Point]:
    """Points of one benchmark on one data set, by batch size; runs at equal batch size are one point."""
    pooled: dict[int, list[float]] = {}
    for record in load_points(ruleset):
        if record.benchmark == benchmark and record.dataset in (None, dataset):
            pooled.setdefault(record.batch_size, []).extend(record.epochs)
    return [Point(batch, tuple(sorted(pooled[batch]))) for batch in sorted(pooled)]


def is_practice(ruleset: str, dataset: str | None) -> bool:
    """Whether the points of this data set are of a practice set (never where the digest is unknown)."""
    return any(record.practice and record.dataset == dataset for record in load_points(ruleset))


def olympic_mean(values: Sequence[float]) -> float:
    """Mean without the smallest and the largest value; infinity where too few are finite."""
    kept = sorted(values)[TRIMMED : len(values) - TRIMMED]
    return fmean(kept) if kept and all(math.isfinite(v) for v in kept) else math.inf


def compare(
    epochs: Sequence[float], batch_size: int, points: Sequence[Point], runs: int, method: Method
) -> Comparison:
    """Judge a submission of `epochs` (infinity: did not converge) against at least one point.

    `runs` is the number of runs the benchmark asks for (sources I8, I9).
    """
    mean = olympic_mean(epochs)
    found = find_limit(batch_size, limits(points, runs, method), runs, method)
    if found is None:
        return Comparison("missing", mean, None, f"there is no reference as large as batch size {batch_size}")
    if mean < found.smallest:
        beyond = found.batch_size != batch_size
        return Comparison(
            "missing" if beyond else "fail",
            mean,
            found,
            f"there is no reference as small as batch size {batch_size}"
            if beyond
            else f"{mean:.6g} epochs on average, the reference needs {found.mean:.6g} and chance explains "
            f"no fewer than {found.smallest:.6g}",
            1.0 if beyond else _factor(found, mean),
        )
    return Comparison("pass", mean, found, "", _factor(found, mean))


def _factor(limit: Limit, mean: float) -> float:
    """What brings the pace of a submission back to the reference's (TR 12.2); never below 1."""
    return max(1.0, limit.mean / mean) if math.isfinite(mean) and mean > 0 else 1.0


def limits(points: Sequence[Point], runs: int, method: Method) -> list[Limit]:
    """The points that count, by batch size, each with its limit for a submission of `runs` runs."""
    measured = sorted((_limit(p, runs, method) for p in points), key=lambda m: m.batch_size)
    fastest = min(measured, key=lambda m: m.mean)
    kept = [m for m in measured if m.batch_size >= fastest.batch_size]
    return _swept(kept) if method == "upstream" else _hull(kept)


def find_limit(batch_size: int, kept: Sequence[Limit], runs: int, method: Method) -> Limit | None:
    """The limit at a batch size: measured, interpolated, the smallest one's below it, or none above."""
    below = [m for m in kept if m.batch_size <= batch_size]
    above = [m for m in kept if m.batch_size >= batch_size]
    if not above:
        return None
    if not below or above[0].batch_size == batch_size:
        return above[0]
    return _between(below[-1], above[0], batch_size, runs, method)


def smallest_mean(mean: float, deviation: float, reference_runs: int, submitted_runs: int) -> float:
    """The smallest mean of submitted_runs runs that chance explains, at 5 % (sources I6); never negative."""
    if deviation == 0 or reference_runs + submitted_runs <= 2 or min(reference_runs, submitted_runs) < 1:
        return mean
    t = _t(reference_runs + submitted_runs - 2)
    return max(0.0, mean - t * deviation * math.sqrt(1 / reference_runs + 1 / submitted_runs))


@lru_cache(maxsize=256)
def _t(degrees: int) -> float:
    return t_quantile(CONFIDENCE, degrees)


def _limit(point: Point, runs: int, method: Method) -> Limit:
    values = sorted(point.epochs)
    kept = values[TRIMMED : len(values) - TRIMMED]
    mean, deviation = fmean(kept), pstdev(kept if method == "trimmed" else values)
    smallest = smallest_mean(mean, deviation, len(kept), runs - 2 * TRIMMED)
    return Limit(point.batch_size, mean, deviation, len(kept), smallest)


def _between(low: Limit, high: Limit, batch_size: int, runs: int, method: Method) -> Limit:
    """Mean and deviation at a batch size between two points, linearly (sources I8)."""
    share = (batch_size - low.batch_size) / (high.batch_size - low.batch_size)
    mean = low.mean + share * (high.mean - low.mean)
    deviation = low.deviation + share * (high.deviation - low.deviation)
    count = 2 * runs if method == "upstream" else min(low.runs, high.runs)
    smallest = smallest_mean(mean, deviation, count, runs - 2 * TRIMMED)
    return Limit(batch_size, mean, deviation, count, smallest)


def _above_line(point: Limit, low: Limit, high: Limit) -> bool:
    share = (point.batch_size - low.batch_size) / (high.batch_size - low.batch_size)
    return point.mean > low.mean + share * (high.mean - low.mean)


def _hull(measured: Sequence[Limit]) -> list[Limit]:
    """Points on the lower convex hull of mean over batch size: one above it is a reference badly tuned."""
    kept: list[Limit] = []
    for point in measured:
        while len(kept) >= 2 and _above_line(kept[-1], kept[-2], point):
            kept.pop()
        kept.append(point)
    return kept


def _swept(measured: Sequence[Limit]) -> list[Limit]:
    """mlperf_logging's pruning: the same comparison in one sweep that never looks back."""
    kept, at = list(measured), 1
    while at < len(kept) - 1:
        if _above_line(kept[at], kept[at - 1], kept[at + 1]):
            del kept[at]
        else:
            at += 1
    return kept


def compare_package(package: Package, ruleset: Ruleset, method: Method | None = None) -> Comparison:
    """A package against the points of its benchmark and data set, by the ruleset's reading or another.

    Raises NotChecked when there are no points, NotApplicable when the runs give nothing to compare
    (too few, several batch sizes, more than one that did not converge: other rules say so).
    """
    batches = {integer(run.settings, "global_batch_size") for run in package.runs}
    digests = {_digest(run) for run in package.runs}
    batch, digest = batches.pop() if len(batches) == 1 else None, digests.pop() if len(digests) == 1 else ""
    if batch is None or batch < 1 or digest == "":
        raise NotApplicable("the runs do not state one batch size and one data set")
    points = points_for(ruleset.name, ruleset.benchmark, digest)
    if not points:
        raise NotChecked("there are no reference convergence points for this data set yet")
    epochs = [epochs_to_converge(run) for run in package.runs]
    if len(epochs) <= 2 * TRIMMED or sum(map(math.isinf, epochs)) > TRIMMED:
        raise NotApplicable("too few runs converged")
    runs = ruleset.division(package.division, package.scaling).runs_minimum
    found = compare(epochs, batch, points, runs, method or ruleset.convergence.points)
    practice = is_practice(ruleset.name, digest)
    scaled = found.outcome == "pass" or (practice and ruleset.convergence.scale_practice)
    return replace(found, practice=practice, factor=found.factor if scaled else 1.0)


def _digest(run: RunFacts) -> str | None:
    """The data set's digest as logged; None where a benchmark logs none."""
    value = run.settings.value("dataset_digest")
    return value if isinstance(value, str) else None


def epochs_to_converge(run: RunFacts) -> float:
    """epoch_num of the last evaluation of the run; infinity when it did not converge (sources I1)."""
    epoch = run.last_evaluation.epoch if run.last_evaluation else None
    return float(epoch) if epoch is not None and run.converged else math.inf
