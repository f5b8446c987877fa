"""Mutations for PWR rules: power files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rules.cases.edits import GPU, POWER, TELEMETRY, TWO_NODES, find, index, resample, shift
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage, Lines
from tests.support.builders.files import events_of, mllog_text
from tests.support.node_fakes import Meter, write_meters


def _node(built: BuiltPackage, run: int = 1, node: int = 0) -> Path:
    return built.layout.power_dir(run) / f"node_{node}.txt"


def _switch(built: BuiltPackage, run: int = 1) -> Path:
    return built.layout.power_dir(run) / "sw_0.txt"


def _edit(built: BuiltPackage, path: Path, change: Callable[[Lines], Any]) -> None:
    """Edit the events of a power file in place, or write those that `change` returns."""
    events = events_of(path.read_text().splitlines())
    result = change(events)
    path.write_text(mllog_text(events if result is None else result))
    built.reseal()


def _power_events(built: BuiltPackage, change: Callable[[Lines], Any]) -> None:
    _edit(built, _node(built), change)


def _sampled(built: BuiltPackage, meters: dict[Meter, float], run: int = 1) -> None:
    """Telemetry of the run in which each meter read about so many watts, once a second."""
    at = {e["key"]: e["time_ms"] / 1000 for e in built.events(run) if e["key"] in ("run_start", "run_stop")}
    seconds = int(at["run_stop"] - at["run_start"]) + 5
    times = [at["run_start"] - 2 + k for k in range(seconds)]
    rows = {m: [(t, watts + k % 7) for k, t in enumerate(times)] for m, watts in meters.items()}
    write_meters(built.run_files(run).telemetry(), rows)
    built.reseal()


def _from(built: BuiltPackage, **metadata: Any) -> None:
    _power_events(built, lambda events: find(events, "power_measurement_start")["metadata"].update(metadata))


@case("PWR001", **POWER)
def one_run_unmeasured(built: BuiltPackage) -> None:
    shutil.rmtree(built.layout.power_dir(3))
    built.reseal()


@case("PWR002", **TWO_NODES)
def second_node_unmeasured(built: BuiltPackage) -> None:
    for run in range(5):
        _node(built, run, 1).unlink()
    built.reseal()


@case("PWR002", **TWO_NODES)
def node_named_twice(built: BuiltPackage) -> None:
    _node(built, 1, 1).rename(built.layout.power_dir(1) / "node_00.txt")
    built.reseal()


@case("PWR002", **TWO_NODES)
def switch_left_out_in_one_run(built: BuiltPackage) -> None:
    _switch(built, 2).unlink()
    built.reseal()


@case("PWR003", **POWER)
def empty_power_file(built: BuiltPackage) -> None:
    _node(built).write_text("")
    built.reseal()


@case("PWR003", **POWER)
def second_measurement_start(built: BuiltPackage) -> None:
    _power_events(built, lambda events: events.insert(30, dict(find(events, "power_measurement_start"))))


@case("PWR003", **POWER)
def garbage_as_power(built: BuiltPackage) -> None:
    _node(built).write_text("not a log\n")
    built.reseal()


@case("PWR003", **POWER)
def readings_after_the_stop(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "power_reading", -1)["time_ms"] += 400

    _power_events(built, change)


@case("PWR003", **POWER)
def start_that_is_no_interval(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "power_measurement_start")["event_type"] = "POINT_IN_TIME"

    _power_events(built, change)


@case("PWR003", only=True, **TWO_NODES)
def broken_line_of_a_switch(built: BuiltPackage) -> None:
    path = _switch(built)
    path.write_text(path.read_text() + ':::MLLOG {"key": \n')
    built.reseal()


@case("PWR004", **POWER)
def ten_idle_minutes(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        events[index(events, "power_measurement_start")]["time_ms"] -= 600_000

    _power_events(built, change)


@case("PWR004", **POWER)
def power_of_another_day(built: BuiltPackage) -> None:
    _power_events(built, lambda events: shift(events, 0, len(events), -86_400_000))


@case("PWR005", **POWER)
def kilowatts_negative(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "power_reading", 5)["value"] = -0.2

    _power_events(built, change)


@case("PWR005", **POWER)
def every_thirty_seconds(built: BuiltPackage) -> None:
    _power_events(
        built, lambda events: [e for i, e in enumerate(events) if e["key"] != "power_reading" or i % 30 == 0]
    )


@case("PWR005", **POWER)
def constant_power(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        for event in events:
            if event["key"] == "power_reading":
                event["value"] = 200.0

    _power_events(built, change)


@case("PWR005", **POWER)
def readings_end_half_way(built: BuiltPackage) -> None:
    """Upstream counts what is missing as no energy."""

    def change(events: Lines) -> Lines:
        half = len(events) // 2
        return [e for i, e in enumerate(events) if e["key"] != "power_reading" or i < half]

    _power_events(built, change)


@case("PWR005", **POWER)
def fifty_readings(built: BuiltPackage) -> None:
    _power_events(built, lambda events: events[:50] + events[-1:])


@case("PWR005", **POWER)
def no_readings_in_the_second_half(built: BuiltPackage) -> None:
    readings_end_half_way(built)


@case("PWR006", **POWER)
def tiny_efficiency(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "conversion_eff")["value"] = 0.094

    _power_events(built, change)


@case("PWR006", **POWER)
def no_efficiency(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        del events[index(events, "conversion_eff")]

    _power_events(built, change)


@case("PWR006", **POWER)
def efficiency_above_one(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "conversion_eff")["value"] = 1.3

    _power_events(built, change)


@case("PWR006", **POWER)
def second_efficiency(built: BuiltPackage) -> None:
    """Upstream takes the last one."""
    _power_events(built, lambda events: events.append({**find(events, "conversion_eff"), "value": 0.5}))


@case("PWR006", **POWER)
def converted_though_dc(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "conversion_eff")["metadata"]["measurement_type"] = "DC"

    _power_events(built, change)


@case("PWR006", only=True, **TWO_NODES)
def estimate_made_smaller(built: BuiltPackage) -> None:
    _edit(
        built,
        _switch(built),
        lambda events: events.insert(0, {**events[0], "key": "conversion_eff", "value": 0.01}),
    )


@case("PWR008", **TWO_NODES)
def copied_node(built: BuiltPackage) -> None:
    shutil.copy(_node(built, 1, 0), _node(built, 1, 1))
    built.reseal()


@case("PWR009", **TWO_NODES)
def switch_that_gives_power(built: BuiltPackage) -> None:
    path = _switch(built)
    path.write_text(path.read_text().replace("350.0", "-350.0"))
    built.reseal()


@case("PWR009", **TWO_NODES)
def switches_left_out(built: BuiltPackage) -> None:
    for run in range(5):
        _switch(built, run).unlink()
    built.reseal()


@case("PWR010", **POWER)
def kilowatts(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        for event in events:
            if event["key"] == "power_reading":
                event["value"] /= 1000

    _power_events(built, change)


@case("PWR010", only=True, **POWER, **TELEMETRY, **GPU)
def node_below_its_accelerators(built: BuiltPackage) -> None:
    """Four accelerators of 500 W in a node of 1,400 W."""
    resample(built, gpu_w=500.0)


@case("PWR011", **POWER)
def padded_with_idle_seconds(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        start = find(events, "power_measurement_start")
        first = dict(find(events, "power_reading"))
        for k in range(1, 50):
            events.insert(2, {**first, "time_ms": start["time_ms"] - k * 1000, "value": 20.0 + k / 10})
        start["time_ms"] -= 50_000

    _power_events(built, change)


@case("PWR012", **POWER)
def readings_edited_after_the_run(built: BuiltPackage) -> None:
    _sampled(built, {Meter("ipmi"): 400.0})
    _from(built, source="ipmi")


@case("PWR012", **POWER)
def source_that_was_not_there(built: BuiltPackage) -> None:
    _sampled(built, {Meter("redfish"): 210.0})
    _from(built, source="ipmi")


@case("PWR013", only=True, **POWER)
def meter_without_a_file(built: BuiltPackage) -> None:
    _from(built, source="external meter", clock_offset_s=0.0, sha256="somewhere")


@case("PWR013", only=True, **POWER)
def meter_without_a_clock(built: BuiltPackage) -> None:
    _from(built, source="external meter", sha256="0" * 64)
