"""Many lines of JSON parsed in one call: a call for each line would cost more than the parsing."""

from __future__ import annotations

import random
from typing import Any

import orjson

_SEPARATOR = random.SystemRandom().randrange(10**15, 10**16)
LIMIT_BYTES = 1 << 20  # beyond it nothing is gained, and a second copy of the text costs memory


def values_of_lines(data: bytes, prefix: bytes = b"") -> list[Any] | None:
    """The JSON value of each line after its prefix, or None: the lines have to be looked at one by one.

    None means that some line is not exactly one JSON value, that the text does not end with a line end,
    or that it is long. Lines are joined by a number that nobody can know in advance. As it has to come
    back between all values, on the outermost level, two damaged lines cannot pass for one sound line.
    """
    if not data.startswith(prefix) or not data.endswith(b"\n") or not 1 < len(data) <= LIMIT_BYTES:
        return None
    try:
        joined = data[len(prefix) : -1].replace(b"\n" + prefix, b",%d," % _SEPARATOR)
        found: list[Any] = orjson.loads(b"[%b]" % joined)
    except ValueError:
        return None
    lines = data.count(b"\n")
    separated = len(found) == 2 * lines - 1 and found[1::2].count(_SEPARATOR) == lines - 1
    return found[::2] if separated else None
