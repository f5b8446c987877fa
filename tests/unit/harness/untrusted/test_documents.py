"""What the checker takes from an untrusted run.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.untrusted.documents import Unreadable, parse_json, read_object, read_record, read_yaml
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
    # of an older harness
    built.edit_json(path, lambda record: {k: v for k, v in record.items() if k != "telemetry_problems"})
    assert read_record(path).telemetry_problems == []


def test_latin_1_is_named_with_its_byte_and_line(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes("# one\n# Jülich\n".encode("latin-1"))
    with pytest.raises(Unreadable, match=r"is not UTF-8: byte 0xfc in line 2 \(save it as UTF-8\)"):
        read_yaml(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "levels"),
        ('{"a": ' + '{"b": ' * 900 + "1" + "}" * 900 + "}", "levels|too deep"),
        ('{"a": 1e400}', "too large a number"),
        ('{"a": -1e400}', "too large a number"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        (r'{"a": "\ud800"}', "not Unicode"),
        (r'{"\udfff": 1}', "not Unicode"),
    ],
)
def test_what_no_reader_should_meet_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(Unreadable, match=why):
        read_object(path)


def test_characters_beyond_the_first_plane_are_text(tmp_path: Path) -> None:
    path = tmp_path / "face.json"
    path.write_text(r'{"a": "\ud83d\ude00"}')
    assert read_object(path) == {"a": "\U0001f600"}


def test_a_byte_order_mark_is_called_that():
    with pytest.raises(Unreadable, match=r"\(begins with a byte order mark\)"):
        parse_json(b"\xef\xbb\xbf{}")
