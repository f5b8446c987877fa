"""The log reader: its fast paths say what its strict path says, for whatever bytes there are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.untrusted import logs
from rules.model.log import Log
from tests.fuzz.mutate import RAW, byte_changes, json_changes
from tests.fuzz.profile import cases

EVENT = {
    "namespace": "",
    "time_ms": 1790000000000,
    "event_type": "POINT_IN_TIME",
    "key": "eval_accuracy",
    "value": {"value": 0.9, "list": [1, {"a": None}]},
    "metadata": {"file": "train.py", "lineno": 7, "epoch_num": 1},
}


def strictly(data: bytes) -> Log:
    """The same bytes with every line read by the standard library."""
    log = Log("x", [], problems=logs.of_the_file(data))
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    reader = logs._Strict(log)
    for number, line in enumerate(lines, start=1):
        event = reader.line(number, line)
        if event is not None:
            log.events.append(event)
        if reader.full:
            break
    return log


def told(log: Log) -> Any:
    """What rules see of a log; repr keeps 1, 1.0, True and NaN apart."""
    return repr(log.events), log.problems, log.other_lines, log.first_other_line


def agree(data: bytes) -> None:
    fast, strict = logs.parse_log(data, "x", digests=True), strictly(data)
    assert told(fast) == told(strict)
    for event in fast.events:
        assert type(event.key) is str and type(event.metadata) is dict


@pytest.fixture(scope="module")
def real(closed) -> bytes:
    return closed.layout.result(0).read_bytes()


@cases(150)
@given(st.data())
def test_changed_logs(real, data):
    change = data.draw(st.lists(byte_changes(real), min_size=1, max_size=3))
    spoilt = real
    for one in change:
        spoilt = one(spoilt)
    agree(spoilt)


@cases(150)
@given(st.data())
def test_changed_events(real, data):
    lines = [
        b":::MLLOG " + data.draw(json_changes(EVENT)).encode() for _ in range(data.draw(st.integers(1, 4)))
    ]
    if data.draw(st.booleans()):
        lines = [*real.splitlines()[:3], *lines]
    agree(b"\n".join(lines) + data.draw(st.sampled_from([b"\n", b"", b"\r\n", b"\n\n"])))


# pieces of lines, put together as a person would who knows how the fast path decides
PIECES = st.sampled_from(
    [
        ":::MLLOG ",
        ":::MLLOG",
        "\n",
        "\r\n",
        " ",
        json.dumps(EVENT),
        '{"namespace":"","time_ms":1,"event_type":"e","key":"k","value":1,"metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":{"a":1,"a":2},"metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","key":"l","value":":","metadata":{}}',
        '{"time_ms" :1,"event_type":"e","key":"k","value":1,"metadata":{"a" :1}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":123456789012345678901,"metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":"' + "9" * 25 + '","metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":1e400,"metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":-0,"metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"\\ud800","value":"\\udc00\\ud800","metadata":{}}',
        '{"time_ms":1,"event_type":"e","key":"k","value":'
        + '{"a":' * 40
        + "1"
        + "}" * 40
        + ',"metadata":{}}',
        ",",
        "}",
        "{",
        "]",
        "\0",
        "\ufeff",
        "\u2028",
        *RAW,
    ]
)


@cases(300)
@given(st.lists(PIECES, max_size=8))
def test_pieces_of_lines(pieces):
    agree("".join(pieces).encode("utf-8", "surrogatepass"))


@cases(100)
@given(st.binary(max_size=300))
@example(b"\xff\xfe:\0:\0:\0M\0L\0L\0O\0G\0\n\0")
@example(b"\xfe\xff:::MLLOG 1\n")
def test_any_bytes(data):
    agree(data)
    agree(b":::MLLOG " + data)


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * (logs.MAX_LINES + 5),
        b":::MLLOG " + b"x" * (logs.MAX_LINE_BYTES + 1) + b"\n",
        b":::MLLOG x\n" * (logs.MAX_PROBLEMS + 5),
    ],
    ids=["lines", "long", "problems"],
)
def test_too_much_is_said(data):
    log = logs.parse_log(data, "x", digests=True)
    assert log.problems and len(log.problems) <= logs.MAX_PROBLEMS + 2
    assert len(log.line_digests or []) <= logs.MAX_LINES
