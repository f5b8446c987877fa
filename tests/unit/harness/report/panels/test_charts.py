"""Charts of panels: labels stand where no curve runs, whatever was measured."""

from __future__ import annotations

import random
import re
from types import SimpleNamespace
from typing import cast

import pytest

from harness.report.drawing.charts import NARROW, SMALL, WIDE
from harness.report.drawing.svg import Canvas
from harness.report.model import Arithmetic, Report, ScoreCard
from harness.report.panels.learning.chart import Curves, learning_curves
from harness.report.panels.machine.chart import styles, timeline
from harness.report.panels.machine.model import Panel, SeriesCard, TimelineCard
from harness.report.panels.runs.chart import run_times, run_times_caption
from harness.report.panels.runs.model import Epoch, Phase, RunCard
from harness.report.panels.science.chart import calibration, group_dots, precision_recall
from harness.report.panels.science.model import CalibrationBin, GroupRow, Metric, ScienceCard
from harness.report.panels.science.panel import of_shown
from tests.support.chart_boxes import collisions, crossings


def clear(canvas: Canvas | None) -> bool:
    assert canvas is not None
    drawn = str(canvas.render())
    assert collisions(drawn) == [] == crossings(drawn)
    return True


def science(fractions: list[float], groups: list[str] | None = None) -> ScienceCard:
    count = len(fractions)
    bins = [
        CalibrationBin(
            low=i / count,
            high=(i + 1) / count,
            count=1 + i,
            mean_probability=(i + 0.5) / count,
            cloud_fraction=fraction,
        )
        for i, fraction in enumerate(fractions)
    ]
    rows = [
        GroupRow(group="kind", name=name, count=9, count_of="scenes", metrics={"accuracy": 0.9 - 0.01 * i})
        for i, name in enumerate(groups or [])
    ]
    return ScienceCard(
        run=0,
        scenes=2,
        metrics=[],
        groups=rows,
        calibration=bins,
        precision_recall=[(i / 20, 0.3 + 0.7 * fraction) for i, fraction in enumerate(fractions)],
        per_scene=[],
        notes=[],
    )


def runs(count: int, rng: random.Random) -> list[RunCard]:
    def curve(run: int) -> list[Epoch]:
        return [Epoch(epoch=e, at_s=3.0 * e + run, eval_accuracy=rng.uniform(0.5, 1)) for e in range(1, 9)]

    return [
        RunCard(
            index=i,
            seed="1",
            status="success",
            reason="",
            epochs=8,
            time_to_train_s=24.0,
            accuracy=0.9,
            dropped="fastest" if i == 0 else "",
            peak_rss_bytes=None,
            host="",
            curve=curve(i),
            phases=[],
            problems=[],
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("shape", ["perfect", "steep", "odd"])
@pytest.mark.parametrize("width", [SMALL, NARROW])
def test_science(shape: str, width: int) -> None:
    rng = random.Random(shape)
    fractions = {
        "perfect": [(i + 0.5) / 16 for i in range(16)],
        "steep": [0.0] * 4 + [0.1, 0.3, 0.6, 0.9] + [1.0] * 8,
        "odd": [rng.random() for _ in range(16)],
    }[shape]
    card = science(fractions, ["a group with a name that is too long", "ocean", "land"])
    assert clear(calibration(card, width))
    assert clear(precision_recall(card, width, (0.812345, 0.899)))
    assert clear(group_dots(card, width, 0.893))


def scored(factor: float, low_s: float | None) -> ScoreCard:
    high_s = None if low_s is None else 30.0
    arithmetic = Arithmetic(
        line="",
        counted=4,
        mean_s=24.0,
        factor=factor,
        pace="within",
        reason="",
        mean_epochs=None,
        reference_epochs=None,
        least_epochs=None,
        low_s=low_s,
        high_s=high_s,
        error_s=None,
        degrees=None,
        interval="20 to 30 s",
    )
    return ScoreCard(
        time_to_train_s=24.0 * factor,
        method="",
        note="",
        samples_per_s=None,
        seconds_per_scene=None,
        accuracy=None,
        target=None,
        science={},
        arithmetic=arithmetic,
    )


@pytest.mark.parametrize("factor", [1.0, 1.25])
@pytest.mark.parametrize("low_s", [None, 20.0])
def test_the_caption_of_runs_explains_what_is_drawn(factor: float, low_s: float | None) -> None:
    rows = runs(5, random.Random(1))
    for score in (scored(factor, low_s), None):
        drawn = str(run_times(rows, score, WIDE).render())  # type: ignore[union-attr]
        said = run_times_caption(rows, score)
        assert ("Band" in said) == ('class="interval"' in drawn) == (score is not None and low_s is not None)
        assert ("Dashed" in said) == ('class="mean-line"' in drawn) == (score is not None and factor != 1)
        assert "hollow" in said and "hollow" not in run_times_caption(rows[1:], score)


def test_groups_stand_beside_the_accuracy_of_their_own_run() -> None:
    accuracy = Metric(name="accuracy", value=0.8, per_run=[0.7, 0.9], meaning="", unit="fraction")
    card = science([0.5], ["land"]).model_copy(update={"run": 4, "metrics": [accuracy]})
    shown = SimpleNamespace(runs=[SimpleNamespace(index=2), SimpleNamespace(index=4)], science=card)
    overall = of_shown(cast(Report, shown), "accuracy")
    assert overall == 0.9 and of_shown(cast(Report, shown), "recall") is None
    drawn = str(group_dots(card, WIDE, overall).render())  # type: ignore[union-attr]
    assert "overall 0.900" in drawn and "Overall: 0.9000" in drawn and "0.800" not in drawn


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("count", [1, 5, 12])
def test_learning_beside_simple_methods(count: int, width: int) -> None:
    levels = (("threshold tests", 0.892), ("Bayesian screening", 0.9742), ("logistic regression", 0.9739))
    for over in ("seconds", "epochs"):
        wanted = Curves("Accuracy", "accuracy", lambda e: e.eval_accuracy, over, 0.9, levels=levels)
        drawn = learning_curves(runs(count, random.Random(count)), wanted, width)
        assert clear(drawn)
        assert drawn is not None and all(name in str(drawn.render()) for name, _ in levels)


def machine(panels: dict[str, tuple[str, ...]], clock_stop_s: float | None = 9.0) -> TimelineCard:
    """A timeline with these lines in each panel."""
    points = [(-4.0, 1.0), (9.0, 0.0)]
    return TimelineCard(
        run=0,
        start_s=-4.0,
        stop_s=10.0,
        clock_stop_s=clock_stop_s,
        phases=[Phase(kind="init", start_s=-4.0, stop_s=0.0), Phase(kind="train", start_s=0.0, stop_s=9.0)],
        panels=[
            Panel(
                title=title,
                unit="MB/s",
                maximum=None,
                series=[SeriesCard(label=n, points=points) for n in names],
            )
            for title, names in panels.items()
        ],
        quantities=[],
        sampling="",
        notes=[],
    )


GPUS = tuple(f"gpu{i}" for i in range(8))


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("clock_stop_s", [None, 0.4, 9.0])
def test_timeline(clock_stop_s: float | None, width: int) -> None:
    labels = ("disk read", "disk write", "net in", "net out")
    panels = {"Processor use": labels[:2], "GPU use": GPUS, "Disk and network": labels}
    assert clear(timeline(machine(panels, clock_stop_s), width))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_line_looks_the_same_in_every_panel_and_says_which_it_is(width: int) -> None:
    panels = {
        "Processor use": ("node", "run"),
        "GPU use": GPUS,
        "Power": ("node", *GPUS),
        "Memory": ("run", "node"),
    }
    drawn = str(timeline(machine(panels), width).render())
    looks: dict[str, set[str]] = {}
    for style, name in re.findall(r'class="curve ([^"]*)"><title>([^<]*)</title>', drawn):
        looks.setdefault(name, set()).add(style)
    if width == WIDE:  # narrow drawings carry no tips
        assert set(looks) == {"node", "run", *GPUS} and all(len(of) == 1 for of in looks.values())
        assert len(set.union(*looks.values())) == 10, "no two names share a look"
    legend = re.findall(r'<line [^>]*class="curve ([^"]*)"/><text [^>]*>([^<]*)</text>', drawn)
    assert sorted(name for _, name in legend) == sorted(name for names in panels.values() for name in names)
    assert {(name, style) for style, name in legend} == set(styles(machine(panels)).items())


@pytest.mark.parametrize("count", [1, 10, 24])
def test_as_many_names_as_a_page_has_look_different(count: int) -> None:
    of = styles(machine({"Power": tuple(f"part {i}" for i in range(count))}))
    assert len(set(of.values())) == count
