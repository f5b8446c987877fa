"""The log reader: every oddity is a problem with the file's own line number, and nothing crashes it."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.untrusted import logs
from harness.untrusted.logs import parse_log, read_log


def line(**changes) -> bytes:
    event = {
        "namespace": "",
        "time_ms": 1_790_000_000_000,
        "event_type": "POINT_IN_TIME",
        "key": "seed",
        "value": 7,
        "metadata": {"file": "a.py", "lineno": 1},
    }
    return b":::MLLOG " + json.dumps({**event, **changes}).encode() + b"\n"


def kinds(data: bytes) -> list[tuple[int, str]]:
    return [(p.line, p.kind) for p in parse_log(data, "log").problems]


def test_line_numbers_are_those_of_the_file():
    log = parse_log(b"hello\n" + line() + b"\n" + line(key="b"), "log")
    assert [(e.key, e.line) for e in log.events] == [("seed", 2), ("b", 4)]
    assert (log.other_lines, log.first_other_line) == (2, 1)
    assert log.problems == []


def test_windows_line_ends_and_missing_last_newline():
    log = parse_log(line().replace(b"\n", b"\r\n") + line().rstrip(), "log")
    assert len(log.events) == 2 and log.problems == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'0: :::MLLOG {"a": 1}\n', "prefix"),
        (line().replace(b"MLLOG ", b"MLLOG"), "token"),
        (line().replace(b": 7,", b": NaN,"), "not_finite"),
        (line().replace(b": 7,", b": -Infinity,"), "not_finite"),
        (line().replace(b'"value": 7', b'"value": 8, "value": 7'), "duplicate_key"),
        (line().replace(b"a.py", b"a\xff.py"), "encoding"),
        (line().replace(b"}", b"", 1), "invalid"),
        (line().rstrip() + line(), "invalid"),
        (b":::MLLOG [1]\n", "invalid"),
        (b":::MLLOG " + b"[" * 100_000 + b"\n", "invalid"),
        (line().replace(b": 7,", b": " + b"9" * 5000 + b","), "invalid"),
        (line(key=3), "invalid"),
        (line(metadata=[1]), "invalid"),
        (b":::MLLOG \n", "invalid"),
    ],
)
def test_problems(data, kind):
    assert (2, kind) in kinds(line() + data)


def test_an_event_with_a_problem_is_still_seen():
    """A NaN accuracy is a problem, but not also a missing key."""
    log = parse_log(line(key="eval_accuracy").replace(b": 7,", b": NaN,"), "log")
    assert log.events[0].key == "eval_accuracy" and log.problems


def test_long_lines_and_large_files_are_bounded(monkeypatch, tmp_path):
    monkeypatch.setattr(logs, "MAX_LINE_BYTES", 500)
    monkeypatch.setattr(logs, "MAX_FILE_BYTES", 2000)
    path = tmp_path / "result_0.txt"
    path.write_bytes(line() + line(value="x" * 600) + line() * 20)
    log = read_log(path, "result_0.txt")
    assert [(p.line, p.kind) for p in log.problems[:2]] == [(1, "truncated"), (2, "too_long")]
    assert log.sha256 is None


def test_lines_are_numbered_as_in_the_file():
    """Valid lines, a foreign one among them, and a last one without a line end."""
    data = line() * 5 + b"chatter\n" + line() * 5 + line(value="x" * 400) + line() * 2 + line()[:-1]
    log = parse_log(data, "log")
    assert [e.line for e in log.events] == [1, 2, 3, 4, 5, *range(7, 16)]
    assert (log.other_lines, log.first_other_line, log.problems) == (1, 6, [])


def test_many_problems_are_bounded():
    log = parse_log(b":::MLLOG x\n" * 5000, "log")
    assert len(log.problems) == logs.MAX_PROBLEMS + 1


def test_digests_are_those_of_the_lines_without_newline():
    log = parse_log(line() + b"x\n", "log", digests=True)
    assert log.line_digests == [hashlib.sha256(part).hexdigest()[:16] for part in (line()[:-1], b"x")]
    assert log.sha256 == hashlib.sha256(line() + b"x\n").hexdigest()


# ---------------------------------------------------------------- fast and strict agree


def strictly(data: bytes, monkeypatch: pytest.MonkeyPatch):
    """The same bytes, read by the standard library alone."""
    with monkeypatch.context() as patch:
        patch.setattr(logs, "_valid_line", lambda number, line: None)
        return parse_log(data, "log")


def exactly(log) -> str:
    """Events with the types of all values: 1, 1.0 and true are three things."""
    return repr(
        [(e.line, e.time_ms, e.event_type, e.key, e.value, e.metadata, e.namespace) for e in log.events]
    )


ODD = [
    line().replace(b"a.py", b"a\t.py"),
    line().replace(b"a.py", b"a\x00.py"),
    line().replace(b"a.py", b"a\xff.py"),
    line().replace(b"a.py", b"\\udc00"),
    line().replace(b'"lineno": 1', b'"lineno": 1, "line": 3'),
    line().replace(b'"value": 7', b'"value": 7, "line": 3'),
    line().replace(b'"namespace"', b'"key"'),
    line(value=10**20),
    line(value=-(2**63) - 1),
    line(value=2**64 - 1),
    line(time_ms=10**30),
    line(value={"a": {"b": {"c": 10**25}}}),
    line(metadata={"file": "a", "lineno": 10**22}),
    line().replace(b": 7,", b": -0,"),
    line().replace(b": 7,", b": 1e400,"),
    line().replace(b": 7,", b": 1E5,"),
    line().replace(b": 7,", b": 123456789012345678901234567890.5,"),
    line().replace(b"a.py", b"\\ud800"),
    line().replace(b"a.py", b"C:\\\\a:b"),
    line().replace(b"a.py", b'\\":\\"'),
    line().replace(b'"value"', b'"val\\u0075e"'),
    line().replace(b'"value": 7', b'"value": 8, "val\\u0075e": 7'),
    line().replace(b'"value": 7', b'"value" : 8, "value": 7'),
    line().replace(b'"value": 7', b'"value"\t: 8, "value": 7'),
    line().replace(b'"lineno": 1', b'"lineno": 1, "lineno": 1'),
    line().replace(b'"lineno": 1', b'"x": {"y": 1, "y": 2}'),
    line().replace(b'"lineno": 1', b'"x": [{"y": 1, "y": 2}]'),
    line().replace(b": 7,", b': {"a": 1, "a": 1},'),
    line().replace(b": 7,", b': {"a": {"b": {"c": 1, "c": 2}}},'),
    line().replace(b": 7,", b': [{"a": 1, "a": 2}],'),
    line().replace(b": 7,", b": " + b"[" * 40 + b"]" * 40 + b","),
    line().replace(b": 7,", b": " + b"[" * 500 + b"]" * 500 + b","),
    line().replace(b": 7,", b": " + b'{"a":' * 40 + b"1" + b"}" * 40 + b","),
    line().replace(b'"key": "seed"', b'"key": null'),
    line(extra={"a": 1}),
    line(extra=":"),
    b":::MLLOG null\n",
    b":::MLLOG 1\n",
    b':::MLLOG "text"\n',
    b":::MLLOG {}, {}\n",
    b":::MLLOG {}\n",
    b' :::MLLOG {"key": "a"}\n',
    line()[:-1] + b"  \r\n",
    line()[:-1] + b" \x0c\n",
    b"\xef\xbb\xbf" + line(),
    b"  0: " + line(),
]
# damaged lines that would be valid if they were joined with a comma
JOINED = [
    [line()[:-2] + b"\n", b':::MLLOG "a": 1}\n'],
    [line().replace(b": 7,", b": [{},")[:-1] + b"\n", b":::MLLOG {}]}\n", b":::MLLOG {},{}\n"],
    [line()[:9] + b"\n", line()[9:]],
    [
        line(value="}")[:-2].rpartition(b"}")[0] + b"}\n",
        b':::MLLOG {"}' + line(value="}").rpartition(b'"}')[2],
    ],
    [line()[:-1] + b", " + line()[9:], line().replace(b": 7,", b': {"a": 1}\n:::MLLOG {"b": 2,')],
    [line()[:-1] + b",\n", line()],
]


@pytest.mark.parametrize("code", range(0x20))
def test_msgspec_refuses_control_characters_in_strings(code):
    """The fast path builds on it."""
    for text in ('{"a": "x%cy"}', '{"a%cb": 1}', '{"a": "' + "é" * 40 + '%cy"}'):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode((text % code).encode())


@pytest.mark.parametrize("around", [b"", line() * 3])
@pytest.mark.parametrize("data", [*ODD, *map(b"".join, JOINED)])
def test_fast_and_strict_agree_on_odd_lines(data, around, monkeypatch):
    whole = around + data + around
    fast, strict = parse_log(whole, "log"), strictly(whole, monkeypatch)
    assert exactly(fast) == exactly(strict)
    assert (fast.problems, fast.other_lines) == (strict.problems, strict.other_lines)


def test_sound_logs_take_the_fast_paths(monkeypatch):
    monkeypatch.setattr(logs, "_parse_line", None)
    assert len(parse_log(line() * 5, "log").events) == 5
    assert len(parse_log(line() * 5 + line(metadata={"file": "a:b"}), "log").events) == 6


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def odd_lines(draw) -> bytes:
    """A line with any JSON in it, and sometimes a few bytes changed."""
    changes = draw(
        st.dictionaries(st.sampled_from(["time_ms", "key", "value", "metadata", "x"]), json_values)
    )
    data = bytearray(line(**changes))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        at = draw(st.integers(0, len(data) - 2))
        data[at] = draw(st.sampled_from(b'":,{}[] \t0a\\'))
    if draw(st.booleans()):
        at = draw(st.integers(9, len(data) - 2))
        data[at:at] = draw(
            st.sampled_from([b'"value":1,', b'"value" :1,', b":", b" ", b'"key":"b",', b"1" * 20])
        )
    return bytes(data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.just(line()), odd_lines()), min_size=1, max_size=4).map(b"".join))
def test_fast_and_strict_agree(monkeypatch, data):
    fast, strict = parse_log(data, "log"), strictly(data, monkeypatch)
    assert exactly(fast) == exactly(strict)
    assert (fast.problems, fast.other_lines) == (strict.problems, strict.other_lines)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60), st.just(line()), st.binary(max_size=40).map(lambda b: b":::MLLOG " + b)
        )
    )
)
def test_any_bytes(parts):
    parse_log(b"\n".join(parts), "log")
