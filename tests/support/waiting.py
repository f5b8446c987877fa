"""Waiting for something that another process or thread does.

Limits only end a test that hangs: no machine, however busy, comes near HANG_S.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

HANG_S = 1500.0  # below pytest's own limit (pyproject.toml), so that the failing wait is named
POLL_S = 0.02
Value = TypeVar("Value")


def wait_for(condition: Callable[[], Value], limit_s: float = HANG_S) -> Value:
    """The first true value of `condition`, asked again and again; fails the test after `limit_s`."""
    end_s = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            raise AssertionError(f"still waiting after {limit_s} s for {condition}")
        time.sleep(POLL_S)
    return value
