"""Mutations for EVD rules: telemetry."""

from __future__ import annotations

import shutil

import h5py
import numpy as np

from harness.telemetry.sources.base import Kind, QuantitySpec
from tests.rules.cases.edits import GPU, TELEMETRY, resample, shift
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage, Lines, write_telemetry


def _gauge(name: str, unit: str, scope: str, kind: Kind = Kind.GAUGE) -> QuantitySpec:
    return QuantitySpec(name, unit, scope, kind)


@case("EVD009", only=True, **TELEMETRY)
def sampler_died_early(built: BuiltPackage) -> None:
    resample(built, stop_s=-15.0)


@case("EVD009", **TELEMETRY)
def telemetry_of_another_run(built: BuiltPackage) -> None:
    shutil.copy(built.run_files(0).telemetry(), built.run_files(1).telemetry())
    built.reseal()


@case("EVD010", **TELEMETRY)
def sampler_starved(built: BuiltPackage) -> None:
    resample(built, hole_s=12.0)


@case("EVD011", **TELEMETRY)
def idle_machine(built: BuiltPackage) -> None:
    resample(built, busy_percent=0.4)


@case("EVD011", **TELEMETRY, **GPU)
def idle_accelerators(built: BuiltPackage) -> None:
    resample(built, busy_percent=0.0)


def _use_processors(built: BuiltPackage, run: int, percent: float) -> None:
    """The run's own processes used so much of a processor; the machine as a whole was as busy as before."""
    with h5py.File(built.run_files(run).telemetry(), "r+") as file:
        file["machine/process_tree.cpu"][...] = percent
    built.reseal()


@case("TIM024", only=True, **TELEMETRY)
def trained_without_processor_time(built: BuiltPackage) -> None:
    _use_processors(built, 1, 0.0)


@case("TIM024", only=True, **TELEMETRY)
def processor_time_of_a_third_of_what_the_peak_needs(built: BuiltPackage) -> None:
    _use_processors(built, 3, 12.0)


@case("EVD022", **TELEMETRY, **GPU)
def four_more_accelerators(built: BuiltPackage) -> None:
    resample(built, 1, accelerators=8)


@case("EVD022", **TELEMETRY)
def hidden_accelerator(built: BuiltPackage) -> None:
    resample(built, 1, accelerators=1)


@case("EVD022", **TELEMETRY, **GPU)
def half_of_the_accelerators_missing(built: BuiltPackage) -> None:
    resample(built, 1, accelerators=2)


def _sampled_late(built: BuiltPackage, rhythms: tuple[int, ...]) -> None:
    """Each run's samples are some microseconds late, as its rhythm (a seed) says."""
    for run, rhythm in enumerate(rhythms):
        with h5py.File(built.run_files(run).telemetry(), "r+") as file:
            times = file["machine/time_s"]
            times[...] += np.random.default_rng(rhythm).exponential(5e-5, times.size)
    built.reseal()


@case("EVD036", only=True, **TELEMETRY)
def readings_at_the_steps_of_another_run(built: BuiltPackage) -> None:
    _sampled_late(built, (0, 1, 2, 3, 1))


@case("EVD036", **TELEMETRY)
def all_telemetry_made_from_one(built: BuiltPackage) -> None:
    _sampled_late(built, (0, 0, 0, 0, 0))


@case("EVD024", **TELEMETRY)
def telemetry_moved_in_time(built: BuiltPackage) -> None:
    def change(_: Lines) -> Lines:  # equally long runs, so that equally many samples lie in both
        events = built.events(0)
        shift(events, 0, len(events), 300_000)
        return events

    built.edit_events(1, change)
    for run in (0, 1):
        resample(built, run, noise="one measurement")


@case("EVD028", only=True, **TELEMETRY, **GPU)
def milliwatts_as_watts(built: BuiltPackage) -> None:
    resample(built, 1, accelerators=4, gpu_w=250_000.0)


@case("EVD028", **TELEMETRY, **GPU)
def accelerators_that_draw_nothing(built: BuiltPackage) -> None:
    resample(built, 1, accelerators=4, gpu_w=0.0)


@case("EVD031", **TELEMETRY, **GPU)
def somebody_else_on_a_gpu(built: BuiltPackage) -> None:
    foreign = {
        _gauge("gpu_foreign_processes", "1", f"gpu{i}"): lambda t, i=i: float(i == 2) for i in range(4)
    }
    resample(built, more=foreign)


@case("EVD032", **TELEMETRY)
def counter_beside_power(built: BuiltPackage) -> None:
    """A counter of 250 W and readings of 300 W."""
    counter = _gauge("gpu_energy", "J", "gpu0", Kind.COUNTER)
    power = _gauge("gpu_power", "W", "gpu0")
    resample(built, more={counter: lambda t: 250 * t, power: lambda t: 300 + t / 1000})


@case("EVD032", **TELEMETRY)
def meter_that_says_one_number(built: BuiltPackage) -> None:
    resample(built, more={_gauge("node_power", "W", "node"): lambda t: 412.0})


@case("EVD033", nodes=2, **TELEMETRY)
def clock_of_a_node_is_off(built: BuiltPackage) -> None:
    clock = {
        _gauge("clock_offset", "s", "node"): lambda t: -1.5,
        _gauge("clock_uncertainty", "s", "node"): lambda t: 0.01,
    }
    resample(built, more=clock, source="clock")


@case("EVD034", **TELEMETRY)
def gpu_lost_half_way(built: BuiltPackage) -> None:
    resample(built, remark="gpu0: the GPU has fallen off the bus; nvml readings are absent from here on")


@case("EVD034", **TELEMETRY)
def sampler_that_died(built: BuiltPackage) -> None:
    died = "node_0: the telemetry sampler ended early (signal 9)"
    built.edit_json(built.run_files(1).record, lambda record: record.update(telemetry_problems=[died]))


@case("EVD034")
def sampler_that_did_not_start(built: BuiltPackage) -> None:
    """No telemetry at all, and run.json says why."""
    absent = "node_0: the telemetry sampler was not ready after 30 s"
    built.edit_json(built.run_files(1).record, lambda record: record.update(telemetry_problems=[absent]))


@case("EVD035", nodes=2, **TELEMETRY)
def node_without_a_sampler(built: BuiltPackage) -> None:
    built.run_files(1).telemetry(1).unlink()
    built.reseal()


@case("EVD035", nodes=2, **TELEMETRY)
def one_node_sampled_twice(built: BuiltPackage) -> None:
    lines = built.layout.result(1).read_text().splitlines()
    write_telemetry(built.run_files(1).telemetry(1), lines, noise="another")
    built.reseal()


@case("EVD041", only=True, **TELEMETRY)
def sampler_stopped_in_pieces(built: BuiltPackage) -> None:
    """Four of five readings are missing, and no gap is long."""
    resample(built, every=5)
