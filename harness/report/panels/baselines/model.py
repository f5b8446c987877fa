"""Simple methods on the data set of a package, as data."""

from __future__ import annotations

from harness.report.part import Part


class SimpleMethod(Part):
    """What one simple method reaches; None means: not defined."""

    name: str
    title: str
    needs: str  # what it takes from the training scenes
    numbers: int  # that it learnt
    validation: float | None  # accuracy on the validation patches, as the runs are evaluated
    test: float | None  # accuracy on the test scenes
    balanced: float | None  # balanced accuracy there
    mcc: float | None  # Matthews correlation coefficient there


class BaselinesCard(Part):
    """Simple methods beside the runs. They were fitted here: not timed, not a submission."""

    methods: list[SimpleMethod]  # the simplest first
    best_validation: float | None  # highest accuracy that ended a run
    best_test: float | None  # highest accuracy of a run on the test scenes
    by_scene: (
        str  # the runs and the best simple method on the test scenes, compared by scene; empty without counts
    )
    sentence: str  # what a reader should know before speaking of skill
