"""Many lines of JSON parsed in one call: a call for each line would cost more than the parsing."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_CONTROL = bytes(c for c in range(0x20) if c != 0x0A)  # not allowed in JSON strings; msgspec lets them pass
LIMIT_BYTES = 1 << 20  # beyond it a second copy of the text costs memory


class LinesDecoder(Generic[T]):
    """Reads texts of which every line is one object of the same type."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]

    def decode(self, data: bytes, prefix: bytes = b"") -> list[T] | None:
        """The object of each line after its prefix, or None: the lines have to be looked at one by one.

        None means that some line is not exactly one such object, that the text does not end with a line
        end, has a list in it, or is long. Control characters are for the caller to look for.

        Lines are joined by commas, so that two damaged lines could pass for one: hence the tests. Each
        line begins with { and ends with }. No line end is inside a string (msgspec refuses it), nor,
        without lists, does { follow a comma inside an object. So objects end where lines end, each line
        has at least one, and when there are as many objects as lines, each has one.
        """
        if not data.startswith(prefix + b"{") or not data.endswith(b"}\n") or len(data) > LIMIT_BYTES:
            return None
        lines, border, comma = data.count(b"\n"), b"}\n" + prefix + b"{", b"},\n{"
        body = data[len(prefix) : -1]
        joined = body.replace(border, comma)
        everywhere = len(body) - len(joined) == (lines - 1) * (len(border) - len(comma))
        if not everywhere or b"[" in data:
            return None
        try:
            found: list[T] = self._decoder.decode(b"[%b]" % joined)
        except (ValueError, RecursionError):
            return None
        return found if len(found) == lines else None


def has_control_characters(data: bytes) -> bool:
    """Whether there are other control characters than line ends."""
    return len(data.translate(None, _CONTROL)) != len(data)
