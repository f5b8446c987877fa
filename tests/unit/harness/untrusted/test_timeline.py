"""Arrival timelines: read at once where they are valid, and then as the strict reader reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.untrusted import documents
from harness.untrusted.documents import Unreadable, read_timeline


def row(**changes) -> bytes:
    arrival = {"line": 1, "monotonic_s": 5.25, "wall_s": 1.79e9, "source": "child", "digest": "0" * 16}
    return json.dumps({**arrival, **changes}).encode() + b"\n"


def both(tmp_path: Path, data: bytes, monkeypatch) -> tuple[object, object]:
    """What the reader says with and without its fast path."""
    path = tmp_path / "timeline.jsonl"
    path.write_bytes(data)

    def said() -> object:
        try:
            return list(read_timeline(path))
        except Unreadable as error:
            return str(error)

    fast = said()
    with monkeypatch.context() as patch:
        patch.setattr(documents, "_valid_arrivals", lambda data: None)
        return fast, said()


ODD = [
    b"",
    b"\n",
    b"x\n",
    b"[]\n",
    row()[:-1],
    row() + row(line=3),
    row() + b"\n" + row(),
    row(line="1"),
    row(line=True),
    row(line=1.0),
    row(line=10**30),
    row(monotonic_s=3),
    row(monotonic_s=10**400),
    row(wall_s=float("nan")),
    row(wall_s=float("inf")),
    row().replace(b"5.25", b"1e400"),
    row(source=None),
    row(digest=7),
    row(extra=1),
    row().replace(b'"source"', b'"line"'),
    row().replace(b'"line": 1', b'"line": 1, "line": 2'),
    row().replace(b'"line": 1', b'"line": 1, "x": ' + b"[" * 5000),
    row().replace(b"child", b"\xff"),
    row().replace(b"child", b"\\ud800"),
    row().replace(b", ", b",\r"),
    row()[:-2] + b"\n" + b'"x": 1}\n',
    b"\xef\xbb\xbf" + row(),
]


@pytest.mark.parametrize("around", [b"", row() * 2])
@pytest.mark.parametrize("data", ODD)
def test_fast_and_strict_agree_on_odd_lines(tmp_path, monkeypatch, data, around):
    fast, strict = both(tmp_path, around + data + around, monkeypatch)
    assert fast == strict


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 10**6), st.sampled_from(list(b'":,{}[] \t\n\r0a.e-\\')), st.integers(2, 4), st.booleans()
)
def test_fast_and_strict_agree_on_damaged_bytes(tmp_path, monkeypatch, at, byte, rows, insert):
    data = bytearray(row() * rows)
    at %= len(data)
    data[at : at + (0 if insert else 1)] = bytes([byte])
    fast, strict = both(tmp_path, bytes(data), monkeypatch)
    assert fast == strict


def test_a_time_that_is_no_number_is_no_arrival(tmp_path, monkeypatch):
    for odd in (float("nan"), float("inf")):
        said = both(tmp_path, row() + row(monotonic_s=odd), monkeypatch)
        assert said == ("line 2 is not an arrival",) * 2


@pytest.mark.parametrize(
    "twice", [b'"line": 1, "line": 1', b'"line" : 1, "line" : 2', b'"line": 1, "lin\\u0065": 1']
)
def test_a_key_that_is_written_twice_is_no_arrival(tmp_path, monkeypatch, twice: bytes):
    """Readers that take the first and those that take the last would see two times."""
    data = row() + row(source="a:b").replace(b'"line": 1', twice)
    assert both(tmp_path, data, monkeypatch) == ("line 2 is not an arrival",) * 2


def test_a_sound_timeline_takes_the_fast_path(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_arrivals", None)
    path = tmp_path / "timeline.jsonl"
    path.write_bytes(row() + row(line=2))
    timeline = read_timeline(path)
    assert len(timeline) == 2
    arrival = timeline.of_line(2)
    assert arrival is not None and arrival.line == 2
    assert timeline.of_line(0) is None and timeline.of_line(3) is None


def test_arrivals_that_are_not_in_order_are_found_by_their_line(tmp_path):
    path = tmp_path / "timeline.jsonl"
    path.write_bytes(row(line=4, digest="a") + row(line=2) + row(line=4, digest="b"))
    timeline = read_timeline(path)
    assert timeline.of_line(1) is None
    last = timeline.of_line(4)
    assert last is not None and last.digest == "b"
