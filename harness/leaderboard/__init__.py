"""The leaderboard: a site of what the checker passes, with scope and source beside every number."""

from __future__ import annotations

from harness.leaderboard.build import build_leaderboard

__all__ = ["build_leaderboard"]
