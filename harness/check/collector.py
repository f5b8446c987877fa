"""The garbage collector, while logs are read: they are many small objects without cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 100_000  # new objects before it looks at them; Python's default is 700
OLDER = (20, 10)


@contextmanager
def rarely() -> Iterator[None]:
    """Collect rarely inside: each line of a log would otherwise be visited several times."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *OLDER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
