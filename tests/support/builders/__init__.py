"""A compliant package on disk, made in milliseconds and without training.

Times, losses and accuracies are made up, but consistent with each other: the log, the arrival
timeline, run.json, the data set, the system description, the recipe and the manifest all agree.
Tests change one thing (`edit_events`, `edit_json`, ...) and see which rule notices; `reseal`
restores the agreement of everything that is derived from the logs, as a careful cheat would.
"""

from __future__ import annotations

from tests.support.builders.files import Lines
from tests.support.builders.header import system_fields
from tests.support.builders.options import BASE_WALL_S, BOOT_WALL_S, TARGET, PackageOptions
from tests.support.builders.package import BuiltPackage, build_package
from tests.support.builders.telemetry import write_telemetry

__all__ = [
    "BASE_WALL_S",
    "BOOT_WALL_S",
    "TARGET",
    "BuiltPackage",
    "Lines",
    "PackageOptions",
    "build_package",
    "system_fields",
    "write_telemetry",
]
