"""From readings of the whole node to the power files of a package, and what upstream says of them."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest

from harness.check import check_package
from harness.core.errors import UserError
from harness.plan.recipe import Recipe
from harness.power.files import Readings, Supply, cut, node_text, switch_text
from harness.power.record import NotMeasured, node_readings, record_power, require_source
from harness.telemetry.reader.reader import series
from harness.telemetry.recorder.client import Sampler
from harness.untrusted.logs import parse_log
from rules.facts.node_energy import steps
from rules.model.findings import Severity
from rules.model.layout import PackageLayout
from tests.support.builders import BASE_WALL_S, BuiltPackage, build_package
from tests.support.node_fakes import Meter, ipmitool, varying, write_meters
from tests.support.waiting import wait_for

INTERCONNECT = {"name": "switch", "maximum_w": 400.0, "share": 0.1, "basis": "data sheet; 4 of 40 ports"}


def window_s(layout: PackageLayout, run: int) -> tuple[float, float]:
    log = parse_log(layout.result(run).read_bytes(), "log")
    start, stop = log.first("run_start"), log.last("run_stop")
    assert start is not None and stop is not None
    return start.time_ms / 1000, stop.time_ms / 1000


def every_second(
    layout: PackageLayout, run: int, early_s: float = 9.3, late_s: float = 9.2
) -> list[tuple[float, float]]:
    start, stop = window_s(layout, run)
    rng = random.Random(run)
    times = [start - early_s + k for k in range(int(stop - start + early_s + late_s) + 1)]
    return [(at, float(rng.randrange(200, 260))) for at in times]


def measured(tmp_path: Path, runs: int = 2, **meter: str) -> BuiltPackage:
    """A package without power files whose telemetry has the node's power."""
    built = build_package(tmp_path, runs=runs, division="open")
    for run in range(runs):
        name = meter.get("name", "ipmi")
        write_meters(built.run_files(run).telemetry(), {Meter(name): every_second(built.layout, run)})
    return built


RUNS = 2


def recipe(**fields: object) -> Recipe:
    return Recipe.model_validate({"division": "open", "runs": RUNS, "best_of": RUNS, **fields})


# ---------------------------------------------------------------- cutting and writing


def test_the_measurement_is_the_run_and_little_else() -> None:
    readings = Readings("ipmi", list(range(0, 100_000, 1000)), [float(k) for k in range(100)])
    kept = cut(readings, 10_500, 20_500)
    assert (kept.times_ms[0], kept.times_ms[-1]) == (10_000, 21_000)
    assert cut(readings, 10_000, 20_000).times_ms == list(range(10_000, 20_001, 1000))


@pytest.mark.parametrize(
    ("times", "why"),
    [([], "no readings"), ([5000, 30_000], "2.0 s after run_start"), ([0, 19_000], "1.0 s before run_stop")],
)
def test_readings_that_do_not_enclose_the_run(times: list[int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cut(Readings("ipmi", times, [1.0] * len(times)), 3000, 20_000)


def test_keys_and_events_are_mlperfs() -> None:
    text = node_text(Readings("ipmi", [1000, 2000], [200.0, 210.0]), Supply("AC", 0.94))
    lines = [json.loads(line.removeprefix(":::MLLOG ")) for line in text.splitlines()]
    assert [(e["key"], e["event_type"], e["value"]) for e in lines] == [
        ("conversion_eff", "POINT_IN_TIME", 0.94),
        ("power_measurement_start", "INTERVAL_START", None),
        ("power_reading", "POINT_IN_TIME", 200.0),
        ("power_reading", "POINT_IN_TIME", 210.0),
        ("power_measurement_stop", "INTERVAL_END", None),
    ]
    assert lines[0]["metadata"]["measurement_type"] == "AC" and lines[1]["metadata"]["source"] == "ipmi"
    (line,) = switch_text("switch", 400.0, 0.1, "data sheet", 7).splitlines()
    event = json.loads(line.removeprefix(":::MLLOG "))
    assert (event["key"], event["value"], event["time_ms"]) == (
        "interconnect_power_est",
        pytest.approx(40.0),
        7,
    )


# ---------------------------------------------------------------- choosing a source


def test_parts_of_the_node_never_stand_for_it(tmp_path: Path) -> None:
    path = tmp_path / "telemetry_node_0.h5"
    rows = [(BASE_WALL_S + k, 300.0) for k in range(5)]
    write_meters(path, {Meter("nvml", "gpu0", "gpu_power"): rows, Meter("hwmon", "amdgpu0", "power"): rows})
    with pytest.raises(NotMeasured, match="no power of the whole node"):
        node_readings(path)


def test_the_preferred_source_that_has_readings_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "telemetry_node_0.h5"
    good = [(BASE_WALL_S + k, 300.0 + k) for k in range(5)]
    dead: list[tuple[float, float | None]] = [(BASE_WALL_S + k, None) for k in range(5)]
    write_meters(path, {Meter("ipmi"): [*good[:2], dead[2], *good[3:]], Meter("redfish"): dead})
    readings = node_readings(path)
    assert (readings.source, readings.watts) == ("ipmi", [300.0, 301.0, 303.0, 304.0])  # absent is left out
    with pytest.raises(NotMeasured, match="by redfish"):
        node_readings(path, "redfish")


# ---------------------------------------------------------------- whole packages


def test_power_files_pass_our_rules_and_upstreams_checker(tmp_path: Path) -> None:
    built = measured(tmp_path)
    record = record_power(built.layout, recipe(power={"interconnect": [INTERCONNECT]}), RUNS)
    assert record.written == [0, 1] and record.reason is None
    built.reseal()
    package, verdict = check_package(built.root)
    assert [f for f in verdict.findings if f.severity is Severity.ERROR] == []
    assert sorted(file.name for file in package.runs[0].power) == ["node_0.txt", "sw_0.txt"]
    _upstream_accepts(built.layout)


def _upstream_accepts(layout: PackageLayout) -> None:
    checker = pytest.importorskip("mlperf_logging.package_checker.power_checker")
    results = sorted(str(p) for p in layout.results_dir.glob("result_*.txt"))
    valid, errors = checker.PowerChecker("4.1.0").check_power(str(layout.results_dir / "power"), results)
    assert valid and not errors


def test_energy_of_what_was_written_agrees_with_upstreams_summarizer(tmp_path: Path) -> None:
    summarizer = pytest.importorskip("mlperf_logging.result_summarizer.result_summarizer")
    built = measured(tmp_path)
    record_power(
        built.layout, recipe(power={"conversion_efficiency": 0.92, "interconnect": [INTERCONNECT]}), RUNS
    )
    package, _ = check_package(built.root)
    for run in package.runs:
        start, stop = window_s(built.layout, run.index)
        result = str(built.layout.result(run.index))
        theirs = summarizer._compute_total_power(
            str(built.layout.results_dir), result, (stop - start) * 1000, "4.1.0"
        )
        assert run.energy is not None and run.energy.joule == pytest.approx(theirs, rel=0.01)


def test_all_runs_or_none(tmp_path: Path) -> None:
    built = measured(tmp_path)
    start, stop = window_s(built.layout, 1)
    died = [row for row in every_second(built.layout, 1) if row[0] < stop - 5]
    write_meters(built.run_files(1).telemetry(), {Meter("ipmi"): died})
    record = record_power(built.layout, recipe(), RUNS)
    assert record.written == [] and record.problem and "run 1: node 0, ipmi" in str(record.reason)
    assert not (built.layout.results_dir / "power").exists()


def test_a_hole_is_said_and_not_written(tmp_path: Path) -> None:
    built = measured(tmp_path)
    start, _ = window_s(built.layout, 0)
    holed = [(at, None if 4 < at - start < 6 else watts) for at, watts in every_second(built.layout, 0)]
    write_meters(built.run_files(0).telemetry(), {Meter("redfish"): holed})
    record = record_power(built.layout, recipe(), RUNS)
    assert record.problem and "run 0: node 0, redfish: no reading for 3.0 s, 4 s after" in str(record.reason)


def test_nothing_measured_is_no_problem_unless_asked_for(tmp_path: Path) -> None:
    built = build_package(tmp_path, runs=2, division="open")
    for run in range(2):
        write_meters(built.run_files(run).telemetry(), {Meter("nvml", "gpu0", "gpu_power"): []})
    assert not record_power(built.layout, recipe(), RUNS).problem
    assert record_power(built.layout, recipe(power={"source": "ipmi"}), RUNS).problem
    assert (
        record_power(built.layout, recipe(power={"source": "none"}), RUNS).reason
        == "the recipe asks for none"
    )


def test_a_source_that_the_recipe_names_has_to_work_before_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="by ipmi: .* no ipmitool on PATH"):
        require_source(recipe(power={"source": "ipmi"}))
    require_source(recipe(power={"source": "none"}))
    require_source(recipe())
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    ipmitool(tmp_path, varying())
    require_source(recipe(power={"source": "ipmi"}))


def test_files_of_an_external_meter_stay(tmp_path: Path) -> None:
    built = measured(tmp_path)
    kept = built.layout.power_dir(0) / "node_0.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("as imported\n")
    assert record_power(built.layout, recipe(), RUNS).written == [1]
    assert kept.read_text() == "as imported\n"


def test_two_nodes_and_what_connects_them(tmp_path: Path) -> None:
    built = build_package(tmp_path, runs=2, division="open", nodes=2)
    for run in range(2):
        for node in range(2):
            rows = [(at, watts + 100 * node + run) for at, watts in every_second(built.layout, run)]
            write_meters(built.run_files(run).telemetry(node), {Meter("redfish"): rows})
    record_power(
        built.layout,
        recipe(launcher="slurm", devices={"nodes": 2}, power={"interconnect": [INTERCONNECT]}),
        RUNS,
    )
    built.reseal()
    package, verdict = check_package(built.root)
    assert [f for f in verdict.findings if f.severity is Severity.ERROR] == []
    assert sorted(file.name for file in package.runs[1].power) == ["node_0.txt", "node_1.txt", "sw_0.txt"]
    _upstream_accepts(built.layout)


def test_what_a_killed_harness_left_is_completed(tmp_path: Path) -> None:
    built = measured(tmp_path)
    wanted = recipe(power={"interconnect": [INTERCONNECT]})
    record_power(built.layout, wanted, RUNS)
    (built.layout.power_dir(1) / "node_0.txt").unlink()
    (built.layout.power_dir(1) / "sw_0.txt").unlink()
    assert record_power(built.layout, wanted, RUNS).written == [1]
    assert sorted(p.name for p in built.layout.power_dir(1).iterdir()) == ["node_0.txt", "sw_0.txt"]
    assert record_power(built.layout, wanted, RUNS).written == []


def test_every_node_is_needed(tmp_path: Path) -> None:
    built = measured(tmp_path)
    record = record_power(built.layout, recipe(launcher="slurm", devices={"nodes": 2}), RUNS)
    assert record.written == [] and "telemetry_node_1.h5" in str(record.reason)


# ---------------------------------------------------------------- the sampler with a slow source


def test_the_last_reading_is_taken_after_the_end_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipmitool(tmp_path / "bin", varying())
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CLOUDMASK_POWER_INTERVAL_S", raising=False)
    path = tmp_path / "telemetry_node_0.h5"
    with Sampler(path, interval_s=0.1, node="node_0", sources=["ipmi"]) as sampler:
        assert sampler.ready == ["ipmi"]
        wait_for(lambda: sampler.latest().get("ipmi.node.node_power"))
        begun = time.time()
        ended = time.time()
    readings = node_readings(path)
    kept = cut(readings, round(begun * 1000), round(ended * 1000))
    edges, powers = steps(parse_log(node_text(kept, Supply()).encode(), "node_0.txt"))
    assert edges[-1] >= round(ended * 1000) and all(200 <= p < 260 for p in powers)
    (one,) = series(path)
    assert one.scope == "node" and one.values.size <= 8  # its own pace, not the sampler's
