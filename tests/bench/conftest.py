"""Benchmarks: full-size scenes made once, results collected and shown at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reference.data.profiles import get_profile
from reference.data.synthetic import synthesize
from reference.protocol.spec import Geometry
from tests.bench import record
from tests.bench.record import Measurement

SCENES = 3  # training scenes; with the four test scenes 480 MB
_measured: list[Measurement] = []


@pytest.fixture(scope="session")
def measured() -> Callable[[Measurement], None]:
    """Hand a measurement in: measured(measurement(...))."""
    return _measured.append


@pytest.fixture(scope="session")
def full_size() -> Path:
    """Folder of a small full-size data set: 3 training and 4 test scenes. Made once (minutes), kept in build/."""
    return synthesize("full-size", record.ROOT / "build/bench-data", scenes=SCENES)


@pytest.fixture(scope="session")
def geometry() -> Geometry:
    return get_profile("full-size").geometry


def warm(files: list[Path]) -> None:
    """Read the files once, so that they are in the page cache."""
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while opened.read(8 << 20):
                pass


@pytest.fixture(scope="session")
def scenes(full_size: Path) -> list[Path]:
    """All seven scenes as files, in page cache: 140 training patches."""
    files = sorted(full_size.glob("**/SYN_*.hdf"))
    warm(files)
    return files


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None] | None:
    if not _measured:
        return None
    before = record.last()
    record.save(_measured)
    terminalreporter.write_line("")
    terminalreporter.write_line(record.table(_measured, before))
    terminalreporter.write_line(f"saved in {record.SAVED.relative_to(record.ROOT)}")
    return None
