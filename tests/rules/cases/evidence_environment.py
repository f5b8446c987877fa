"""Mutations for rules about what was installed: bills of materials against records, and against each other."""

from __future__ import annotations

import json
from typing import Any

from tests.rules.cases.edits import edit_record
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage


def _set_version(built: BuiltPackage, run: int, name: str, version: str) -> None:
    def change(bill: Any) -> None:
        for component in bill["components"]:
            if component["name"] == name:
                component["version"] = version

    built.edit_json(built.run_files(run).bill, change)


@case("EVD090")
def bill_of_another_tensorflow(built: BuiltPackage) -> None:
    _set_version(built, 1, "tensorflow", "2.13.0")


@case("EVD090")
def record_of_another_python(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["software"].update(python="3.13.1"))


@case("EVD091")
def package_installed_between_runs(built: BuiltPackage) -> None:
    more = {"type": "library", "name": "faster-kernels", "version": "1.0"}
    built.edit_json(built.run_files(3).bill, lambda bill: bill["components"].append(more))


@case("EVD091")
def package_missing_in_one_run(built: BuiltPackage) -> None:
    path = built.run_files(2).bill
    kept = [c for c in json.loads(path.read_text())["components"] if c["name"] != "tensorflow"]
    built.edit_json(path, lambda bill: bill.update(components=kept))
