"""mlperf-sysinfo's JSON as a system description; fields that a person states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli.system import system
from harness.core.errors import ExitCode, UserError
from harness.machine.description_import import parse_answers, read_import, with_answers
from harness.machine.detect import FIELDS, Detected, detect
from tests.support.command import invoke

FLAT = {
    "submitter": "Somebody",
    "number_of_nodes": 1,
    "host_processors_per_node": "2",
    "host_processor_model_name": "Intel(R) Xeon(R) Platinum 8480+",
    "host_processor_core_count": 56,
    "host_memory_capacity": "2 TB",
    "host_memory_configuration": "32 x 64 GB DDR5",
    "accelerators_per_node": 8,
    "accelerator_model_name": "NVIDIA H100 80GB HBM3",
    "accelerator_frequency": "Not detected: nvidia-smi failed",
    "host_networking": "N/A",
    "cooling": "",
    "system_type": "datacenter",
    "mlperf_sysinfo": {"version": "1.0"},
}
NESTED = {
    "system_name": "x",
    "node_types": [
        {
            "number_of_nodes": 1,
            "host_processor_model_name": "AMD EPYC 9654",
            "host_processors_per_node": 2,
            "host_storage_capacity": "Not detected",
            "accelerator_info": [
                {
                    "accelerator_model_name": "AMD Instinct MI300X",
                    "accelerators_per_node": 8,
                    "accelerator_memory_capacity": "192 GB",
                    "accelerator_memory_type": "HBM3",
                }
            ],
        }
    ],
}


def written(folder: Path, value: Any) -> Path:
    path = folder / "sysinfo.json"
    path.write_text(json.dumps(value))
    return path


def test_the_flat_shape(tmp_path: Path) -> None:
    found = read_import(written(tmp_path, FLAT))
    assert found["accelerators_per_node"] == "8" and found["host_processor_core_count"] == "56"
    assert set(found) <= set(FIELDS)
    # what it could not see is not an answer
    assert not {"accelerator_frequency", "host_networking", "cooling", "system_type"} & set(found)


def test_the_nested_shape(tmp_path: Path) -> None:
    found = read_import(written(tmp_path, NESTED))
    assert found["host_processor_model_name"] == "AMD EPYC 9654"
    assert found["accelerator_model_name"] == "AMD Instinct MI300X"
    assert found["accelerator_memory_configuration"] == "HBM3"
    assert "host_storage_capacity" not in found


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"node_types": []}, "0 kinds of node"),
        ({"node_types": [{}, {}]}, "2 kinds of node"),
        ({"node_types": 7}, "no kinds of node"),
        ({"node_types": [7]}, "1 kinds of node"),
        ({"node_types": [{"accelerator_info": [{}, {}]}]}, "2 kinds of accelerator"),
        ({"hello": "world"}, "none of the fields"),
        ({"cooling": {"a": 1}, "framework": [1]}, "none of the fields"),
        ([1, 2], "JSON object"),
    ],
)
def test_what_is_no_description(tmp_path: Path, value: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read_import(written(tmp_path, value))


def test_stated_fields_are_typed_and_the_entrys_own_stay() -> None:
    probed = Detected(
        {"cooling": "not probed", "framework": "x"}, {"cooling": "unknown", "framework": "probed"}
    )
    found = with_answers(probed, {"cooling": "air", "submitter": "Somebody"})
    assert found.fields == {"cooling": "air", "framework": "x"}
    assert found.provenance == {"cooling": "typed", "framework": "probed"}


def test_answers_are_parsed() -> None:
    assert parse_answers(("cooling=air", "hw_notes=a = b")) == {"cooling": "air", "hw_notes": "a = b"}
    for pair, why in (
        ("cooling", "FIELD=VALUE"),
        ("coolin=air", "did you mean cooling"),
        ("submitter=x", "not a field"),
    ):
        with pytest.raises(UserError) as caught:
            parse_answers((pair,))
        assert why in str(caught.value)


def test_detect_takes_them(tmp_path: Path) -> None:
    out = tmp_path / "box.json"
    flat = written(tmp_path, FLAT)
    code, output = invoke(system, "detect", "--from", flat, "--set", "cooling=liquid", "--out", out)
    assert code == ExitCode.OK
    fields = json.loads(out.read_text())
    assert tuple(fields) == FIELDS and fields["submitter"] == "your-organisation"
    assert (fields["cooling"], fields["accelerators_per_node"]) == ("liquid", "8")
    seen = len(detect().accelerators)
    assert ("note: " in output and "accelerators_per_node" in output) == (seen != 8)
    value = json.loads(invoke(system, "detect", "--set", "cooling=air", "--json")[1])
    assert value["provenance"]["cooling"] == "typed" and value["fields"]["cooling"] == "air"
    assert set(value["provenance"].values()) <= {"probed", "typed", "unknown"}


def test_verify_reads_the_nested_shape(tmp_path: Path) -> None:
    _, output = invoke(system, "verify", written(tmp_path, NESTED), "--json")
    fields = {f["field"]: f for f in json.loads(output)["fields"]}
    assert fields["host_processor_model_name"]["declared"] == "AMD EPYC 9654"
