"""Which sources there are, and what stands in for one that does not work."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from harness.telemetry.sources import registry
from harness.telemetry.sources.base import QuantitySpec, Source
from harness.telemetry.sources.processors import CoreSource
from harness.telemetry.sources.rapl import RaplSource


def test_every_source_is_found_in_its_file_and_listed_by_subject() -> None:
    some = ["psutil", "psutil_cores", "process", "nvml", "nvml_state", "rapl", "sampler"]
    known = [*some, "redfish", "ipmi", "hwmon"]  # more may be added
    assert [name for name in registry.FACTORIES if name in known] == known
    assert [name for name in registry.NODE_POWER_SOURCES if name in known] == ["redfish", "ipmi", "hwmon"]


def test_every_source_can_be_made_without_arguments() -> None:
    assert {name: made().name for name, made in registry.FACTORIES.items()} == {
        name: name for name in registry.FACTORIES
    }


def test_a_source_that_cannot_open_becomes_a_null_source(tmp_path: Path) -> None:
    source = registry.open_source(RaplSource(tmp_path))
    assert source.name == "rapl"
    assert source.quantities() == [] and list(source.read()) == []
    assert source.unavailable is not None and "intel-rapl" in str(source.unavailable)


def test_a_defect_in_one_source_does_not_stop_the_others() -> None:
    class Broken(Source):
        name = "broken"

        def open(self) -> None:
            raise ZeroDivisionError("oops")

        def quantities(self) -> list[QuantitySpec]:
            return []

        def read(self) -> list[float | None]:
            return []

    source = registry.open_source(Broken())
    assert source.unavailable is not None
    assert "ZeroDivisionError: oops" in source.unavailable.why


def test_unknown_source_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown source nvlm: known are psutil"):
        registry.open_all(["nvlm"])


def test_a_source_without_quantities_becomes_a_null_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where /proc/stat is empty: the file of a run could not be read again with such a group in it."""
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu=False: [])
    opened = registry.open_source(CoreSource())
    assert opened.unavailable is not None and "no quantity" in str(opened.unavailable)
