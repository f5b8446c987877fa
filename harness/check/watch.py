"""Who is told how a long check goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def _nothing(*_: Any) -> None:
    pass


class Watch(msgspec.Struct, frozen=True):
    """Lines for people, and how far a task is: title, done, total."""

    say: Callable[[str], None] = _nothing
    progress: Callable[[str, int, int], None] = _nothing
