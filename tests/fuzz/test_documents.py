"""YAML, JSON, timelines and manifests, untrusted: a value of the promised type, or one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.check.replay_data import data_section
from harness.core.errors import UserError, WrongData
from harness.package.manifest import read_manifest
from harness.plan.recipe import Recipe, load_recipe
from harness.untrusted import documents
from harness.untrusted.documents import Unreadable
from harness.untrusted.plain_yaml import load_yaml
from rules.model.evidence import RunRecord
from rules.model.log import Arrival
from rules.model.package import Dataset
from tests.fuzz.mutate import RAW, byte_changes, json_changes
from tests.fuzz.profile import cases


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("documents") / "file"


def one_line(reason: object) -> None:
    text = str(reason)
    assert text and "\n" not in text and len(text) < 1000


# ---------------------------------------------------------------- JSON

READERS: list[tuple[str, Any, type]] = [
    ("record", documents.read_record, RunRecord),
    ("record", documents.read_failed, RunRecord),
    ("dataset", documents.read_dataset, Dataset),
    ("system_json", documents.read_object, dict),
]


@pytest.mark.parametrize(("name", "read", "kind"), READERS, ids=["record", "failed", "dataset", "system"])
@cases(40)
@given(data=st.data())
def test_json_files(closed, place, name, read, kind, data):
    files = closed.run_files(0)
    before = (files.record if name == "record" else getattr(closed.layout, name)).read_bytes()
    if data.draw(st.booleans()):
        after = data.draw(byte_changes(before))(before)
    else:
        after = data.draw(json_changes(json.loads(before))).encode("utf-8", "surrogatepass")
    place.write_bytes(after)
    try:
        assert type(read(place)) is kind
    except Unreadable as reason:
        one_line(reason)


@cases(100)
@given(
    st.one_of(st.binary(max_size=200), st.lists(st.sampled_from([*"[]{},: \n", '"a"', *RAW])).map("".join))
)
def test_any_json(text):
    try:
        value = documents.parse_json(text if isinstance(text, bytes) else text.encode())
    except Unreadable as reason:
        one_line(reason)
    else:
        json.dumps(value)


@pytest.mark.parametrize("piece", ["{},", "0,", "[],", '"",'])
def test_small_text_of_many_values(piece):
    text = "[" + piece * (documents.MAX_JSON_BYTES // len(piece) - 2) + "0]"
    with pytest.raises(Unreadable, match="more than"):
        documents.parse_json(text.encode())


@cases(60)
@given(data=st.data())
def test_timelines(closed, place, data):
    before = closed.run_files(0).timeline.read_bytes()
    if data.draw(st.booleans()):
        after = data.draw(byte_changes(before))(before)
    else:
        after = data.draw(json_changes(json.loads(before.splitlines()[0]))).encode()
    place.write_bytes(after)
    try:
        found = documents.read_timeline(place)
    except Unreadable as reason:
        one_line(reason)
    else:
        assert {type(a) for a in found} <= {Arrival} and {type(a.wall_s) for a in found} <= {float}


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_timeline_of_nothing_but_lines(place, end):
    place.write_bytes(end * (documents.MAX_ARRIVALS + 1))
    with pytest.raises(Unreadable, match="more than"):
        documents.read_timeline(place)


# ---------------------------------------------------------------- YAML

YAML_PIECES = st.sampled_from(
    [
        *"[]{},:-?|>#&*!%@`'\" \n\t",
        *("- ", ": ", "? ", "&a ", "*a", "<<: ", "!!python/name:os.system ", "!!int ", "!!binary ", "!!set "),
        *(
            "a",
            "runs",
            "division: ",
            "data: ",
            "1",
            "0x1",
            "1:59",
            "2001-02-30",
            ".inf",
            ".nan",
            "~",
            "\0",
            "\ufeff",
        ),
        *("9" * 50, "--- ", "...\n", "%YAML 9.9\n", "  ", "    "),
    ]
)


def recipe_or_reason(place: Path) -> None:
    try:
        documents.read_yaml(place)
    except Unreadable as reason:
        one_line(reason)
    try:
        assert isinstance(load_recipe(place), Recipe)
    except UserError as reason:
        assert reason.message


@cases(150)
@given(st.one_of(st.lists(YAML_PIECES, max_size=30).map("".join), st.text(max_size=60)))
def test_any_yaml(place, text):
    place.write_bytes(text.encode("utf-8", "surrogatepass"))
    recipe_or_reason(place)


@cases(60)
@given(data=st.data())
def test_changed_recipes(closed, place, data):
    before = closed.layout.recipe.read_bytes()
    if data.draw(st.booleans()):
        after = data.draw(byte_changes(before))(before)
    else:
        after = data.draw(json_changes(yaml.safe_load(before))).encode("utf-8", "surrogatepass")
    place.write_bytes(after)
    recipe_or_reason(place)


def _laughs(form: str) -> str:
    """Ten levels of nine: a kilobyte that stands for 3 billion values."""
    first, each = ("a: &a [x,x,x]", "[{}]") if form == "list" else ("a: &a {k: 1, l: 2}", "{{<<: [{}]}}")
    names = "abcdefghijk"
    later = [
        f"{c}: &{c} " + each.format(",".join([f"*{p}"] * 9)) for p, c in zip(names, names[1:], strict=False)
    ]
    return "\n".join([first, *later])


@pytest.mark.parametrize(
    "text",
    [
        _laughs("list"),
        _laughs("merge"),
        "a: &a [*a]",
        "a: 1" + ":59" * 80_000,  # base 60, in quadratic time
        "a: 0x" + "f" * 200_000,
        "[" * 200_000,
        "- " * 100_000,
        "? " * 100_000,
        "{" * 50_000 + "}" * 50_000,
        "a: !!python/object/apply:os.system [id]",
        "runs: 1\nruns: 5",
        "a: !!int ''",
        "a: !!float ''",
        "a: !!bool x",
        "a: !!timestamp x",
    ],
    ids=[
        "laughs",
        "merge",
        "self",
        "base60",
        "hex",
        "flow",
        "block",
        "question",
        "curly",
        "python",
        "twice",
        "int",
        "float",
        "bool",
        "date",
    ],
)
def test_yaml_that_means_more_than_it_says(place, text):
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
    place.write_text(text)
    with pytest.raises(Unreadable, match="not plain YAML"):
        documents.read_yaml(place)
    with pytest.raises(UserError, match="not valid YAML"):
        load_recipe(place)


# ---------------------------------------------------------------- manifest, data set for a replay


@cases(100)
@given(data=st.data())
def test_manifests(closed, place, data):
    before = closed.layout.manifest.read_bytes()
    after = data.draw(
        st.one_of(byte_changes(before).map(lambda change: change(before)), st.binary(max_size=200))
    )
    place.write_bytes(after)
    try:
        listed = read_manifest(place)
    except ValueError as reason:
        one_line(reason)
    else:
        assert not any(name.startswith("/") or ".." in name.split("/") for name in listed)


@pytest.mark.parametrize("name", ["x" * 5000, "x\0y", "../x", "/x", ""])
def test_a_replay_finds_no_scene_of_an_odd_name(closed, tmp_path, name):
    dataset = documents.read_dataset(closed.layout.dataset)
    odd = [replace(dataset, profile=name), replace(dataset, train=[replace(dataset.train[0], name=name)])]
    for one in odd:
        with pytest.raises(WrongData):
            data_section(one, tmp_path, lambda *_: None)


@cases(60)
@given(data=st.data())
def test_a_description_never_leads_a_replay_astray(closed, place, data):
    """dataset.json names no file outside of --data and asks for no absurd amount of work."""
    place.write_text(
        data.draw(json_changes(json.loads(closed.layout.dataset.read_bytes()))), errors="replace"
    )
    try:
        dataset = documents.read_dataset(place)
    except Unreadable:
        return
    with pytest.raises(WrongData):
        data_section(dataset, place.parent, lambda *_: None)
