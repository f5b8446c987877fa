"""What science.json says of every test scene since schema 2, and what follows from it for the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rules.model.values import is_int, is_number, show
from rules.quality.scene_curves import curve_problems

SCHEMA = 2  # the first whose scenes have counts
NAMES = ("tp", "fp", "fn", "tn")
OUTLINES = (
    "predicted", "predicted_near", "truth", "truth_near", "edge", "edge_right", "interior", "interior_right",
)  # fmt: skip
NEAR = 1e-9
Counts = tuple[int, ...]


def stated_counts(scores: Any, names: tuple[str, ...] = NAMES) -> Counts | None:
    """The counts under these names; None unless all are whole and not negative."""
    found = [scores.get(name) for name in names] if isinstance(scores, dict) else []
    values = [value for value in found if is_int(value) and value >= 0]
    return tuple(values) if len(values) == len(names) else None


def scene_problems(science: dict[str, Any], whole: Counts) -> Iterator[str]:
    """What does not fit together in a science.json of schema 2; `whole` are its counts of all test pixels."""
    rows = science.get("per_scene")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        yield "per_scene has no rows, schema 2 has the counts of every scene there"
        return
    if science.get("scenes") != len(rows):
        yield f"{len(rows)} scenes have rows, {show(science.get('scenes'))} are stated"
    amiss = [f"{show(row.get('name'))}: {said}" for row in rows for said in _row_problems(row)]
    if amiss:
        yield amiss[0] + (f" (and {len(amiss) - 1} more)" if len(amiss) > 1 else "")
        return
    yield from _sums(science, rows, whole)
    yield from _groups(science, rows)
    yield from _derived(science, rows)
    yield from curve_problems(science, rows)


def _row_problems(row: dict[str, Any]) -> Iterator[str]:
    counts, valid = stated_counts(row), stated_counts(row.get("valid"))
    bounds = stated_counts(row.get("boundary"), OUTLINES)
    histogram, error = _histogram(row), row.get("squared_error")
    if counts is None or valid is None or bounds is None or histogram is None or not is_number(error):
        yield "counts, valid, boundary, histogram or squared_error are missing or are not counts of pixels"
        return
    tp, fp, fn, tn = counts
    pixels = sum(counts)
    if pixels != row.get("pixels") or not pixels:
        yield f"its counts add up to {pixels} pixels, it says {show(row.get('pixels'))}"
        return
    for name, expected in (("accuracy", (tp + tn) / pixels), ("cloud_fraction", (tp + fn) / pixels)):
        if not _near(row.get(name), expected):
            yield f"{name} is {show(row.get(name))}, its counts give {expected:.9f}"
    if sum(valid) != row["valid"].get("pixels") or any(v > c for v, c in zip(valid, counts, strict=True)):
        yield "its observed pixels are not a part of its pixels"
    clear, cloud = histogram
    half = len(clear) // 2
    halves = (sum(cloud[half:]), sum(clear[half:]), sum(cloud[:half]), sum(clear[:half]))
    if halves != counts:
        yield f"its histogram gives {halves} as tp, fp, fn and tn, it says {counts}"
    if not (fp + fn) / 4 * (1 - 1e-6) <= error <= pixels:
        yield f"squared_error is {error:.6g}, its wrong pixels alone make {(fp + fn) / 4:.6g}"
    yield from _outline_problems(bounds, valid)


def _outline_problems(bounds: Counts, valid: Counts) -> Iterator[str]:
    predicted, predicted_near, truth, truth_near, edge, edge_right, interior, interior_right = bounds
    parts = ((predicted_near, predicted), (truth_near, truth), (edge_right, edge), (interior_right, interior))
    if any(part > whole for part, whole in parts):
        yield "a count of its boundary is larger than the one that it is a part of"
    if edge + interior != sum(valid) or edge_right + interior_right != valid[0] + valid[3]:
        yield "edges and interior do not add up to its observed pixels"


def _sums(science: dict[str, Any], rows: list[dict[str, Any]], whole: Counts) -> Iterator[str]:
    """Counts of the whole that are not those of its scenes together."""
    wanted: tuple[tuple[str, Any, Counts | None, Counts], ...] = (
        ("overall", science.get("overall"), whole, _total(rows, NAMES)),
        ("valid", science.get("valid"), None, _total([row["valid"] for row in rows], NAMES)),
    )
    for name, scores, counts, total in wanted:
        if stated_counts(scores) != total or (counts is not None and counts != total):
            yield f"{name}: its scenes add up to {total} as tp, fp, fn and tn, it says {show(stated_counts(scores))}"
    bounds = _total([row["boundary"] for row in rows], OUTLINES)
    if stated_counts(science.get("boundary"), OUTLINES) != bounds:
        yield f"boundary: its scenes add up to {bounds}"
    brier = (science.get("overall") or {}).get("brier_score")
    error = math.fsum(row["squared_error"] for row in rows) / sum(whole)
    if not _near(brier, error, 1e-6):
        yield f"brier_score is {show(brier)}, the squared errors of the scenes give {error:.9f}"


def _groups(science: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Groups of scenes whose counts are not those of their scenes."""
    for name, group_of in (("by_daylight", _daylight), ("by_cloud_fraction", _quarter)):
        groups = science.get(name)
        expected: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            expected.setdefault(group_of(row), []).append(row)
        if not isinstance(groups, dict) or set(groups) != set(expected):
            yield f"{name}: the scenes are of {', '.join(sorted(expected))}"
            continue
        for group, members in expected.items():
            total = _total(members, NAMES)
            if stated_counts(groups[group]) != total:
                yield f"{name}: the scenes of {group} add up to {total} as tp, fp, fn and tn"
    surfaces = science.get("by_surface")
    found = [stated_counts(one) for one in surfaces.values()] if isinstance(surfaces, dict) else []
    known, total = [one for one in found if one is not None], _total(rows, NAMES)
    if len(known) < len(found):
        yield "by_surface: a group has no counts"
    elif not all(map(sum, known)):
        yield "by_surface: a group has no pixels"
    elif known and any(
        sum(part) > limit for part, limit in zip(zip(*known, strict=True), total, strict=True)
    ):
        yield "by_surface: its groups have more pixels than there are"


def _derived(science: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Scores of the whole that do not follow from its scenes."""
    errors = [(row["fp"] - row["fn"]) / row["pixels"] for row in rows]
    mean = math.fsum(errors) / len(errors)
    square = math.sqrt(math.fsum(e * e for e in errors) / len(errors))
    said = science.get("cloud_fraction_error")
    for name, expected in (("bias", mean), ("rmse", square)):
        value = said.get(name) if isinstance(said, dict) else None
        if not _near(value, expected):
            yield f"cloud_fraction_error: {name} is {show(value)}, the scenes give {expected:.9f}"
    auc, bounds = (science.get("overall") or {}).get("auc"), _auc_bounds(rows)
    if bounds is not None and not (is_number(auc) and bounds[0] - NEAR <= auc <= bounds[1] + NEAR):
        yield f"auc is {show(auc)}, the histograms of the scenes allow {bounds[0]:.6f} to {bounds[1]:.6f}"
    scores = science.get("boundary")
    if not isinstance(scores, dict) or stated_counts(scores, OUTLINES) is None:
        return
    near, drawn, met, real = (scores[n] for n in ("predicted_near", "predicted", "truth_near", "truth"))
    for name, value in (
        ("precision", ratio(near, drawn)),
        ("recall", ratio(met, real)),
        ("f1", _harmonic(ratio(near, drawn), ratio(met, real))),
        ("edge_accuracy", ratio(scores["edge_right"], scores["edge"])),
        ("interior_accuracy", ratio(scores["interior_right"], scores["interior"])),
    ):
        if value is not None and not _near(scores.get(name), value):
            yield f"boundary: {name} is {show(scores.get(name))}, its counts give {value:.9f}"


def _auc_bounds(rows: list[dict[str, Any]]) -> tuple[float, float] | None:
    """Between which the area under the ROC curve lies: pixels of one bin may be in any order."""
    if len({len(row["histogram"]["clear"]) for row in rows}) != 1:
        return None
    clear, cloud = (
        [sum(bins) for bins in zip(*(row["histogram"][t] for row in rows), strict=True)]
        for t in ("clear", "cloud")
    )
    pairs = sum(clear) * sum(cloud)
    if not pairs:
        return None
    below, sure, tied = 0, 0, 0
    for dark, bright in zip(clear, cloud, strict=True):
        sure, tied, below = sure + bright * below, tied + bright * dark, below + dark
    return sure / pairs, (sure + tied) / pairs


def _histogram(row: dict[str, Any]) -> tuple[list[int], list[int]] | None:
    """Pixels of clear and of cloud by probability, with an edge in the middle; None when there are none."""
    found = row.get("histogram")
    clear, cloud = (found.get("clear"), found.get("cloud")) if isinstance(found, dict) else (None, None)
    if not isinstance(clear, list) or not isinstance(cloud, list) or len(clear) % 2:
        return None
    if not 0 < len(clear) == len(cloud) <= 1000:
        return None
    return (clear, cloud) if all(is_int(v) and v >= 0 for v in (*clear, *cloud)) else None


def _total(parts: list[dict[str, Any]], names: tuple[str, ...]) -> Counts:
    return tuple(sum(part[name] for part in parts) for name in names)


def _daylight(row: dict[str, Any]) -> str:
    return "day" if row.get("daylight") else "night"


def _quarter(row: dict[str, Any]) -> str:
    low = min(int(4 * (row["tp"] + row["fn"]) / row["pixels"]), 3)
    return f"{low / 4:.2f}-{(low + 1) / 4:.2f}"


def _harmonic(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else ratio(2 * one * other, one + other)


def ratio(part: float, whole: float) -> float | None:
    """The quotient; None where it divides by zero."""
    return part / whole if whole else None


def _near(value: Any, expected: float, allowed: float = NEAR) -> bool:
    return is_number(value) and abs(value - expected) <= allowed
