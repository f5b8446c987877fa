"""The relay: on a node with a network, it sends the requests of a spool folder on to an authority."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from harness.core.files import write_atomic
from harness.untrusted.witness import MAX_TOKEN_BYTES
from harness.witness.authority import ANSWERED, ASKED, REFUSED, Authority, NoStamp

POLL_S = 0.2
OLD_S = 3600.0  # whoever asked has long given up


def relay_waiting(folder: Path, authority: Authority, limit_s: float, say: Callable[[str], None]) -> int:
    """Answer each request that waits in the folder now; returns how many were stamped. Raises OSError."""
    stamped = 0
    for asked in sorted(folder.glob(f"*{ASKED}")):
        answered, refused = asked.with_suffix(ANSWERED), asked.with_suffix(REFUSED)
        if asked.name.startswith(".") or answered.exists() or refused.exists():
            continue
        try:
            if time.time() - asked.stat().st_mtime > OLD_S:
                continue
            with asked.open("rb") as file:
                request = file.read(MAX_TOKEN_BYTES)
        except FileNotFoundError:  # given up meanwhile
            continue
        try:
            write_atomic(answered, authority.ask(request, limit_s))
            stamped += 1
            say(f"{asked.stem}: stamped")
        except NoStamp as why:
            write_atomic(refused, str(why))
            say(f"{asked.stem}: {why}")
    return stamped


def relay_for_ever(folder: Path, authority: Authority, limit_s: float, say: Callable[[str], None]) -> None:
    """Answer requests as they come, until interrupted. Raises OSError."""
    while True:
        relay_waiting(folder, authority, limit_s, say)
        time.sleep(POLL_S)
