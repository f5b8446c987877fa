"""Ways to damage a file: hypothesis strategies that draw a change of bytes or of a JSON value."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

BytesChange = Callable[[bytes], bytes]

ODD_TEXT = [
    "",
    "\0",
    "\x1b[2J\x1b]0;x\x07",
    "\u202e\ufffe\ufeff",
    "\ud800",
    "<script>&amp;]]>",
    "../../etc/passwd",
    "x" * 3000,
    "NaN",
    "::error::x",
]
ODD_NUMBERS = [0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, -0.0, 1e308, 5e-324]
ODD_NOTHING = [None, True, False, [], {}, [[]], [{}], {"": {}}, [None], {"value": None}]
# what Python's json writes and no standard knows, and what it reads as infinity
RAW = ["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 2000, '{"a":' * 2000, '"\\ud800"', '{"a":1,"a":2}']

odd_values = st.one_of(
    st.sampled_from(ODD_TEXT),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_NOTHING).map(copy.deepcopy),
    st.text(max_size=20),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)


def flips(size: int) -> st.SearchStrategy[BytesChange]:
    """One to eight bytes replaced."""
    pairs = st.lists(st.tuples(st.integers(0, max(size - 1, 0)), st.integers(0, 255)), min_size=1, max_size=8)

    def apply(found: list[tuple[int, int]]) -> BytesChange:
        def change(data: bytes) -> bytes:
            spoilt = bytearray(data)
            for at, value in found:
                if at < len(spoilt):
                    spoilt[at] = value
            return bytes(spoilt)

        return change

    return pairs.map(apply)


def cuts(size: int) -> st.SearchStrategy[BytesChange]:
    return st.integers(0, size).map(lambda at: lambda data: data[:at])


def insertions(size: int) -> st.SearchStrategy[BytesChange]:
    odd = st.one_of(
        st.binary(min_size=1, max_size=50),
        st.sampled_from(
            [b"\xef\xbb\xbf", b"\r\n", b"\0", b"\xff\xfe", b"\n" * 100, b"[" * 5000, b"9" * 5000]
        ),
    )
    return st.tuples(st.integers(0, size), odd).map(lambda x: lambda data: data[: x[0]] + x[1] + data[x[0] :])


def line_changes(count: int) -> st.SearchStrategy[BytesChange]:
    """A line removed, doubled, exchanged with another, or the ends of all lines made CRLF."""
    lines = st.integers(0, max(count - 1, 0))

    def build(how: str, one: int, other: int) -> BytesChange:
        def change(data: bytes) -> bytes:
            found = data.split(b"\n")
            a, b = one % len(found), other % len(found)
            if how == "remove":
                del found[a]
            elif how == "double":
                found.insert(b, found[a])
            elif how == "swap":
                found[a], found[b] = found[b], found[a]
            else:
                return data.replace(b"\n", b"\r\n")
            return b"\n".join(found)

        return change

    return st.builds(build, st.sampled_from(["remove", "double", "swap", "crlf"]), lines, lines)


def byte_changes(data: bytes) -> st.SearchStrategy[BytesChange]:
    size = len(data)
    return st.one_of(flips(size), cuts(size), insertions(size), line_changes(data.count(b"\n")))


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        _places(value[key], found)
    return found


@st.composite
def json_changes(draw: st.DrawFn, value: Any) -> str:
    """The JSON text of `value` with one to three places replaced, removed, or written as no JSON is."""
    spoilt = copy.deepcopy(value)
    raw = {}
    for number in range(draw(st.integers(1, 3))):
        places = _places(spoilt, [])
        if not places:
            break
        parent, key = places[draw(st.integers(0, len(places) - 1))]
        how = draw(st.sampled_from(["replace", "replace", "remove", "raw", "key"]))
        if how == "remove":
            del parent[key]
        elif how == "raw":
            mark = f"raw-{number}-mark"
            raw[mark] = draw(st.sampled_from(RAW))
            parent[key] = mark
        elif how == "key" and isinstance(parent, dict):
            parent[draw(st.sampled_from([*ODD_TEXT, "schema", "value", "key"]))] = parent.pop(key)
        else:
            parent[key] = draw(odd_values)
    text = json.dumps(spoilt)
    for mark, instead in raw.items():
        text = text.replace(f'"{mark}"', instead)
    return text
