"""Many lines of JSON parsed in one call: a call for each line would cost more than the parsing."""

from __future__ import annotations

import random
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_SEPARATOR = random.SystemRandom().randrange(10**15, 10**16)
_CONTROL = bytes(c for c in range(0x20) if c != 0x0A)  # not allowed in JSON strings; msgspec lets them pass
LIMIT_BYTES = 1 << 20  # beyond it a second copy of the text costs memory


class LinesDecoder(Generic[T]):
    """Reads texts of which every line is one object of the same type."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(list[kind | int])  # type: ignore[valid-type]

    def decode(self, data: bytes, prefix: bytes = b"") -> list[T] | None:
        """The object of each line after its prefix, or None: the lines have to be looked at one by one.

        None means that some line is not exactly one such object, that the text does not end with a line
        end, that it is long, or that it has control characters. Lines are joined by a number that nobody
        can know in advance. As it has to come back between all objects, on the outermost level, two
        damaged lines cannot pass for one.
        """
        if not data.startswith(prefix) or not data.endswith(b"\n") or not 1 < len(data) <= LIMIT_BYTES:
            return None
        if has_control_characters(data):
            return None
        try:
            joined = data[len(prefix) : -1].replace(b"\n" + prefix, b",%d," % _SEPARATOR)
            found: list[Any] = self._decoder.decode(b"[%b]" % joined)
        except (ValueError, RecursionError):
            return None
        lines = data.count(b"\n")
        separated = len(found) == 2 * lines - 1 and found[1::2].count(_SEPARATOR) == lines - 1
        objects = found[::2]
        return objects if separated and not any(type(o) is int for o in objects) else None


def has_control_characters(data: bytes) -> bool:
    """Whether there are other control characters than line ends."""
    return len(data.translate(None, _CONTROL)) != len(data)
