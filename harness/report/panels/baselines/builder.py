"""Simple methods beside a result: their scores on the same data set, and the sentence that follows from them.

The scores were computed by this harness (`cloudmask baselines`), never taken from a package. They belong to
a data set by its digest, so that a package from elsewhere finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.report.panels.baselines.model import BaselinesCard, SimpleMethod
from harness.science.counts import SceneCounts, of_confusion
from harness.science.paired import compare, in_words
from reference.baselines.records import Method, Record, find

NO_LEARNING = "majority"
BEST_RUN = "the best run"
BEST_ENTRY = "the best entry"  # of a board: each by the mean of its runs


def simple_methods(digest: str) -> list[SimpleMethod]:
    """What is known of the data set of this digest; empty where nothing is."""
    record = find(digest)
    return rows(record) if record else []


def rows(record: Record) -> list[SimpleMethod]:
    """The methods of a record."""
    return [
        SimpleMethod(
            name=one.name,
            title=one.title,
            needs=one.needs,
            numbers=one.numbers,
            validation=one.validation.get("accuracy"),
            test=one.test.get("accuracy"),
            balanced=one.test.get("balanced_accuracy"),
            mcc=one.test.get("mcc"),
        )
        for one in record.methods
    ]


def card(
    digest: str,
    validation: Iterable[float | None],
    test: Iterable[float | None],
    runs: Sequence[SceneCounts] = (),
    who: str = BEST_RUN,
) -> BaselinesCard | None:
    """Simple methods beside accuracies, of runs or of entries; None where no method is known for the data set.

    With the counts of the runs' test scenes, all runs together are compared by scene with the best simple method.
    """
    methods = simple_methods(digest)
    if not methods:
        return None
    best_validation = max((v for v in validation if v is not None), default=None)
    best_test = max((v for v in test if v is not None), default=None)
    return BaselinesCard(
        methods=methods,
        best_validation=best_validation,
        best_test=best_test,
        by_scene=by_scene(find(digest), runs),
        sentence=sentence(methods, best_validation, best_test, who),
    )


def by_scene(record: Record | None, runs: Sequence[SceneCounts]) -> str:
    """The runs, pixels added up, and the simple method that is best on the test scenes, in one sentence."""
    known = [m for m in record.methods if m.scenes and m.test.get("accuracy") is not None] if record else []
    best = max(known, key=lambda method: method.test.get("accuracy") or 0.0, default=None)
    found = compare(runs, [_counts(best)]) if best is not None else None
    if best is None or found is None:
        return ""
    return f"Test scenes, by scene: {in_words(found, 'the mean run', best.title)}."


def _counts(method: Method) -> SceneCounts:
    rows = [(s.true_cloud, s.false_cloud, s.false_clear, s.true_clear) for s in method.scenes]
    return of_confusion([s.name for s in method.scenes], np.array(rows, np.float64))


def sentence(
    methods: list[SimpleMethod], validation: float | None, test: float | None, who: str = BEST_RUN
) -> str:
    """What the comparison means, in one sentence; empty where `who` (a run, an entry) cannot be compared."""
    places = [
        (kind, best, method)
        for kind, best in (("validation patches", validation), ("test scenes", test))
        if best is not None and (method := _best(methods, kind)) is not None
    ]
    if not places:
        return ""
    level = [(kind, best, one) for kind, best, one in places if (_value(one, kind) or 0) >= best]
    said = "; ".join(
        f"{one.title} reaches {_value(one, kind):.4f} on the {kind}, {who} {best:.4f}"
        for kind, best, one in level or places
    )
    mean = " (mean of its runs)" if who == BEST_ENTRY else ""
    if level:
        return f"A simple method does at least as well as {who}{mean}, so the time shows speed, not skill: {said}."
    return f"T{who[1:]}{mean} is better than every simple method: {said}."


def _best(methods: list[SimpleMethod], kind: str) -> SimpleMethod | None:
    known = [one for one in methods if _value(one, kind) is not None]
    return max(known, key=lambda one: _value(one, kind) or 0.0, default=None)


def _value(method: SimpleMethod, kind: str) -> float | None:
    return method.validation if kind == "validation patches" else method.test
