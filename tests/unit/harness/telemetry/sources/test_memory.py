"""Memory, swap, and the pressure on the page cache."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from harness.telemetry.sources import memory
from harness.telemetry.sources.memory import MemorySource
from harness.telemetry.sources.proc_files import PROC
from tests.support.telemetry_fakes import by_name, opened


def test_plausible_values() -> None:
    source = opened(MemorySource())
    assert 0 < by_name(source)["node.memory_used"] < psutil.virtual_memory().total
    assert {q.unit for q in source.quantities()} == {"B", "B/s", "%"}


def test_page_cache_pressure_is_a_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0, 2.0, 4.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: clock.pop(0))
    (tmp_path / "pressure").mkdir()

    def state(refault: int, stalled_us: int) -> None:
        (tmp_path / "vmstat").write_text(f"nr_free 7\npswpin 0\nworkingset_refault_file {refault}\n")
        (tmp_path / "pressure" / "memory").write_text(
            f"some avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\nfull avg10=0.00 total=0\n"
        )

    state(1000, 0)
    source = opened(MemorySource(tmp_path))
    state(1500, 400_000)
    values = by_name(source)
    assert values["node.cache_refault"] == 500 * memory.PAGE_BYTES / 2
    assert values["node.memory_stall"] == pytest.approx(20.0)
    assert values["node.swap_in"] == 0.0
    assert values["node.swap_out"] is None  # this kernel does not count it
    (tmp_path / "vmstat").write_text("nr_free 7\n")
    (tmp_path / "pressure" / "memory").write_text("")
    values = by_name(source)
    assert values["node.cache_refault"] is None and values["node.memory_stall"] is None


def test_memory_is_what_psutil_says(tmp_path: Path) -> None:
    """From /proc/meminfo where there is one, else from psutil."""
    (tmp_path / "meminfo").write_text(
        "MemTotal: 100 kB\nMemAvailable: 70 kB\nCached: 20 kB\nSReclaimable: 5 kB\nSwapTotal: 9 kB\nSwapFree: 6 kB\n"
    )
    assert MemorySource(tmp_path).read()[:3] == [30 * 1024, 25 * 1024, 3 * 1024]
    for text in (
        "MemTotal: 100 kB\n",
        "MemTotal: 100 kB\nMemAvailable: 300 kB\n",
        "MemTotal:\n",
        "nonsense\n",
        "",
    ):
        (tmp_path / "meminfo").write_text(text)
        used, _, swapped = MemorySource(tmp_path).read()[:3]
        there = psutil.virtual_memory()
        assert used == pytest.approx(there.total - there.available, rel=0.2) and swapped is not None
    if (PROC / "meminfo").exists():
        _, cached, swapped = MemorySource().read()[:3]
        assert cached == pytest.approx(psutil.virtual_memory().cached, rel=0.05)
        assert swapped == pytest.approx(psutil.swap_memory().used, rel=0.05)


def test_a_failed_reading_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = opened(MemorySource(tmp_path))

    def broken(*_: object, **__: object) -> None:
        raise OSError("gone")

    for name in ("virtual_memory", "swap_memory"):
        monkeypatch.setattr(memory.psutil, name, broken)
    assert set(source.read()) == {None}
