"""One line at the end of a test run: how many tests were skipped, and why.

Where something can be installed, the reason of a skip names the command that does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable

import pytest


def skipped_line(reasons: Iterable[str]) -> str:
    """The line for these reasons, one for each skipped test; empty without any."""
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    tests = f"{counts.total()} test{'s' if counts.total() != 1 else ''} skipped"
    return f"{tests}: " + ", ".join(f"{n} because {why}" for why, n in counts.most_common()) if counts else ""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Write the line after everything else; with xdist, of the tests of all workers."""
    yield
    found = [report.longrepr for report in terminalreporter.getreports("skipped")]
    line = skipped_line(where[2] if isinstance(where, tuple) else str(where) for where in found)
    if line:
        terminalreporter.write_line(line, yellow=True)
