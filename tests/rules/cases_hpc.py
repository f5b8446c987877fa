"""Ways to spoil an MLPerf HPC package, each with the rule that must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.rules.cases import find, index
from tests.support.hpc_builder import HpcPackage

Spoil = Callable[[HpcPackage], Any]
HPC_CASES: list[tuple[str, dict[str, Any], Spoil]] = []


def spoilt(rule: str, **options: Any) -> Callable[[Spoil], Spoil]:
    def register(function: Spoil) -> Spoil:
        HPC_CASES.append((rule, options, function))
        return function

    return register


def _set(built: HpcPackage, key: str, value: Any, runs: slice = slice(None)) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, key)["value"] = value

    built.edit(change, runs)


@spoilt("PKG018")
def folder_of_no_benchmark(built: HpcPackage) -> None:
    built.results.rename(built.results.with_name("deepcamera"))


@spoilt("PKG018")
def scaling_of_no_kind(built: HpcPackage) -> None:
    built.results.parent.rename(built.results.parent.with_name("stronger"))


@spoilt("LOG005")
def log_of_another_benchmark(built: HpcPackage) -> None:
    _set(built, "submission_benchmark", "cosmoflow")


@spoilt("LOG005")
def schedule_of_no_kind(built: HpcPackage) -> None:
    _set(built, "scheduler_type", "banana")


@spoilt("LOG003")
def schedule_without_its_settings(built: HpcPackage) -> None:
    built.edit(lambda events: events.pop(index(events, "scheduler_milestones")))


@spoilt("HYP001", benchmark="openfold")
def another_clip_norm(built: HpcPackage) -> None:
    _set(built, "opt_gradient_clip_norm", 1.0)


@spoilt("HYP001")
def fewer_evaluation_samples(built: HpcPackage) -> None:
    _set(built, "eval_samples", 1000)


@spoilt("HYP005", benchmark="oc20")
def one_run_with_another_rate(built: HpcPackage) -> None:
    _set(built, "opt_base_learning_rate", 0.01, slice(2, 3))


@spoilt("CNV010", benchmark="cosmoflow", faster=3)
def all_runs_converge_too_fast(built: HpcPackage) -> None:
    """The option makes every run three epochs shorter."""


@spoilt("CNV010", benchmark="cosmoflow", faster=3)
def too_fast_in_division_Closed(built: HpcPackage) -> None:
    """Upstream compares convergence only where the division is spelt closed."""
    built.describe(division="Closed")


@spoilt("CNV010", benchmark="cosmoflow", faster=3)
def too_fast_with_bypass(built: HpcPackage) -> None:
    (built.results / "package_checker_params").write_text("rcp-bypass")


@spoilt("CNV010")
def batch_size_without_reference(built: HpcPackage) -> None:
    _set(built, "global_batch_size", 65536)


@spoilt("CNV012")
def shipped_scaling_factor(built: HpcPackage) -> None:
    (built.results / "scaling.json").write_text('{"scaling_factor": 0.5}')


@spoilt("CNV012", division="open")
def open_scaling_factor(built: HpcPackage) -> None:
    (built.results / "scaling.json").write_text('{"scaling_factor": 0.5}')


@spoilt("PKG005")
def shipped_bypass(built: HpcPackage) -> None:
    (built.results / "package_checker_params").write_text("rcp-bypass")


@spoilt("PKG003")
def too_few_runs(built: HpcPackage) -> None:
    built.logs[-1].unlink()


@spoilt("SED001")
def no_seed(built: HpcPackage) -> None:
    built.edit(lambda events: events.pop(index(events, "seed")))


@spoilt("SED004")
def shared_seed_as_text(built: HpcPackage) -> None:
    _set(built, "seed", 4711, slice(0, 1))
    _set(built, "seed", "4711", slice(1, 2))


@spoilt("TIM004")
def run_stop_moved_back(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["time_ms"] -= 200_000

    built.edit(change)


@spoilt("TIM001")
def long_initialisation(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "init_start")["time_ms"] -= 31 * 60_000

    built.edit(change)


@spoilt("QUA003")
def only_the_last_evaluation(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        last = index(events, "eval_start", -1)
        keys = ("eval_start", "eval_accuracy", "eval_stop")
        events[:] = [e for i, e in enumerate(events) if i >= last or e["key"] not in keys]

    built.edit(change)


@spoilt("LOG012", benchmark="cosmoflow")
def evaluation_before_the_run(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        events.insert(0, {**find(events, "eval_error", -1), "time_ms": events[0]["time_ms"]})

    built.edit(change)


@spoilt("QUA005")
def two_runs_fail(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["metadata"]["status"] = "aborted"
        find(events, "eval_accuracy", -1)["value"] = 0.5

    built.edit(change, slice(0, 2))


@spoilt("PKG017", scaling="weak")
def throughput_alone(built: HpcPackage) -> None:
    """A weak entry without a strong one."""


@spoilt("SYS018", scaling="weak")
def instances_of_two_sizes(built: HpcPackage) -> None:
    _set(built, "number_of_nodes", 8, slice(0, 1))


@spoilt("SYS018", scaling="weak")
def system_larger_than_its_instances(built: HpcPackage) -> None:
    built.describe(number_of_nodes="1000")


@spoilt("QUA005", scaling="weak")
def a_model_that_failed(built: HpcPackage) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        find(events, "run_stop")["metadata"]["status"] = "aborted"
        find(events, "eval_accuracy", -1)["value"] = 0.5

    built.edit(change)


@spoilt("LOG003", scaling="weak")
def pruned_result_that_breaks_a_rule(built: HpcPackage) -> None:
    pruned = built.results / "pruned_results" / "result_0.txt"
    pruned.parent.mkdir()
    pruned.write_text(built.logs[0].read_text().replace('"key": "run_stop"', '"key": "run_halt"'))


@spoilt("SYS008")
def other_nodes_described(built: HpcPackage) -> None:
    built.describe(number_of_nodes="32")


@spoilt("SYS006")
def division_of_no_kind(built: HpcPackage) -> None:
    built.describe(division="banana")
