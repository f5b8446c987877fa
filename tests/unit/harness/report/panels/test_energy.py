"""Energy: scope and source beside every number; what is absent is never zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.report.panels.energy.builder import energy_card, headline
from harness.report.panels.energy.chart import energy_bars
from harness.report.panels.energy.model import EnergyCard, EnergySummary
from harness.telemetry.reader.reader import Series, TelemetryFile
from rules.model.log import Event, Log
from rules.model.package import Package
from tests.support.runs import make_facts, make_package

START_S = 1_790_000_000.0


def package(files: list[str] | None = None) -> Package:
    def event(line: int, second: float, key: str) -> Event:
        return Event(round((START_S + second) * 1000), "INTERVAL", key, None, {}, "", line)

    log = Log("result_0.txt", [event(1, 0, "run_start"), event(2, 10, "run_stop")])
    return make_package([make_facts(log)], org="org", system_name="sys", files=files or [])


def series(scope: str, unit: str = "W", watts: float = 100.0, kind: str = "gauge") -> Series:
    times = START_S + np.arange(-1, 12, 0.5)
    values = np.full(times.size, watts) if kind == "gauge" else watts * (times - START_S + 5)
    return Series("nvml", "gpu_power", unit, scope, kind, times, values)


def file(*content: Series, node: str = "node_0") -> TelemetryFile:
    missing = [{"source": "rapl", "what": "no counters", "why": "virtual machine", "fix": "Nothing to do."}]
    return TelemetryFile("t.h5", node, "host", 0.5, START_S, 0.0, list(content), {}, {}, missing)


def test_constant_power_over_ten_seconds() -> None:
    card = energy_card(package(), {0: [file(series("gpu0"))]})
    (row,) = card.rows
    assert (row.scope, row.source, row.run) == ("gpu0", "nvml", 0)
    assert row.joules == pytest.approx(1000.0) and row.mean_w == pytest.approx(100.0)
    assert not card.node_level and "no power score" in card.explanation


def test_gpus_are_added_and_the_row_says_so() -> None:
    card = energy_card(package(), {0: [file(series("gpu0"), series("gpu1", watts=50.0), series("node"))]})
    together = card.rows[0]
    assert (together.scope, together.note) == ("all 2 GPUs", "sum of the rows below")
    assert together.joules == pytest.approx(1500.0)
    assert len(card.rows) == 4, "the node is never added to its parts"


def test_a_gpu_without_value_is_not_added_as_zero() -> None:
    short = series("gpu1")
    short = Series(**{**vars(short), "wall_s": short.wall_s[:3], "values": short.values[:3]})
    card = energy_card(package(), {0: [file(series("gpu0"), short)]})
    assert [row.scope for row in card.rows] == ["gpu0", "gpu1"]
    assert card.rows[1].joules is None and "edge" in card.rows[1].note


def test_nodes_are_told_apart() -> None:
    card = energy_card(package(), {0: [file(series("gpu0")), file(series("gpu0"), node="node_1")]})
    assert [row.scope for row in card.rows] == ["all 2 GPUs", "node_0 gpu0", "node_1 gpu0"]


def test_counters_are_the_headline() -> None:
    counter = series("gpu0", unit="J", watts=90.0, kind="counter")
    card = energy_card(package(), {0: [file(series("gpu0"), counter)]})
    best = headline(card)
    assert best is not None and best.method == "energy counter" and best.joules == pytest.approx(900.0)


def test_nothing_measured_is_said_with_the_reason() -> None:
    card = energy_card(package(), {0: [file()]})
    assert card.rows == [] and headline(card) is None
    assert "unknown, not zero" in card.explanation
    assert card.missing == ["rapl: no counters: virtual machine. Nothing to do."]


def test_a_reason_that_sources_share_is_said_once() -> None:
    reason = {"what": "no GPU", "why": "no driver", "fix": "Install it."}
    shared = replace(file(), unavailable=[{"source": s, **reason} for s in ("nvml", "nvml_state")])
    assert energy_card(package(), {0: [shared]}).missing == ["nvml: no GPU: no driver. Install it."]


def test_a_gpu_that_was_lost_has_no_energy_and_the_hole_is_named() -> None:
    lost = series("gpu0")
    lost.values[lost.wall_s > START_S + 4] = np.nan
    (row,) = energy_card(package(), {0: [file(lost)]}).rows
    assert row.joules is None and row.mean_w is None
    assert "miss 6.0 s" in row.note and "no readings from 4.0 to 10.0 s" in row.note


def test_other_methods_are_compared_in_the_note() -> None:
    counter = series("gpu0", unit="J", watts=90.0, kind="counter")
    (row,) = energy_card(package(), {0: [file(series("gpu0"), counter)]}).rows
    assert row.method == "energy counter"
    assert "+11.1 % by power readings, right-rectangle sum: they disagree" in row.note


def test_node_power_logs_make_it_eligible() -> None:
    with_power = package(["results/sys/strong/cloudmask/power/result_0/node_0.txt"])
    assert energy_card(with_power, {}).node_level
    for elsewhere in ("results/sys/strong/cloudmask/power/result_1", "evidence/sys/power/result_0"):
        assert not energy_card(package([f"{elsewhere}/node_0.txt"]), {}).node_level


def test_a_sampled_node_without_power_files_gives_no_power_score() -> None:
    card = energy_card(package(), {0: [file(series("node", watts=200.0))]})
    assert not card.node_level and "The whole node was sampled" in card.explanation


def test_bars_of_overlapping_scopes_stand_side_by_side() -> None:
    summary = [
        EnergySummary(scope=scope, source="nvml", method="energy counter", joules=joules, runs=5)
        for scope, joules in (("all 2 GPUs", 38_440.0), ("gpu0", 0.0))
    ]
    card = EnergyCard(rows=[], summary=summary, missing=[], node_level=False, explanation="")
    text = str((energy_bars(card, 760) or pytest.fail("no chart")).render())
    assert (
        "38.44\N{NO-BREAK SPACE}kJ" in text
        and "energy per run (kJ)" in text
        and text.count('class="bar"') == 2
    )
    assert energy_bars(card.model_copy(update={"summary": []}), 760) is None
