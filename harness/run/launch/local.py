"""This machine: one worker is a plain child process, several are kept together by the supervisor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from harness.plan.recipe import Recipe
from harness.run.launch.base import SUPERVISOR, Launcher
from harness.run.launch.cluster import local_workers


class LocalLauncher(Launcher):
    """One machine without a batch system."""

    here: ClassVar[bool] = True

    @classmethod
    def at_hand(cls, recipe: Recipe, environment: Mapping[str, str]) -> Launcher:
        """This machine; it is always there."""
        return cls(recipe.devices, ["localhost"], ["127.0.0.1"], "localhost")

    def command(self, command: list[str]) -> list[str]:
        """The command itself, or the supervisor of several workers."""
        return command if self.devices.workers == 1 else [*SUPERVISOR, *command]

    def on_node(self, node: int) -> list[str]:
        """Nothing: the only node is this one."""
        return []

    def workers(self) -> list[str]:
        """Addresses at ports of this machine that are free now."""
        return local_workers(self.devices.workers)
