"""Mutations of somebody who wants to win and knows the other rules: one account changed, not the other."""

from __future__ import annotations

import json
from typing import Any

from tests.rules.cases import case, find, index, log_case, set_value, shift
from tests.rules.cases_package import GPU, POWER, TELEMETRY, TWO_NODES, _power, _power_events
from tests.support.builders import BuiltPackage, Lines, write_telemetry

# ---------------------------------------------------------------- logs


@log_case("LOG003")
def cache_clear_removed(events: Lines) -> None:
    del events[index(events, "cache_clear")]


@log_case("QUA002")
def accuracy_above_one(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 1.7


@case("LOG001")
def infinite_learning_rate(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.result(0),
        lambda text: text.replace(
            '"opt_base_learning_rate", "value": 0.001', '"opt_base_learning_rate", "value": Infinity'
        ),
    )


@case("HYP005")
def batch_size_differs(built: BuiltPackage) -> None:
    for key in ("global_batch_size", "micro_batch_size"):
        set_value(built, key, 64, range(2, 3))


@log_case("TIM012")
def evaluation_skipped(events: Lines) -> None:
    """Long epochs, and an evaluation that had no time to be one."""
    shift(events, index(events, "epoch_stop"), len(events), 90_000)
    start, stop = index(events, "eval_start"), index(events, "eval_stop")
    shift(events, stop, len(events), events[start]["time_ms"] + 50 - events[stop]["time_ms"])
    for event in events[start + 1 : stop]:
        event["time_ms"] = events[start]["time_ms"]


@case("TIM013")
def epoch_beyond_any_machine(built: BuiltPackage) -> None:
    set_value(built, "patch_size", 256)
    set_value(built, "train_samples", 15_520)

    def change(events: Lines) -> None:
        at = index(events, "epoch_stop")
        shift(
            events,
            at,
            len(events),
            events[index(events, "epoch_start")]["time_ms"] + 900 - events[at]["time_ms"],
        )

    built.edit_events(1, change)


@log_case("CNV013")
def resumed_just_below_target(events: Lines) -> None:
    found = [e for e in events if e["key"] == "eval_accuracy"]
    for event in found[:-1]:
        event["value"] = 0.8987
    found[-1]["value"] = 0.9008


@case("CNV014")
def copied_test_result(built: BuiltPackage) -> None:
    set_value(built, "result", find(built.events(0), "result")["value"], range(3, 4))


@case("CNV015")
def epochs_of_another_run(built: BuiltPackage) -> None:
    """The first epoch is the run's own; losses and accuracies of the next two are another run's."""
    taken = {
        (e["key"], e["metadata"]["epoch_num"]): e["value"]
        for e in built.events(0)
        if e["key"] in ("eval_loss", "tracked_stats")
    }

    def change(events: Lines) -> None:
        for event in events:
            if event["metadata"].get("epoch_num") in (2, 3):
                event["value"] = taken.get((event["key"], event["metadata"]["epoch_num"]), event["value"])

    built.edit_events(4, change)


@case("SYS019", **GPU)
def more_replicas_than_accelerators(built: BuiltPackage) -> None:
    set_value(built, "number_of_ranks", 8)
    set_value(built, "micro_batch_size", 4)


@log_case("QUA011")
def rounded_up_to_target(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 0.9


@case("CNV016")
def room_for_other_runs(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        shift(events, 0, len(events), -7200_000)

    built.edit_events(0, change)


@log_case("LOG003")
def letter_of_another_alphabet(events: Lines) -> None:
    """A Cyrillic a: the key looks right and is not."""
    find(events, "opt_name")["key"] = "opt_n\u0430me"


@log_case("LOG014")
def blank_after_key(events: Lines) -> None:
    find(events, "run_start")["key"] = "run_start "


# ---------------------------------------------------------------- records against logs and descriptions


def _record(built: BuiltPackage, change: Any, run: int = 1) -> None:
    built.edit_json(built.run_files(run).record, change)


@case("DAT014")
def smaller_patches_in_spec(built: BuiltPackage) -> None:
    _record(built, lambda r: r["spec"]["data"]["geometry"].update(patch_size=32))


@case("DAT014")
def larger_training_share_in_spec(built: BuiltPackage) -> None:
    _record(built, lambda r: r["spec"]["data"]["split"].update(train_fraction=0.95))


@case("DAT014")
def other_data_in_spec(built: BuiltPackage) -> None:
    _record(built, lambda r: r["spec"]["data"].update(digest="ab" * 32))


@case("DAT015")
def smaller_scenes_called_quick(built: BuiltPackage) -> None:
    built.edit_json(built.layout.dataset, lambda d: d["geometry"].update(patch_size=32))


@case("HYP012", only=True)
def half_precision_in_spec(built: BuiltPackage) -> None:
    _record(built, lambda r: r["spec"].update(precision="mixed_bfloat16"))


@case("PKG019", only=True)
def other_version(built: BuiltPackage) -> None:
    set_value(built, "submission_version", "cloudmask-harness 9.9.9")


@case("EVD023", only=False)
def end_of_the_log_cut(built: BuiltPackage) -> None:
    _record(
        built,
        lambda r: r.update(finished_wall_s=r["finished_wall_s"] + 600, duration_s=r["duration_s"] + 600),
    )


@case("EVD023")
def an_hour_before_init_start(built: BuiltPackage) -> None:
    _record(
        built,
        lambda r: r.update(started_wall_s=r["started_wall_s"] - 3600, duration_s=r["duration_s"] + 3600),
    )


@case("EVD026", only=True)
def cache_line_made_up(built: BuiltPackage) -> None:
    _record(built, lambda r: r["cache"].update(resident_bytes_after=90_000_000))


def _timeline(built: BuiltPackage, change: Any, run: int) -> None:
    path = built.run_files(run).timeline
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        change(row)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    built.reseal(timeline=False)


@case("EVD025", only=True)
def run_on_top_of_another(built: BuiltPackage) -> None:
    _timeline(built, lambda row: row.update(monotonic_s=row["monotonic_s"] - 280), run=2)


@case("EVD025")
def run_moved_on_the_wall_clock(built: BuiltPackage) -> None:
    _timeline(built, lambda row: row.update(monotonic_s=row["monotonic_s"] - 120), run=2)


# ---------------------------------------------------------------- telemetry and power


def _sample(built: BuiltPackage, run: int, **how: Any) -> None:
    lines = built.layout.result(run).read_text().splitlines()
    write_telemetry(built.run_files(run).telemetry(), lines, **how)
    built.reseal()


@case("EVD022", only=True, **TELEMETRY, **GPU)
def four_more_accelerators(built: BuiltPackage) -> None:
    _sample(built, 1, accelerators=8)


@case("EVD022", only=True, **TELEMETRY)
def hidden_accelerator(built: BuiltPackage) -> None:
    _sample(built, 1, accelerators=1)


@case("EVD022", **TELEMETRY, **GPU)
def half_of_the_accelerators_missing(built: BuiltPackage) -> None:
    _sample(built, 1, accelerators=2)


@case("EVD028", only=True, **TELEMETRY, **GPU)
def milliwatts_as_watts(built: BuiltPackage) -> None:
    _sample(built, 1, accelerators=4, gpu_w=250_000.0)


@case("EVD028", **TELEMETRY, **GPU)
def accelerators_that_draw_nothing(built: BuiltPackage) -> None:
    _sample(built, 1, accelerators=4, gpu_w=0.0)


@case("EVD024", **TELEMETRY)
def telemetry_moved_in_time(built: BuiltPackage) -> None:
    def change(_: Lines) -> Lines:  # equally long runs, so that equally many samples lie in both
        events = built.events(0)
        shift(events, 0, len(events), 300_000)
        return events

    built.edit_events(1, change)
    for run in (0, 1):
        _sample(built, run, noise="one measurement")


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


@case("PWR006", **POWER)
def efficiency_above_one(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "conversion_eff")["value"] = 1.3

    _power_events(built, change)


@case("PWR006", **POWER)
def second_efficiency(built: BuiltPackage) -> None:
    """Upstream takes the last one."""
    _power_events(built, lambda events: events.append({**find(events, "conversion_eff"), "value": 0.5}))


@case("PWR009", **TWO_NODES)
def switch_that_gives_power(built: BuiltPackage) -> None:
    path = built.layout.power_dir(1) / "sw_0.txt"
    path.write_text(path.read_text().replace("350.0", "-350.0"))
    built.reseal()


@case("PWR009", **TWO_NODES)
def switches_left_out(built: BuiltPackage) -> None:
    for run in range(5):
        (built.layout.power_dir(run) / "sw_0.txt").unlink()
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
    """Four accelerators of 250 W in a node of 210 W: the option set is the mutation."""


@case("PWR003", **POWER)
def garbage_as_power(built: BuiltPackage) -> None:
    _power(built).write_text("not a log\n")
    built.reseal()


# ---------------------------------------------------------------- package


@case("PKG005", only=True)
def slow_run_set_aside(built: BuiltPackage) -> None:
    folder = built.layout.results_dir / "pruned_results"
    folder.mkdir()
    (folder / "result_0.txt").write_text(built.layout.result(0).read_text())
    built.reseal()


def _report(built: BuiltPackage, text: str) -> None:
    path = built.root / "reports" / built.options.system / "index.html"
    path.parent.mkdir(parents=True)
    path.write_text(f"<!doctype html><title>CloudMask</title><p>{text}")
    built.reseal()


@case("PKG020", only=True)
def report_without_unverified(built: BuiltPackage) -> None:
    _report(built, "CloudMask Closed: 63.2 s")


@case("PKG020", only=True)
def report_without_division(built: BuiltPackage) -> None:
    _report(built, "63.2 s, unverified")


@case("EVD027", only=True)
def attempt_taken_out(built: BuiltPackage) -> None:
    for attempt in (0, 2):
        folder = built.layout.failed_dir(attempt)
        folder.mkdir(parents=True)
        record = {"schema": 1, "run": 1, "status": "interrupted", "reason": "ended", "seed": attempt}
        (folder / "run.json").write_text(json.dumps(record))
    built.reseal()
