"""QUA: numbers that are shares of pixels, and what they imply of each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from rules.facts.log_reading import epoch_num, evaluations, integer, stated
from rules.facts.needs import dataset_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.log import Event
from rules.model.run import Run
from rules.model.values import is_int, is_number, show
from rules.quality.scene_counts import SCHEMA, ratio, scene_problems, stated_counts
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

WHOLE = 1e-3  # of a pixel: a double carries 15 digits
MOST_PIXELS = 10**12  # of a split: the official one has 1e9
LN2 = math.log(2)  # the cross-entropy of a pixel at the threshold: a wrong one costs at least so much
_SOURCE = "TR 9.4; sources F1, F2"
_FIX = "Log share of pixels and mean loss over the whole split as they were computed; do not edit them."


@rule("QUA020", "Accuracies are shares of the pixels", Scope.RUN, source=_SOURCE, fix=_FIX)
def shares(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Accuracy is correct pixels over evaluated pixels: times the number of pixels it is a whole number. An
    accuracy that no count of pixels gives was not counted."""
    patch = integer(run.settings, "patch_size")
    held_out, trained = integer(run.settings, "eval_samples"), integer(run.settings, "train_samples")
    if not patch or not held_out:
        raise NotApplicable("the number of evaluated pixels is not logged")
    if max(held_out, trained or 0) * patch**2 > MOST_PIXELS:
        raise NotChecked("the logged numbers of samples and pixels are those of no data set")
    for found in evaluations(run.log, ruleset.quality.key):
        if found.value is not None and not _is_whole(found.value, held_out * patch**2):
            yield _no_share(self, run, found.event, ruleset.quality.key, found.value, held_out * patch**2)
    for event in run.log.all("tracked_stats") if trained else ():
        value = event.value.get("train_accuracy") if isinstance(event.value, dict) else None
        pixels = (trained or 0) * patch**2
        if is_number(value) and 0 <= value <= 1 and not _is_whole(value, pixels):
            finding = _no_share(self, run, event, "train_accuracy", value, pixels, Severity.WARNING)
            yield finding  # other frameworks average over batches, the last of which may be smaller


def _is_whole(share: float, pixels: int) -> bool:
    count = share * pixels
    return math.isfinite(count) and abs(count - round(count)) <= WHOLE


def _no_share(
    self: Rule,
    run: Run,
    event: Event,
    name: str,
    value: float,
    pixels: int,
    severity: Severity | None = None,
) -> Finding:
    gravest = Severity.ERROR if run.division != "open" else Severity.WARNING
    return self.at(
        run,
        event,
        f"{name} {value} is {value * pixels:.3f} of {pixels} pixels: not a count",
        severity=severity or gravest,
        actual=value,
    )


@rule("QUA021", "The loss is as large as the wrong pixels make it", Scope.RUN, source=_SOURCE, fix=_FIX)
def loss_bound(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Each pixel on the wrong side of 0.5 costs at least ln 2: the mean cross-entropy is never below
    ln 2 x (1 - accuracy). A smaller loss belongs to another accuracy."""
    loss = stated(run.settings, "loss_function")
    if loss is not None and loss.value != ruleset.reference.get("loss_function"):
        raise NotApplicable("another loss than the reference's")
    quality = ruleset.quality
    losses = {e.epoch: e for e in evaluations(run.log, quality.loss_key) if e.value is not None}
    pairs: list[tuple[Event, str, float, float]] = []
    for found in evaluations(run.log, quality.key):
        other = losses.get(found.epoch)
        if found.value is not None and other is not None and other.value is not None:
            pairs.append((other.event, quality.loss_key, other.value, found.value))
    for event in run.log.all("tracked_stats"):
        value = event.value if isinstance(event.value, dict) else {}
        known = value.get("train_loss"), value.get("train_accuracy")
        if is_number(known[0]) and is_number(known[1]):
            pairs.append((event, "train_loss", float(known[0]), float(known[1])))
    for event, name, loss_value, accuracy in pairs:
        least = LN2 * (1 - accuracy)
        if loss_value < least * (1 - quality.loss_tolerance):
            yield self.at(
                run,
                event,
                f"epoch {epoch_num(event)}: {name} is {loss_value:.6g}, accuracy {accuracy:.6g} needs {least:.6g}",
                expected=f">= {least:.6g}",
                actual=loss_value,
            )


@rule("QUA022", "The science follows from one count of test pixels", Scope.RUN, source=_SOURCE, fix=_FIX)
def counted(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Accuracy, precision, recall, IoU and the rest are ratios of four counts, and those of day, night and
    surfaces add up to the whole: numbers that were lifted one by one do not fit together. Since schema 2 the
    file has the counts, also those of every scene, and all else follows from the scenes: scores of observed pixels
    and of groups, calibration, and the curve of precision and recall."""
    science = run.science
    overall = science.get("overall") if science else None
    if not isinstance(science, dict) or not isinstance(overall, dict) or not is_int(overall.get("pixels")):
        raise NotChecked("science.json has no overall count of pixels")
    path = run.files.science.as_posix()
    expected = _test_pixels(run)
    if expected is not None and overall["pixels"] != expected:
        yield self.finding(
            f"{overall['pixels']} test pixels, the test scenes have {expected}",
            path=path,
            expected=expected,
            actual=overall["pixels"],
        )
    counts = _counts(overall)
    for problem in _ratios(overall, counts):
        yield self.finding(f"overall: {problem}", path=path)
    for name in ("by_daylight", "by_cloud_fraction"):
        amiss = _parts(science.get(name), counts)
        if amiss:
            yield self.finding(f"{name}: {amiss}", path=path)
    mean = _mean_of_scenes(science.get("per_scene"))
    if counts is not None and mean is not None and abs(mean - (counts[0] + counts[3]) / sum(counts)) > 1e-9:
        yield self.finding(
            f"the scenes have a mean accuracy of {mean:.6f}, overall is {overall.get('accuracy')}", path=path
        )
    schema = science.get("schema")
    if counts is not None and is_int(schema) and schema >= SCHEMA:
        for problem in (*_part_ratios(science), *scene_problems(science, counts)):
            yield self.finding(problem, path=path)


Counts = tuple[int, int, int, int]  # true positives, false positives, false negatives, true negatives


def _test_pixels(run: Run) -> int | None:
    try:
        dataset = dataset_of(run)
    except NotChecked:
        return None
    height, width = (dataset.geometry.get(n) for n in ("scene_height", "scene_width"))
    return len(dataset.test) * height * width if is_int(height) and is_int(width) else None


def _counts(scores: dict[str, Any]) -> Counts | None:
    """The four counts that the shares stand for; None where they are not whole."""
    pixels, names = scores.get("pixels"), ("accuracy", "cloud_fraction", "predicted_cloud_fraction")
    shares = [scores.get(n) for n in names]
    if not is_int(pixels) or pixels <= 0 or not all(is_number(s) and 0 <= s <= 1 for s in shares):
        return None
    if not all(_is_whole(s, pixels) for s in shares if s is not None):
        return None
    right, cloud, called = (round(s * pixels) for s in shares if s is not None)
    twice = right + cloud + called - pixels
    tp = twice // 2
    counts = (tp, called - tp, cloud - tp, pixels - called - cloud + tp)
    return counts if twice % 2 == 0 and min(counts) >= 0 else None


def _ratios(scores: dict[str, Any], counts: Counts | None) -> Iterator[str]:
    """What does not follow from the counts."""
    if counts is None:
        yield "accuracy, cloud_fraction and predicted_cloud_fraction are not counts of pixels"
        return
    tp, fp, fn, tn = counts
    if "tp" in scores and stated_counts(scores) != counts:
        yield f"its shares give {counts} as tp, fp, fn and tn"
    root = math.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    both = (ratio(tp, tp + fn), ratio(tn, tn + fp))
    for name, expected in (
        ("precision", ratio(tp, tp + fp)),
        ("recall", both[0]),
        ("specificity", both[1]),
        ("false_alarm_rate", ratio(fp, fp + tn)),
        ("true_skill_score", None if None in both else sum(b for b in both if b is not None) - 1),
        ("balanced_accuracy", None if None in both else sum(b for b in both if b is not None) / 2),
        ("f1", ratio(2 * tp, 2 * tp + fp + fn)),
        ("iou", ratio(tp, tp + fp + fn)),
        ("mcc", ratio(tp * tn - fp * fn, root)),
    ):
        stated_value = scores.get(name)
        if stated_value is None or expected is None:
            continue
        if not is_number(stated_value) or abs(stated_value - expected) > 1e-9:
            yield f"{name} is {stated_value!s:.40}, the counts give {expected:.9f}"
    brier, least = scores.get("brier_score"), (fp + fn) / sum(counts) / 4
    if is_number(brier) and brier < least * (1 - 1e-6):
        yield f"brier_score is {brier:.6g}, the wrong pixels alone make {least:.6g}"


def _part_ratios(science: dict[str, Any]) -> Iterator[str]:
    """What does not follow from the counts of the observed pixels, and of groups of them."""
    named = [("valid", science.get("valid"))]
    for name in ("by_daylight", "by_surface", "by_cloud_fraction"):
        groups = science.get(name)
        named += (
            [(f"{name}, {group}", one) for group, one in groups.items()] if isinstance(groups, dict) else []
        )
    for name, scores in named:
        if isinstance(scores, dict) and scores.get("pixels") != 0:
            yield from (f"{show(name)}: {problem}" for problem in islice(_ratios(scores, _counts(scores)), 1))


def _parts(groups: Any, counts: Counts | None) -> str | None:
    """What is wrong with a division of the test pixels into groups; None when nothing is, or there is none."""
    if not isinstance(groups, dict) or not groups or counts is None:
        return None
    found = [_counts(one) if isinstance(one, dict) else None for one in groups.values()]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return "a group has shares that are not counts of pixels"
    sums = tuple(map(sum, zip(*known, strict=True)))
    return (
        None if sums == counts else f"its groups add up to {sum(sums)} pixels in {sums}, overall is {counts}"
    )


def _mean_of_scenes(scenes: Any) -> float | None:
    """Mean accuracy over the scenes, which are equally large; None where it is not stated."""
    values = [s.get("accuracy") for s in scenes if isinstance(s, dict)] if isinstance(scenes, list) else []
    known = [float(v) for v in values if is_number(v)]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
