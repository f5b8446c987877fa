"""Mutations of what lies beside the logs: HYP, DAT, SYS, PKG, PWR and EVD rules."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from harness.telemetry.sources.base import Kind, QuantitySpec
from tests.rules.cases import case, find, index, log_case, set_value, shift
from tests.support.builders import BuiltPackage, Lines, write_telemetry

GPU = {"accelerators_per_node": 4}

# ---------------------------------------------------------------- HYP


@case("HYP001")
def sgd_in_closed(built: BuiltPackage) -> None:
    set_value(built, "opt_name", "sgd")


@case("HYP001")
def larger_model(built: BuiltPackage) -> None:
    set_value(built, "model_parameters_count", 7_762_465)


@case("HYP002")
def odd_batch_size(built: BuiltPackage) -> None:
    set_value(built, "global_batch_size", 48)


@case("HYP003")
def batch_beyond_data(built: BuiltPackage) -> None:
    set_value(built, "global_batch_size", 2**30)


@case("HYP003")
def no_learning_rate(built: BuiltPackage) -> None:
    set_value(built, "opt_base_learning_rate", 0)


@case("HYP004")
def batches_do_not_multiply(built: BuiltPackage) -> None:
    set_value(built, "micro_batch_size", 8)


@case("HYP005")
def learning_rate_differs(built: BuiltPackage) -> None:
    set_value(built, "opt_base_learning_rate", 0.002, range(3, 4))


@case("HYP006")
def precision_not_approved(built: BuiltPackage) -> None:
    set_value(built, "lowest_numerical_precision_in_linear", "int2")


@case("HYP007")
def recipe_edited(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.recipe, lambda text: text.replace("global_batch_size: 32", "global_batch_size: 64")
    )


@case("HYP007")
def precision_of_another_recipe(built: BuiltPackage) -> None:
    set_value(built, "lowest_numerical_precision_in_linear", "fp16")


@case("HYP008")
def spec_says_otherwise(built: BuiltPackage) -> None:
    def change(record: Any) -> None:
        record["spec"]["hyperparameters"]["learning_rate"] = 0.01

    built.edit_json(built.run_files(1).record, change)


@case("HYP009", **GPU)
def tf32_called_fp32(built: BuiltPackage) -> None:
    pass


@case("HYP010", division="open", runs=1)
def undocumented_loss(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.recipe,
        lambda text: text.replace("description: A package made for a test.", "description: ''"),
    )
    set_value(built, "loss_function", "focal")


# ---------------------------------------------------------------- DAT


@case("DAT001")
def another_data_set_in_one_run(built: BuiltPackage) -> None:
    set_value(built, "dataset_digest", "ab" * 32, range(1, 2))


@case("DAT002")
def another_data_set_in_all_runs(built: BuiltPackage) -> None:
    set_value(built, "dataset_digest", "ab" * 32)


def _dataset(built: BuiltPackage, change: Any) -> None:
    built.edit_json(built.layout.dataset, change)


@case("DAT002")
def file_replaced_in_list(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["train"][0].update(sha256="cd" * 32))


@case("DAT003")
def a_thousand_samples(built: BuiltPackage) -> None:
    set_value(built, "train_samples", 1000)


@case("DAT003")
def larger_training_share(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d.update(train_samples=380, eval_samples=20))


@log_case("DAT004")
def sample_count_inflated(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["metadata"]["samples_count"] += 1600


@case("DAT005")
def test_scene_in_training(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["test"][0].update(name="ssts/" + d["train"][0]["name"].split("/")[1]))


@case("DAT005")
def renamed_test_scene_in_training(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["test"][0].update(sha256=d["train"][3]["sha256"]))


@case("DAT006")
def scene_twice(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["train"][1].update(sha256=d["train"][0]["sha256"]))


@case("DAT007")
def split_95_to_5(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["split"].update(train_fraction=0.95))


@case("DAT007")
def split_by_patch(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["split"].update(unit="patch"))


@case("DAT008")
def smaller_patches(built: BuiltPackage) -> None:
    set_value(built, "patch_size", 32)


@case("DAT009")
def renamed_scenes(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d["train"][0].update(name="one-day/best_scene.hdf"))


@case("DAT010")
def official_in_part(built: BuiltPackage) -> None:
    _dataset(built, lambda d: d.update(profile="official", synthetic=False))


@case("DAT011")
def synthetic_scenes(built: BuiltPackage) -> None:
    pass


@case("DAT012")
def other_files_given(built: BuiltPackage) -> None:
    def change(record: Any) -> None:
        record["spec"]["data"]["train_files"].pop()

    built.edit_json(built.run_files(0).record, change)


@case("DAT012")
def shards_without_a_word_in_the_log(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r["spec"]["data"].update(prepared_digest="ab" * 32))


# ---------------------------------------------------------------- SYS


def _system(built: BuiltPackage, **fields: Any) -> None:
    built.edit_json(built.layout.system_json, lambda d: d.update(fields))


@case("SYS001")
def no_description(built: BuiltPackage) -> None:
    built.layout.system_json.unlink()
    built.reseal()


@case("SYS002", only=True)
def field_missing(built: BuiltPackage) -> None:
    built.edit_json(built.layout.system_json, lambda d: {k: v for k, v in d.items() if k != "cooling"})


@case("SYS003", only=True)
def fields_emptied(built: BuiltPackage) -> None:
    _system(built, host_memory_capacity="", framework=" ")


@case("SYS003")
def placeholder(built: BuiltPackage) -> None:
    _system(built, cooling="TODO")


@case("SYS004")
def nodes_in_words(built: BuiltPackage) -> None:
    _system(built, host_processors_per_node="two")


@case("SYS005", only=True)
def status_banana(built: BuiltPackage) -> None:
    _system(built, status="banana")


@case("SYS006")
def description_open(built: BuiltPackage) -> None:
    _system(built, division="open")


@case("SYS006")
def division_banana(built: BuiltPackage) -> None:
    _system(built, division="banana")


@case("SYS007")
def other_submitter(built: BuiltPackage) -> None:
    _system(built, submitter="SomebodyElse")


@case("SYS007")
def other_org_in_log(built: BuiltPackage) -> None:
    set_value(built, "submission_org", "SomebodyElse")


@case("SYS008")
def more_nodes_described(built: BuiltPackage) -> None:
    _system(built, number_of_nodes="2")


@case("SYS009")
def other_processor(built: BuiltPackage) -> None:
    _system(built, host_processor_model_name="Intel Xeon Platinum 8480")


@case("SYS009")
def other_core_count(built: BuiltPackage) -> None:
    _system(built, host_processor_core_count="64")


@case("SYS009")
def more_accelerators_than_found(built: BuiltPackage) -> None:
    _system(built, accelerators_per_node="8")


@case("SYS010")
def placeholder_platform(built: BuiltPackage) -> None:
    set_value(built, "submission_platform", "SUBMISSION_PLATFORM_PLACEHOLDER")


@case("SYS011", only=True)
def framework_without_version(built: BuiltPackage) -> None:
    _system(built, framework="TensorFlow")


@case("SYS012")
def cloud_in_log(built: BuiltPackage) -> None:
    set_value(built, "submission_status", "cloud")


@case("SYS013")
def upgraded_between_runs(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(2).record, lambda r: r["software"].update(tensorflow="2.21.0"))


@case("SYS014")
def another_host(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(2).record, lambda r: r.update(host="node7.example"))


@case("SYS015")
def misspelt_field(built: BuiltPackage) -> None:
    _system(built, acelerator_frequency="1410 MHz")


@case("SYS016")
def number_instead_of_string(built: BuiltPackage) -> None:
    _system(built, number_of_nodes=1)


@case("SYS017")
def other_framework_described(built: BuiltPackage) -> None:
    _system(built, framework="TensorFlow 1.15.0")


# ---------------------------------------------------------------- PKG


@case("PKG001")
def script_missing(built: BuiltPackage) -> None:
    (built.layout.code_dir / "run_and_time.sh").unlink()
    built.reseal()


@case("PKG001")
def readme_empty(built: BuiltPackage) -> None:
    built.edit_text(built.layout.code_dir / "README.md", lambda text: "")


@case("PKG001")
def no_implementation(built: BuiltPackage) -> None:
    shutil.rmtree(built.root / "benchmarks/cloudmask/implementations")
    built.reseal()


@case("PKG002")
def best_retry(built: BuiltPackage) -> None:
    built.layout.result(4).rename(built.layout.results_dir / "result_best_retry.txt")
    built.reseal()


@case("PKG002")
def leading_zero(built: BuiltPackage) -> None:
    built.layout.result(0).rename(built.layout.results_dir / "result_00.txt")
    built.reseal()


@case("PKG003", runs=4)
def four_runs(built: BuiltPackage) -> None:
    pass


@case("PKG003", runs=6)
def six_runs(built: BuiltPackage) -> None:
    pass


@case("PKG003")
def no_runs(built: BuiltPackage) -> None:
    for run in range(5):
        built.layout.result(run).unlink()
    built.reseal()


@case("PKG004")
def file_changed_after_packaging(built: BuiltPackage) -> None:
    (built.layout.code_dir / "README.md").write_text("other\n")


@case("PKG004")
def file_added_after_packaging(built: BuiltPackage) -> None:
    (built.layout.code_dir / "extra.sh").write_text("other\n")


@case("PKG004")
def file_removed_after_packaging(built: BuiltPackage) -> None:
    built.run_files(0).output.unlink()


@case("PKG004")
def manifest_missing(built: BuiltPackage) -> None:
    built.layout.manifest.unlink()


@case("PKG004")
def manifest_garbled(built: BuiltPackage) -> None:
    built.layout.manifest.write_bytes(b"\xff\xfe nonsense\n")


@case("PKG004")
def manifest_points_outside(built: BuiltPackage) -> None:
    with built.layout.manifest.open("a") as stream:
        stream.write("0" * 64 + "  ../../etc/passwd\n")


@case("PKG005")
def own_scaling_factor(built: BuiltPackage) -> None:
    (built.layout.results_dir / "scaling.json").write_text('{"scaling_factor": 0.5}')
    built.reseal()


@case("PKG005")
def own_bypass(built: BuiltPackage) -> None:
    (built.layout.results_dir / "package_checker_params").write_text("rcp-bypass\n")
    built.reseal()


@case("PKG005")
def another_benchmark(built: BuiltPackage) -> None:
    folder = built.layout.results_dir.with_name("cloudmusk")
    folder.mkdir()
    (folder / "result_0.txt").write_text("x\n")
    built.reseal()


@case("PKG006")
def notes_at_top(built: BuiltPackage) -> None:
    (built.root / "notes.txt").write_text("x\n")
    built.reseal()


@case("PKG007")
def link_out(built: BuiltPackage) -> None:
    os.symlink("/etc/hostname", built.layout.code_dir / "host")


@case("PKG007")
def linked_result(built: BuiltPackage) -> None:
    built.layout.result(4).unlink()
    os.symlink("result_3.txt", built.layout.result(4))
    built.reseal()


@case("PKG008")
def blank_in_name(built: BuiltPackage) -> None:
    (built.layout.code_dir / "my notes.md").write_text("x\n")
    built.reseal()


@case("PKG008")
def sixty_megabytes(built: BuiltPackage) -> None:
    with (built.layout.code_dir / "container.tar").open("wb") as stream:
        stream.truncate(60_000_000)
    built.reseal()


@case("PKG009")
def record_of_wrong_types(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r.update(duration_s="long"))


@case("PKG009")
def description_not_json(built: BuiltPackage) -> None:
    built.layout.system_json.write_text("{")
    built.reseal()


@case("PKG009")
def recipe_not_yaml(built: BuiltPackage) -> None:
    built.layout.recipe.write_text("a: [")
    built.reseal()


@case("PKG009")
def recipe_with_objects(built: BuiltPackage) -> None:
    built.layout.recipe.write_text("!!python/object/apply:os.system ['true']\n")
    built.reseal()


@case("PKG009")
def timeline_of_text(built: BuiltPackage) -> None:
    built.run_files(1).timeline.write_text("hello\n")
    built.reseal(timeline=False)


@case("PKG010")
def no_timeline(built: BuiltPackage) -> None:
    built.run_files(1).timeline.unlink()
    built.reseal()


@case("PKG010")
def no_plan(built: BuiltPackage) -> None:
    built.layout.plan.unlink()
    built.reseal()


@case("PKG011")
def companion_incomplete(built: BuiltPackage) -> None:
    path = built.layout.companion_json("reference")
    built.edit_json(path, lambda c: c.update(retraining=""))


@case("PKG011")
def companion_missing(built: BuiltPackage) -> None:
    built.layout.companion_json("reference").unlink()
    built.reseal()


@case("PKG012", division="open", runs=2)
def selection_not_stated(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text.replace("best_of: 2\n", ""))


@case("PKG012", division="open", runs=3)
def best_of_fewer(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text.replace("best_of: 3\n", "best_of: 2\n"))


@case("PKG013")
def other_commit(built: BuiltPackage) -> None:
    set_value(built, "submission_github_commit_version", "f" * 40)


@case("PKG013")
def local_changes(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r["software"].update(dirty=True))


@case("PKG014")
def pickled_model(built: BuiltPackage) -> None:
    (built.layout.code_dir / "model.pkl").write_bytes(b"x")
    built.reseal()


@case("PKG016")
def orphan_description(built: BuiltPackage) -> None:
    shutil.copy(built.layout.system_json, built.layout.system_json.with_name("other.json"))
    built.reseal()


# ---------------------------------------------------------------- PWR

POWER = {"power": True}
TWO_NODES = {"power": True, "nodes": 2}


def _power(built: BuiltPackage, run: int = 1, node: int = 0):  # type: ignore[no-untyped-def]
    return built.layout.power_dir(run) / f"node_{node}.txt"


def _power_events(built: BuiltPackage, change: Any, run: int = 1) -> None:
    path = _power(built, run)
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in path.read_text().splitlines()]
    result = change(events)
    events = events if result is None else result
    path.write_text("".join(f":::MLLOG {json.dumps(e)}\n" for e in events))
    built.reseal()


@case("PWR001", **POWER)
def one_run_unmeasured(built: BuiltPackage) -> None:
    shutil.rmtree(built.layout.power_dir(3))
    built.reseal()


@case("PWR002", **TWO_NODES)
def second_node_unmeasured(built: BuiltPackage) -> None:
    for run in range(5):
        _power(built, run, 1).unlink()
    built.reseal()


@case("PWR002", **TWO_NODES)
def node_named_twice(built: BuiltPackage) -> None:
    _power(built, 1, 1).rename(built.layout.power_dir(1) / "node_00.txt")
    built.reseal()


@case("PWR003", **POWER)
def empty_power_file(built: BuiltPackage) -> None:
    _power(built).write_text("")
    built.reseal()


@case("PWR003", **POWER)
def second_measurement_start(built: BuiltPackage) -> None:
    _power_events(built, lambda events: events.insert(30, dict(find(events, "power_measurement_start"))))


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


@case("PWR008", **TWO_NODES)
def copied_node(built: BuiltPackage) -> None:
    shutil.copy(_power(built, 1, 0), _power(built, 1, 1))
    built.reseal()


# ---------------------------------------------------------------- EVD


def _record(built: BuiltPackage, change: Any, run: int = 1) -> None:
    built.edit_json(built.run_files(run).record, change)


@case("EVD001", only=True)
def record_of_another_run(built: BuiltPackage) -> None:
    _record(built, lambda r: r.update(run=4))


@case("EVD001")
def record_says_aborted(built: BuiltPackage) -> None:
    _record(built, lambda r: r.update(status="aborted"))


@case("EVD001")
def implementation_crashed(built: BuiltPackage) -> None:
    _record(built, lambda r: r.update(exit_code=1))


def _edit_without_seal(built: BuiltPackage, change: Any) -> None:
    """An edit that leaves timeline and run.json as they were; only the manifest is made to agree."""
    built.edit_events(2, change, reseal=False)
    from harness.package.manifest import write_manifest

    write_manifest(built.root)


@case("EVD002")
def one_digit_edited(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "eval_loss")["value"] += 1e-6

    _edit_without_seal(built, change)


@case("EVD002")
def one_line_removed(built: BuiltPackage) -> None:
    _edit_without_seal(built, lambda events: events[:-1])


def _timeline(built: BuiltPackage, change: Any, run: int = 2) -> None:
    path = built.run_files(run).timeline
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    built.reseal(timeline=False)


@case("EVD003")
def arrived_a_minute_later(built: BuiltPackage) -> None:
    def change(rows: Any) -> None:
        for row in rows:
            row["wall_s"] += 60
            row["monotonic_s"] += 60

    _timeline(built, change)


@case("EVD003")
def arrived_before_written(built: BuiltPackage) -> None:
    _timeline(built, lambda rows: rows[50].update(wall_s=rows[50]["wall_s"] - 3))


@case("EVD004")
def run_shorter_than_measured(built: BuiltPackage) -> None:
    def change(rows: Any) -> None:
        for row in rows[50:]:
            row["monotonic_s"] += 30

    _timeline(built, change)


@case("EVD005")
def clock_set_back(built: BuiltPackage) -> None:
    def change(rows: Any) -> None:
        for row in rows[50:]:
            row["monotonic_s"] += 30

    _timeline(built, change)


@case("EVD005")
def arrivals_backwards(built: BuiltPackage) -> None:
    _timeline(built, lambda rows: rows[10].update(monotonic_s=rows[9]["monotonic_s"] - 0.5))


@case("EVD006")
def cache_claimed_by_child(built: BuiltPackage) -> None:
    _timeline(built, lambda rows: rows[11].update(source="child"))


@case("EVD007", only=True)
def evidence_swapped(built: BuiltPackage) -> None:
    built.run_files(0).output.write_text("other\n")
    from harness.package.manifest import write_manifest

    write_manifest(built.root)


@case("EVD007")
def evidence_removed(built: BuiltPackage) -> None:
    _record(built, lambda r: None)
    built.run_files(1).science.unlink()
    from harness.package.manifest import write_manifest

    write_manifest(built.root)


@case("EVD008")
def other_weights(built: BuiltPackage) -> None:
    built.run_files(2).weights.write_bytes(b"better weights")
    built.reseal()


@case("EVD008")
def weights_not_logged(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        del events[index(events, "weights_digest")]

    built.edit_events(2, change)


TELEMETRY = {"telemetry": True}


def _resample(built: BuiltPackage, run: int = 1, **how: Any) -> None:
    lines = built.layout.result(run).read_text().splitlines()
    gpus = built.options.accelerators_per_node
    write_telemetry(built.run_files(run).telemetry(), lines, accelerators=gpus, **how)
    built.reseal()


@case("EVD009", only=True, **TELEMETRY)
def sampler_died_early(built: BuiltPackage) -> None:
    _resample(built, stop_s=-15.0)


@case("EVD009", **TELEMETRY)
def telemetry_of_another_run(built: BuiltPackage) -> None:
    shutil.copy(built.run_files(0).telemetry(), built.run_files(1).telemetry())
    built.reseal()


@case("EVD010", **TELEMETRY)
def sampler_starved(built: BuiltPackage) -> None:
    _resample(built, hole_s=12.0)


@case("EVD011", only=True, **TELEMETRY)
def idle_machine(built: BuiltPackage) -> None:
    _resample(built, busy_percent=0.4)


@case("EVD011", **TELEMETRY, **GPU)
def idle_accelerators(built: BuiltPackage) -> None:
    _resample(built, busy_percent=0.0)


def _gauge(name: str, unit: str, scope: str, kind: Kind = Kind.GAUGE) -> QuantitySpec:
    return QuantitySpec(name, unit, scope, kind)


@case("EVD031", **TELEMETRY, **GPU)
def somebody_else_on_a_gpu(built: BuiltPackage) -> None:
    foreign = {
        _gauge("gpu_foreign_processes", "1", f"gpu{i}"): lambda t, i=i: float(i == 2) for i in range(4)
    }
    _resample(built, more=foreign)


@case("EVD032", **TELEMETRY)
def counter_beside_power(built: BuiltPackage) -> None:
    """A counter of 250 W and readings of 300 W."""
    counter = _gauge("gpu_energy", "J", "gpu0", Kind.COUNTER)
    power = _gauge("gpu_power", "W", "gpu0")
    _resample(built, more={counter: lambda t: 250 * t, power: lambda t: 300 + t / 1000})


@case("EVD032", **TELEMETRY)
def meter_that_says_one_number(built: BuiltPackage) -> None:
    _resample(built, more={_gauge("node_power", "W", "node"): lambda t: 412.0})


@case("EVD033", nodes=2, **TELEMETRY)
def clock_of_a_node_is_off(built: BuiltPackage) -> None:
    clock = {
        _gauge("clock_offset", "s", "node"): lambda t: -1.5,
        _gauge("clock_uncertainty", "s", "node"): lambda t: 0.01,
    }
    _resample(built, more=clock, source="clock")


@case("EVD034", **TELEMETRY)
def gpu_lost_half_way(built: BuiltPackage) -> None:
    _resample(built, remark="gpu0: the GPU has fallen off the bus; nvml readings are absent from here on")


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


@log_case("EVD012", only=True)
def cache_not_cleared(events: Lines) -> None:
    find(events, "cache_clear")["value"] = False


@log_case("EVD012")
def half_still_resident(events: Lines) -> None:
    find(events, "cache_clear")["metadata"]["resident_bytes_after"] = 50_000_000


@log_case("EVD013")
def half_evicted(events: Lines) -> None:
    find(events, "cache_clear")["metadata"]["files"] = 10


@case("EVD014")
def recipe_edited_after_the_runs(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text + "limits: {run_s: 60}\n")


@case("EVD014")
def fewer_runs_than_planned(built: BuiltPackage) -> None:
    built.edit_json(built.layout.plan, lambda p: p.update(runs=9))


@log_case("EVD015", only=True)
def better_science_in_log(events: Lines) -> None:
    find(events, "result")["value"]["test_accuracy"]["value"] += 0.01


@case("EVD016")
def record_of_last_year(built: BuiltPackage) -> None:
    _record(
        built,
        lambda r: r.update(
            started_wall_s=r["started_wall_s"] - 9e6, finished_wall_s=r["finished_wall_s"] - 9e6
        ),
    )


@case("EVD016")
def duration_shortened(built: BuiltPackage) -> None:
    _record(built, lambda r: r.update(duration_s=r["duration_s"] / 2))


@case("EVD017")
def another_command(built: BuiltPackage) -> None:
    _record(built, lambda r: r.update(command=["python", "fast.py"]))


@case("EVD018")
def many_failures(built: BuiltPackage) -> None:
    for attempt in range(6):
        folder = built.layout.failed_dir(attempt)
        folder.mkdir(parents=True)
        record = {"schema": 1, "run": 0, "status": "interrupted", "reason": "ended", "seed": attempt}
        (folder / "run.json").write_text(json.dumps(record))
    built.reseal()
