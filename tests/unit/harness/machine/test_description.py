"""A declared system against a detected one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UserError
from harness.machine.description import (
    capacity_bytes,
    compare,
    read_description,
    same_model,
    system_description,
)
from harness.machine.detect import FIELDS, MAY_BE_BLANK, Detected, detect
from tests.support import ROOT, STARTERS

EXAMPLE = STARTERS / "systems/a100.json"
CORPUS = ROOT.parent / "shared/corpus"
A100 = {"model": "NVIDIA A100-SXM4-40GB", "memory_bytes": 40960 << 20}


def detected(gpus: list[dict[str, Any]], **facts: Any) -> Detected:
    known = {
        "sockets": 1,
        "cores_per_socket": 64,
        "threads_per_socket": 128,
        "memory_bytes": 251 * 2**30,
        "accelerators": gpus,
        **facts,
    }
    return Detected({"host_processor_model_name": "AMD EPYC 7763 64-Core Processor"}, {}, known)


def answers(declared: dict[str, Any], found: Detected) -> dict[str, bool | None]:
    return {c.field: c.agrees for c in compare(declared, found)}


def test_example_has_the_33_fields_as_strings_and_says_what_it_is() -> None:
    fields = json.loads(EXAMPLE.read_text())
    assert tuple(fields) == FIELDS
    assert all(isinstance(v, str) for v in fields.values())
    assert all(v for name, v in fields.items() if name not in MAY_BE_BLANK)
    assert fields["submitter"] == "examples" and fields["system_name"] == EXAMPLE.stem
    assert "Template" in fields["hw_notes"]


def test_example_agrees_with_the_machine_it_describes() -> None:
    assert set(answers(read_description(EXAMPLE), detected([A100] * 4)).values()) == {True}


def test_a100_declared_without_a_gpu_disagrees_clearly() -> None:
    found = detected(
        [], accelerator_problem="libnvidia-ml.so.1 is not on this machine", unusable_accelerators=[]
    )
    by_field = {c.field: c for c in compare(read_description(EXAMPLE), found)}
    for name in ("accelerators_per_node", "accelerator_model_name", "accelerator_memory_capacity"):
        assert by_field[name].agrees is False
    assert by_field["accelerator_model_name"].detected == "none"
    assert "libnvidia-ml" in by_field["accelerator_model_name"].note
    unusable = detected([], unusable_accelerators=["NVIDIA device 0x20b0 (no driver loaded)"])
    seen = {c.field: c.detected for c in compare(read_description(EXAMPLE), unusable)}
    assert "no driver loaded" in seen["accelerator_model_name"]


def test_other_gpu_other_count_other_memory() -> None:
    declared = read_description(EXAMPLE)
    h100 = {"model": "NVIDIA H100 80GB HBM3", "memory_bytes": 81559 << 20}
    assert answers(declared, detected([h100] * 4))["accelerator_model_name"] is False
    assert answers(declared, detected([A100] * 3))["accelerators_per_node"] is False
    assert answers(declared, detected([A100, A100, A100, h100]))["accelerator_model_name"] is False
    big = {"model": "NVIDIA A100-SXM4-80GB", "memory_bytes": 81920 << 20}
    found = answers(declared, detected([big] * 4))
    assert found["accelerator_model_name"] is False and found["accelerator_memory_capacity"] is False


def test_gpu_that_is_there_but_not_declared() -> None:
    declared = {
        **read_description(EXAMPLE),
        "accelerators_per_node": "0",
        "accelerator_model_name": "N/A (none)",
    }
    found = answers(declared, detected([A100]))
    assert found["accelerators_per_node"] is False and found["accelerator_model_name"] is False


def test_this_machine_agrees_with_its_own_description() -> None:
    found = detect()
    fields = system_description(found, "org", "closed", "research", "local")
    assert False not in answers(fields, found).values()


@pytest.mark.parametrize(
    ("said", "agrees"), [("128", True), ("256", True), ("64", False), ("", None), ("many", False)]
)
def test_threads_per_processor_or_of_all(said: str, agrees: bool | None) -> None:
    found = detected([], threads_per_socket=128, sockets=2)
    assert answers({"host_processor_vcpu_count": said}, found)["host_processor_vcpu_count"] is agrees


def test_more_nodes_than_one_cannot_be_seen_from_here() -> None:
    comparison = compare({"number_of_nodes": "4"}, detected([]))[0]
    assert comparison.agrees is None and "only this node" in comparison.note
    assert compare({"number_of_nodes": "0"}, detected([]))[0].agrees is False


@pytest.mark.parametrize("value", [None, "", 4, ["x"], {"a": 1}, "four", "-1", "½", "²"])
def test_strange_values_never_raise(value: object) -> None:
    declared = dict.fromkeys(FIELDS, value)
    found = answers(declared, detected([A100] * 4))
    assert found["host_processors_per_node"] is not True
    assert answers({}, detected([]))["accelerators_per_node"] is None


@pytest.mark.parametrize(
    ("declared", "seen", "expected"),
    [
        ("NVIDIA A100-SXM4-40GB (400W)", "NVIDIA A100-SXM4-40GB", True),
        ("NVIDIA A100", "NVIDIA A100-SXM4-40GB", True),
        ("A100-PCIe-80GB", "NVIDIA A100 80GB PCIe", True),
        ("NVIDIA A100 - PCIe - 80 GB", "NVIDIA A100 80GB PCIe", True),
        ("NVIDIA A100-PCIe-40GB", "NVIDIA A100-SXM4-40GB", False),
        ("NVIDIA H100-SXM5-80GB", "NVIDIA H100 80GB HBM3", True),
        ("NVIDIA H100", "NVIDIA H200", False),
        ("Tesla V100-SXM2-16GB", "NVIDIA V100 16GB", True),
        ("NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3090 Ti", None),
        ("AMD EPYC 7763", "AMD EPYC 7763 64-Core Processor", True),
        ("Intel Xeon Platinum 8480+", "Intel(R) Xeon(R) Platinum 8480+", True),
        ("Intel Xeon E5-2690v4", "Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", True),
        ("AMD EPYC 7763", "AMD EPYC 7713 64-Core Processor", False),
        ("AMD EPYC 7763", "AMD EPYC", None),
        ("AMD EPYC", "AMD EPYC", True),
        ("Intel Xeon", "AMD EPYC", False),
        ("???", "AMD EPYC", False),
    ],
)
def test_same_model(declared: str, seen: str, expected: bool | None) -> None:
    assert same_model(declared, seen) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80 GB", [80e9, 80 * 2**30]),
        ("256GB DDR4", [256e9, 256 * 2**30]),
        ("1.5 TiB", [1.5 * 2**40]),
        ("16 x 32 GiB", [512 * 2**30]),
        ("much", []),
        ("", []),
    ],
)
def test_capacity_bytes(text: str, expected: list[float]) -> None:
    assert capacity_bytes(text) == expected


def test_published_descriptions_can_all_be_compared() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of published results is not beside the project")
    paths = sorted(CORPUS.glob("*/**/systems/*.json"))
    assert len(paths) > 5
    same = set()
    for path in paths:
        declared = read_description(path)
        found = answers(declared, detected([A100] * 4))
        assert found["accelerator_model_name"] is not None, path
        if found["accelerator_model_name"]:
            same.add(declared["accelerator_model_name"])
    assert same == {"NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB (400W)"}


def test_unreadable_descriptions_are_user_errors(tmp_path: Path) -> None:
    for name, content in {"a.json": "{", "b.json": "[]", "c.json": "\xff", "d.json": "[" * 100_000}.items():
        (tmp_path / name).write_text(content, encoding="latin-1")
        with pytest.raises(UserError) as raised:
            read_description(tmp_path / name)
        assert name in raised.value.message and "system detect" in (raised.value.fix or "")
    with pytest.raises(UserError, match="No such file"):
        read_description(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": "caf\xe9"}', "is not UTF-8: byte 0xe9 in line 1"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_texts_of_other_systems_are_named(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UserError, match=why):
        read_description(tmp_path / "a.json")
