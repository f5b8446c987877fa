"""Mutations for the rules of rulebook 1.1: evidence that was made to agree, and what still shows."""

from __future__ import annotations

import json
import math
import shutil
from typing import Any

from tests.rules.cases.edits import GPU, edit_dataset, edit_record, find, index, resample, set_value, shift
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines
from tests.support.scene_counts import write_counts, write_science


def edit_system(built: BuiltPackage, **fields: str) -> None:
    """Describe another machine, and claim that it was found."""
    built.edit_json(built.layout.system_json, lambda s: s.update(fields))
    built.edit_json(built.layout.detected, lambda d: d["detected"].update(fields))


def faster(built: BuiltPackage, factor: float) -> None:
    """All runs as if every machine were `factor` times as fast; arrivals and throughput agree."""
    for run in range(built.options.runs):

        def change(events: Lines) -> None:
            start = find(events, "run_start")["time_ms"]
            for event in events[index(events, "run_start") :]:
                event["time_ms"] = start + round((event["time_ms"] - start) / factor)
                if event["key"] == "tracked_stats":
                    event["value"]["throughput"] *= factor

        built.edit_events(run, change)
        resample(built, run)


@log_case("QUA020")
def accuracy_of_no_count(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 0.90134


@log_case("QUA020")
def earlier_accuracy_typed(events: Lines) -> None:
    find(events, "eval_accuracy")["value"] = 0.77123


@log_case("QUA021", only=True)
def loss_below_its_wrong_pixels(events: Lines) -> None:
    accuracy = find(events, "eval_accuracy", -1)["value"]
    find(events, "eval_loss", -1)["value"] = 0.95 * math.log(2) * (1 - accuracy)


@log_case("QUA021")
def training_loss_below_its_wrong_pixels(events: Lines) -> None:
    find(events, "tracked_stats", 0)["value"]["train_loss"] = 0.001


def _edit_science(built: BuiltPackage, **scores: float) -> None:
    """science.json and the log's result agree on other scores."""
    built.edit_json(built.run_files(2).science, lambda s: s["overall"].update(scores))

    def change(events: Lines) -> None:
        result = find(events, "result")["value"]
        for name, value in scores.items():
            if f"test_{name}" in result:
                result[f"test_{name}"]["value"] = value

    built.edit_events(2, change)


@case("QUA022", only=True)
def science_lifted_by_a_percent(built: BuiltPackage) -> None:
    _edit_science(built, iou=0.851)


@case("QUA022", only=True)
def fewer_test_pixels(built: BuiltPackage) -> None:
    pixels = 4 * 300 * 375
    _edit_science(
        built,
        pixels=pixels,
        cloud_fraction=0.5,
        predicted_cloud_fraction=0.5,
        accuracy=0.9,
        iou=0.45 / 0.55,
    )


@case("QUA022", only=True)
def a_scene_lifted(built: BuiltPackage) -> None:
    """Accuracy and counts of one scene agree; histogram and sums do not."""
    science = write_counts(built)
    row = science["per_scene"][1]
    row["tp"], row["fn"] = row["tp"] + row["fn"], 0
    row["accuracy"] = (row["tp"] + row["tn"]) / row["pixels"]
    write_science(built, 2, science)


@case("QUA022", only=True)
def a_bad_scene_left_out(built: BuiltPackage) -> None:
    science = write_counts(built)
    science["per_scene"].pop()
    write_science(built, 2, science)


@case("QUA022", only=True)
def day_and_night_exchanged(built: BuiltPackage) -> None:
    science = write_counts(built)
    for row in science["per_scene"]:
        row["daylight"] = not row["daylight"]
    write_science(built, 2, science)


@case("QUA022", only=True)
def better_ranking_than_its_histogram(built: BuiltPackage) -> None:
    science = write_counts(built)
    science["overall"]["auc"] = 0.999999
    write_science(built, 2, science)


@case("QUA022", only=True)
def no_cloud_too_many(built: BuiltPackage) -> None:
    science = write_counts(built)
    science["cloud_fraction_error"]["bias"] = 0.0
    write_science(built, 2, science)


@case("TIM020")
def hundred_times_as_fast_as_the_machine(built: BuiltPackage) -> None:
    faster(built, 100.0)


@case("TIM020", **GPU)
def faster_than_four_a100(built: BuiltPackage) -> None:
    faster(built, 6000.0)


@case("TIM021")
def first_epoch_trained_in_part_before(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        first = index(events, "epoch_stop")
        cut = round(0.8 * (events[first]["time_ms"] - find(events, "run_start")["time_ms"]))
        for event in events:
            if event["key"] in ("init_stop", "run_start") or (
                event["key"] == "epoch_start" and event["metadata"]["epoch_num"] == 1
            ):
                event["time_ms"] += cut

    built.edit_events(2, change)
    resample(built, 2)


@case("TIM022")
def trained_during_initialisation(built: BuiltPackage) -> None:
    """Five minutes of two busy processors before run_start, on the same clock as everything else."""

    def change(events: Lines) -> None:
        shift(events, 0, index(events, "init_stop"), -250_000)

    for run in range(5):
        built.edit_events(run, change)
        edit_record(built, lambda r: r.update(started_wall_s=r["started_wall_s"] - 250.0), run)
        edit_record(built, lambda r: r.update(duration_s=r["duration_s"] + 250.0), run)
        resample(built, run, start_s=-240.0)


@case("TIM023")
def five_hosts_at_once(built: BuiltPackage) -> None:
    for run in range(1, 5):
        events = built.events(run)
        back_ms = -300_000 * run + 2_000 * run
        shift(events, 0, len(events), back_ms)
        built.edit_events(run, lambda _, moved=events: moved)
        edit_record(
            built,
            lambda r, run=run, s=back_ms / 1000: r.update(
                host=f"node{run}",
                boot_id=f"{run}f9619ff-8b86-4d01-b42d-00cf4fc964ff",
                started_wall_s=r["started_wall_s"] + s,
                finished_wall_s=r["finished_wall_s"] + s,
            ),
            run,
        )
        resample(built, run)


@case("DAT020")
def called_official_with_invented_names(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d.update(profile="official", synthetic=False))


@case("SYS030")
def half_of_the_cores_described(built: BuiltPackage) -> None:
    edit_system(built, host_processor_core_count="1", host_processor_vcpu_count="1")


@case("SYS030")
def a_larger_host_described(built: BuiltPackage) -> None:
    edit_system(built, host_processor_core_count="56", host_processor_vcpu_count="224")


@case("SYS031")
def readings_of_a_gpu_that_was_not_found(built: BuiltPackage) -> None:
    built.edit_json(built.layout.detected, lambda d: d["detected"].update(accelerators_per_node="0"))
    resample(built, 1, accelerators=1, busy_percent=12.0)


@case("SYS031", **GPU)
def declared_accelerators_without_readings(built: BuiltPackage) -> None:
    for run in range(5):
        resample(built, run, accelerators=0)


@case("SYS032")
def clock_slowed_for_the_sampler(built: BuiltPackage) -> None:
    resample(built, 1, busy_percent=442.0)


@case("SYS032")
def more_memory_than_described(built: BuiltPackage) -> None:
    edit_system(built, host_memory_capacity="1 GiB")


@case("PKG043")
def thousands_of_empty_files(built: BuiltPackage) -> None:
    folder = built.layout.code_dir / "empty"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number}.txt").touch()
    built.reseal()


def _without(built: BuiltPackage, name: str) -> None:
    for run in range(5):
        (built.run_files(run).root / name).unlink()
    built.reseal(timeline=False)


@case("EVD050", only=True)
def no_telemetry(built: BuiltPackage) -> None:
    _without(built, "telemetry_node_0.h5")


@case("EVD050")
def no_arrivals(built: BuiltPackage) -> None:
    _without(built, "timeline.jsonl")


@case("EVD050", only=True)
def no_weights(built: BuiltPackage) -> None:
    for run in range(5):
        built.run_files(run).weights.unlink()
        built.edit_events(run, lambda events: [e for e in events if e["key"] != "weights_digest"])


@case("EVD050", only=True)
def no_science(built: BuiltPackage) -> None:
    _without(built, "science.json")


@case("EVD050", only=True)
def no_training_loss(built: BuiltPackage) -> None:
    for run in range(5):
        built.edit_events(run, lambda events: find(events, "tracked_stats")["value"].update(train_loss="0.6"))


@case("EVD050", only=True)
def no_evaluation_loss(built: BuiltPackage) -> None:
    for run in range(5):
        built.edit_events(run, lambda events: events.remove(find(events, "eval_loss", -1)))


@case("EVD050")
def no_plan(built: BuiltPackage) -> None:
    built.layout.plan.unlink()
    built.reseal()


def _reads(rate: float) -> dict[str, Any]:
    return {"read_bytes": rate}


@case("EVD052", only=True)
def nothing_was_read(built: BuiltPackage) -> None:
    resample(built, 1, **_reads(0.0))


@case("EVD052", only=True)
def a_quarter_was_read(built: BuiltPackage) -> None:
    resample(built, 1, **_reads(16 * 4_050_000 / 4))


@case("EVD054")
def output_confesses(built: BuiltPackage) -> None:
    path = built.run_files(1).output
    path.write_text("Restored the model weights from best.h5\nTraceback (most recent call last):\n")
    built.reseal()


@case("EVD055")
def peak_of_four_kilobytes(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(peak_rss_bytes=4096))


@case("EVD055")
def more_memory_than_the_machine(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(peak_rss_bytes=10**12))


@case("EVD018")
def three_attempts_that_had_trained(built: BuiltPackage) -> None:
    for attempt in range(3):
        folder = built.layout.failed_dir(attempt)
        folder.mkdir(parents=True)
        shutil.copy(built.layout.result(attempt), folder / "result.txt")
        record = {"schema": 1, "run": 0, "status": "failed", "reason": "exit code 1", "seed": attempt}
        (folder / "run.json").write_text(json.dumps(record))
    built.reseal()


@case("EVD004")
def half_a_second_shaved_off(built: BuiltPackage) -> None:
    """The log's run_start is half a second late; arrivals stay within what EVD003 allows."""

    def change(events: Lines) -> None:
        at = index(events, "run_start")
        for event in events[: at + 1]:
            event["time_ms"] -= 300  # arrivals may be late

    before = built.run_files(2).timeline.read_text().splitlines()
    built.edit_events(2, change)
    rows = [json.loads(line) for line in built.run_files(2).timeline.read_text().splitlines()]
    for row, old in zip(rows, map(json.loads, before), strict=True):
        row.update(wall_s=old["wall_s"], monotonic_s=old["monotonic_s"])
    built.run_files(2).timeline.write_text("".join(json.dumps(row) + "\n" for row in rows))
    built.reseal(timeline=False)


@case("HYP002")
def few_epochs_as_a_knife(built: BuiltPackage) -> None:
    set_value(built, "max_epochs", 12)
