"""What the checker takes from an untrusted run.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.untrusted.documents import Unreadable, read_record, read_yaml
from tests.support.builders import build_package


def test_what_a_record_says_of_samplers_is_bounded(tmp_path: Path) -> None:
    built = build_package(tmp_path)
    path = built.run_files(0).record
    for problems, expected in (
        (["x" * 100_000, "two\nlines \x1b[31m"], ["x" * 200, "two lines  [31m"]),
        ([""] * 5000, [""] * 1000),
    ):
        built.edit_json(path, lambda record, problems=problems: record.update(telemetry_problems=problems))
        assert read_record(path).telemetry_problems == expected
    for wrong in (None, "died", [1], {"node_0": "died"}):
        built.edit_json(path, lambda record, wrong=wrong: record.update(telemetry_problems=wrong))
        with pytest.raises(Unreadable):
            read_record(path)
    built.edit_json(
        path, lambda record: {k: v for k, v in record.items() if k != "telemetry_problems"}
    )  # of an older harness
    assert read_record(path).telemetry_problems == []


def test_latin_1_is_named_with_its_byte_and_line(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes("# one\n# Jülich\n".encode("latin-1"))
    with pytest.raises(Unreadable, match=r"is not UTF-8: byte 0xfc in line 2 \(save it as UTF-8\)"):
        read_yaml(tmp_path / "recipe.yaml")
