"""The table of coverage that CI prints."""

from __future__ import annotations

from tests.support import ROOT
from tests.support.coverage_table import Lines, package_of, table


def test_packages_of_files() -> None:
    names = ["rules/registry.py", "rules/log/order.py", "harness/report/panels/energy.py"]
    assert [package_of(ROOT / name) for name in names] == ["rules", "rules/log", "harness/report"]


def test_a_line_each_and_one_for_all() -> None:
    rows = table({"rules/log": Lines(300, 30), "harness/cli": Lines(100, 50), "rules": Lines()}).splitlines()
    assert [row.split() for row in rows] == [
        ["harness/cli", "100", "lines", "50.0", "%"],
        ["rules", "0", "lines", "100.0", "%"],
        ["rules/log", "300", "lines", "90.0", "%"],
        ["together", "400", "lines", "80.0", "%"],
    ]
