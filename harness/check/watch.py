"""Who is told how a long check goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """Lines for people, and how far a task is: title, done, total."""

    say: Callable[[str], None] = _nothing
    progress: Callable[[str, int, int], None] = _nothing
