"""Line coverage of the last test run with --cov, one line for each package: python -m tests.support.coverage_table"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage

from tests.support import ROOT


@dataclass(frozen=True)
class Lines:
    """Executable lines, and those of them that were not run."""

    lines: int = 0
    missed: int = 0

    def __add__(self, other: Lines) -> Lines:
        return Lines(self.lines + other.lines, self.missed + other.missed)

    @property
    def percent(self) -> float:
        """Share of the lines that were run."""
        return 100 * (1 - self.missed / self.lines) if self.lines else 100.0


def package_of(file: Path) -> str:
    """harness/report of harness/report/panels/energy.py; the top folder for files that lie in it."""
    return "/".join(file.relative_to(ROOT).parent.parts[:2])


def measured() -> dict[str, Lines]:
    """Lines of each package, by its name."""
    coverage = Coverage()
    coverage.load()
    found: dict[str, Lines] = {}
    for file in coverage.get_data().measured_files():
        _, lines, _, missed, _ = coverage.analysis2(file)
        package = package_of(Path(file))
        found[package] = found.get(package, Lines()) + Lines(len(lines), len(missed))
    return found


def table(packages: Mapping[str, Lines]) -> str:
    """A line for each package, and one for all."""
    rows = [*sorted(packages.items()), ("together", sum(packages.values(), Lines()))]
    return "\n".join(f"{name:<28}{each.lines:>7} lines {each.percent:>6.1f} %" for name, each in rows)


if __name__ == "__main__":
    print(table(measured()))
