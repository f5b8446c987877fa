"""The log reader: every oddity is a problem with the file's own line number, and nothing crashes it."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checker import logs
from harness.checker.logs import parse_log, read_log


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


def test_many_problems_are_bounded():
    log = parse_log(b":::MLLOG x\n" * 5000, "log")
    assert len(log.problems) == logs.MAX_PROBLEMS + 1


def test_digests_are_those_of_the_lines_without_newline():
    log = parse_log(line() + b"x\n", "log", digests=True)
    assert log.line_digests == [hashlib.sha256(part).hexdigest()[:16] for part in (line()[:-1], b"x")]
    assert log.sha256 == hashlib.sha256(line() + b"x\n").hexdigest()


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
