"""Mutations of power files: PWR rules (the older cases are in cases_package.py)."""

from __future__ import annotations

import json
from typing import Any

from tests.rules.cases import case, find
from tests.rules.cases_package import POWER, TWO_NODES, _power_events
from tests.support.builders import BuiltPackage, Lines
from tests.support.node_fakes import Meter, write_meters


@case("PWR002", **TWO_NODES)
def switch_left_out_in_one_run(built: BuiltPackage) -> None:
    (built.layout.power_dir(2) / "sw_0.txt").unlink()
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


@case("PWR005", **POWER)
def no_readings_in_the_second_half(built: BuiltPackage) -> None:
    def change(events: Lines) -> Lines:
        half = len(events) // 2
        return [e for i, e in enumerate(events) if e["key"] != "power_reading" or i < half]

    _power_events(built, change)


@case("PWR006", **POWER)
def converted_though_dc(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "conversion_eff")["metadata"]["measurement_type"] = "DC"

    _power_events(built, change)


def _switch(built: BuiltPackage, change: Any) -> None:
    path = built.layout.power_dir(1) / "sw_0.txt"
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in path.read_text().splitlines()]
    change(events)
    path.write_text("".join(f":::MLLOG {json.dumps(e)}\n" for e in events))
    built.reseal()


@case("PWR006", only=True, **TWO_NODES)
def estimate_made_smaller(built: BuiltPackage) -> None:
    _switch(built, lambda events: events.insert(0, {**events[0], "key": "conversion_eff", "value": 0.01}))


@case("PWR003", only=True, **TWO_NODES)
def broken_line_of_a_switch(built: BuiltPackage) -> None:
    path = built.layout.power_dir(1) / "sw_0.txt"
    path.write_text(path.read_text() + ':::MLLOG {"key": \n')
    built.reseal()


@case("PWR011", **POWER)
def padded_with_idle_seconds(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        start = find(events, "power_measurement_start")
        first = dict(find(events, "power_reading"))
        for k in range(1, 50):
            events.insert(2, {**first, "time_ms": start["time_ms"] - k * 1000, "value": 20.0 + k / 10})
        start["time_ms"] -= 50_000

    _power_events(built, change)


def _sampled(built: BuiltPackage, meters: dict[Meter, float], run: int = 1) -> None:
    """Telemetry of the run in which each meter read about so many watts, once a second."""
    at = {e["key"]: e["time_ms"] / 1000 for e in built.events(run) if e["key"] in ("run_start", "run_stop")}
    seconds = int(at["run_stop"] - at["run_start"]) + 5
    times = [at["run_start"] - 2 + k for k in range(seconds)]
    rows = {m: [(t, watts + k % 7) for k, t in enumerate(times)] for m, watts in meters.items()}
    write_meters(built.run_files(run).telemetry(), rows)
    built.reseal()


def _from(built: BuiltPackage, run: int = 1, **metadata: Any) -> None:
    _power_events(
        built, lambda events: find(events, "power_measurement_start")["metadata"].update(metadata), run
    )


@case("PWR012", only=True, **POWER)
def readings_edited_after_the_run(built: BuiltPackage) -> None:
    _sampled(built, {Meter("ipmi"): 400.0})
    _from(built, source="ipmi")


@case("PWR012", only=True, **POWER)
def source_that_was_not_there(built: BuiltPackage) -> None:
    _sampled(built, {Meter("redfish"): 210.0})
    _from(built, source="ipmi")


@case("PWR013", only=True, **POWER)
def meter_without_a_file(built: BuiltPackage) -> None:
    _from(built, source="external meter", clock_offset_s=0.0, sha256="somewhere")


@case("PWR013", only=True, **POWER)
def meter_without_a_clock(built: BuiltPackage) -> None:
    _from(built, source="external meter", sha256="0" * 64)
