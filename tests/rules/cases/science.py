"""Mutations of science.json: scores and curves that do not follow from its counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage
from tests.support.scene_counts import write_counts, write_science


def _edited(built: BuiltPackage, change: Callable[[dict[str, Any]], object]) -> None:
    """A science.json of schema 2 in run 2, changed; the log's result says the same."""
    science = write_counts(built)
    change(science)
    write_science(built, 2, science)


@case("QUA022", only=True)
def observed_pixels_lifted(built: BuiltPackage) -> None:
    _edited(built, lambda s: s["valid"].update(iou=0.985, f1=0.992))


@case("QUA022", only=True)
def better_over_sea(built: BuiltPackage) -> None:
    _edited(built, lambda s: next(iter(s["by_surface"].values())).update(iou=0.985, balanced_accuracy=0.99))


@case("QUA022", only=True)
def calibration_error_of_a_tenth(built: BuiltPackage) -> None:
    _edited(built, lambda s: s["overall"].update(calibration_error=s["overall"]["calibration_error"] / 10))


@case("QUA022", only=True)
def reliable_in_every_bin(built: BuiltPackage) -> None:
    def change(science: dict[str, Any]) -> None:
        for one in science["calibration"]:
            one["cloud_fraction"] = one["mean_probability"]
        science["overall"]["calibration_error"] = 0.0

    _edited(built, change)


@case("QUA022", only=True)
def reliable_in_whole_pixels(built: BuiltPackage) -> None:
    """Bins are counted, and the calibration error follows: only the histograms say otherwise."""

    def change(science: dict[str, Any]) -> None:
        bins = [one for one in science["calibration"] if one["count"]]
        for one in bins:
            one["cloud_fraction"] = round(one["mean_probability"] * one["count"]) / one["count"]
        far = sum(one["count"] * abs(one["mean_probability"] - one["cloud_fraction"]) for one in bins)
        science["overall"]["calibration_error"] = far / science["overall"]["pixels"]

    _edited(built, change)


@case("QUA022", only=True)
def curve_of_a_better_model(built: BuiltPackage) -> None:
    def change(science: dict[str, Any]) -> None:
        for point in science["precision_recall"]:
            point.update(precision=0.99, recall=0.99)

    _edited(built, change)
