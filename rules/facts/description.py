"""What rules read in a system description."""

from __future__ import annotations

from typing import Any

from rules.ruleset import Ruleset


def status_category(value: Any, ruleset: Ruleset) -> str | None:
    """The category a status means, by its full name or an accepted short one."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    by_name = {name.lower(): name for name in ruleset.system.statuses}
    return by_name.get(text.lower()) or ruleset.system.status_aliases.get(text.lower())


def lowered(value: Any) -> str:
    """A text in small letters; empty for anything else."""
    return value.strip().lower() if isinstance(value, str) else ""
