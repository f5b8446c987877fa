"""Mutations for SYS rules: the system description."""

from __future__ import annotations

from typing import Any

from tests.rules.cases.edits import GPU, set_value
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage


def _system(built: BuiltPackage, **fields: Any) -> None:
    built.edit_json(built.layout.system_json, lambda d: d.update(fields))


@case("SYS001", only=True)
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


@case("SYS019", **GPU)
def more_replicas_than_accelerators(built: BuiltPackage) -> None:
    set_value(built, "number_of_ranks", 8)
    set_value(built, "micro_batch_size", 4)
