"""Mutations of packages of MLPerf HPC v3.0."""

from __future__ import annotations

from typing import Any

from tests.rules.cases.edits import find, index
from tests.rules.cases.registry import hpc_case
from tests.support.hpc_builder import HpcPackage


def _set(built: HpcPackage, key: str, value: Any, runs: slice = slice(None)) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, key)["value"] = value

    built.edit(change, runs)


@hpc_case("PKG018")
def folder_of_no_benchmark(built: HpcPackage) -> None:
    built.results.rename(built.results.with_name("deepcamera"))


@hpc_case("PKG018")
def scaling_of_no_kind(built: HpcPackage) -> None:
    built.results.parent.rename(built.results.parent.with_name("stronger"))


@hpc_case("LOG005")
def log_of_another_benchmark(built: HpcPackage) -> None:
    _set(built, "submission_benchmark", "cosmoflow")


@hpc_case("LOG005")
def schedule_of_no_kind(built: HpcPackage) -> None:
    _set(built, "scheduler_type", "banana")


@hpc_case("LOG003")
def schedule_without_its_settings(built: HpcPackage) -> None:
    built.edit(lambda events: events.pop(index(events, "scheduler_milestones")))


@hpc_case("HYP001", benchmark="openfold")
def another_clip_norm(built: HpcPackage) -> None:
    _set(built, "opt_gradient_clip_norm", 1.0)


@hpc_case("HYP001")
def fewer_evaluation_samples(built: HpcPackage) -> None:
    _set(built, "eval_samples", 1000)


@hpc_case("HYP005", benchmark="oc20")
def one_run_with_another_rate(built: HpcPackage) -> None:
    _set(built, "opt_base_learning_rate", 0.01, slice(2, 3))


@hpc_case("CNV010", benchmark="cosmoflow", faster=3)
def all_runs_converge_too_fast(built: HpcPackage) -> None:
    """The option makes every run three epochs shorter."""


@hpc_case("CNV010", benchmark="cosmoflow", faster=3)
def too_fast_in_division_Closed(built: HpcPackage) -> None:
    """Upstream compares convergence only where the division is spelt closed."""
    built.describe(division="Closed")


@hpc_case("CNV010", benchmark="cosmoflow", faster=3)
def too_fast_with_bypass(built: HpcPackage) -> None:
    (built.results / "package_checker_params").write_text("rcp-bypass")


@hpc_case("CNV010")
def batch_size_without_reference(built: HpcPackage) -> None:
    _set(built, "global_batch_size", 65536)


@hpc_case("CNV012")
def shipped_scaling_factor(built: HpcPackage) -> None:
    (built.results / "scaling.json").write_text('{"scaling_factor": 0.5}')


@hpc_case("CNV012", division="open")
def open_scaling_factor(built: HpcPackage) -> None:
    (built.results / "scaling.json").write_text('{"scaling_factor": 0.5}')


@hpc_case("PKG005")
def shipped_bypass(built: HpcPackage) -> None:
    (built.results / "package_checker_params").write_text("rcp-bypass")


@hpc_case("PKG003")
def too_few_runs(built: HpcPackage) -> None:
    built.logs[-1].unlink()


@hpc_case("PKG005")
def slow_run_set_aside(built: HpcPackage) -> None:
    pruned = built.results / "pruned_results" / "result_5.txt"
    pruned.parent.mkdir()
    pruned.write_text(built.logs[0].read_text())


@hpc_case("PKG002")
def two_names_of_one_number(built: HpcPackage) -> None:
    built.logs[-1].rename(built.results / "result_00.txt")


@hpc_case("PKG002")
def power_of_one_run_twice(built: HpcPackage) -> None:
    for name in ("result_1", "result_01"):
        node = built.results / "power" / name / "node_0.txt"
        node.parent.mkdir(parents=True)
        node.write_text("")


@hpc_case("PKG002")
def best_retry(built: HpcPackage) -> None:
    built.logs[-1].rename(built.results / "result_best_retry.txt")


@hpc_case("SED001")
def no_seed(built: HpcPackage) -> None:
    built.edit(lambda events: events.pop(index(events, "seed")))


@hpc_case("SED004")
def shared_seed_as_text(built: HpcPackage) -> None:
    _set(built, "seed", 4711, slice(0, 1))
    _set(built, "seed", "4711", slice(1, 2))


@hpc_case("TIM004")
def run_stop_moved_back(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["time_ms"] -= 200_000

    built.edit(change)


@hpc_case("TIM001")
def long_initialisation(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "init_start")["time_ms"] -= 31 * 60_000

    built.edit(change)


@hpc_case("QUA003")
def only_the_last_evaluation(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        last = index(events, "eval_start", -1)
        keys = ("eval_start", "eval_accuracy", "eval_stop")
        events[:] = [e for i, e in enumerate(events) if i >= last or e["key"] not in keys]

    built.edit(change)


@hpc_case("LOG012", benchmark="cosmoflow")
def evaluation_before_the_run(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        events.insert(0, {**find(events, "eval_error", -1), "time_ms": events[0]["time_ms"]})

    built.edit(change)


@hpc_case("QUA005")
def two_runs_fail(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["metadata"]["status"] = "aborted"
        find(events, "eval_accuracy", -1)["value"] = 0.5

    built.edit(change, slice(0, 2))


@hpc_case("PKG017", scaling="weak")
def throughput_alone(built: HpcPackage) -> None:
    """A weak entry without a strong one."""


@hpc_case("SYS018", scaling="weak")
def instances_of_two_sizes(built: HpcPackage) -> None:
    _set(built, "number_of_nodes", 8, slice(0, 1))


@hpc_case("SYS018", scaling="weak")
def system_larger_than_its_instances(built: HpcPackage) -> None:
    built.describe(number_of_nodes="1000")


@hpc_case("QUA005", scaling="weak")
def a_model_that_failed(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["metadata"]["status"] = "aborted"
        find(events, "eval_accuracy", -1)["value"] = 0.5

    built.edit(change)


@hpc_case("LOG003", scaling="weak")
def pruned_result_that_breaks_a_rule(built: HpcPackage) -> None:
    pruned = built.results / "pruned_results" / "result_0.txt"
    pruned.parent.mkdir()
    pruned.write_text(built.logs[0].read_text().replace('"key": "global_batch_size"', '"key": "size"'))


@hpc_case("SYS008")
def other_nodes_described(built: HpcPackage) -> None:
    built.describe(number_of_nodes="32")


@hpc_case("SYS006")
def division_of_no_kind(built: HpcPackage) -> None:
    built.describe(division="banana")
