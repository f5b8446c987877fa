"""CPU energy counters of Intel and AMD processors (RAPL), as the kernel's powercap tree shows them.

Files: /sys/class/powercap/intel-rapl:*/{name, energy_uj, max_energy_range_uj}; the tree carries that
name on AMD too. energy_uj wraps at max_energy_range_uj and is readable by root only since Linux 5.10.
A package is the processor chip, not the node: fans, disks, power supplies are not in it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, SourceUnavailable, Subject
from harness.telemetry.sources.bounds import Standstill

POWERCAP = Path("/sys/class/powercap")
# intel-rapl-mmio:* repeats the package through another register and would count it twice
_ZONE = re.compile(r"intel-rapl:(\d+)(?::(\d+))?\Z")
_PARTS = {"core": "cpu_cores", "uncore": "cpu_uncore", "dram": "dram"}
MAX_W = 10_000.0  # of one zone: processors of 2026 draw 500 W; a counter that is set anew seems to wrap
DRAWN_W = 1_000.0  # that a zone may well draw for minutes: counters of 65 kJ wrap every 65 s then
HOLE_S = 10.0
SLACK_S = 1.0  # of a reading that came late
GRANT = (
    "an administrator can allow it with `chmod -R a+r /sys/class/powercap/intel-rapl*/` "
    "(lasts until the next boot), or the run can be started as root"
)


@dataclass
class _Zone:
    spec: QuantitySpec
    path: Path
    range_uj: int
    last_uj: int | None = None
    last_s: float = 0.0
    total_uj: int = 0
    still: Standstill = field(default_factory=Standstill)


def _scope_and_name(zone_name: str, package: str) -> tuple[str, str]:
    """By what the kernel calls a zone: package-0, package-0-die-1, core, uncore, dram, psys."""
    chip = re.fullmatch(r"package-(\d+)(?:-die-(\d+))?", zone_name)
    if chip:
        return f"cpu_package{chip[1]}" + (f"_die{chip[2]}" if chip[2] else ""), "cpu_energy"
    if zone_name == "psys":
        return "platform", "platform_energy"
    scope = _PARTS.get(zone_name, re.sub(r"[^A-Za-z0-9_]", "_", zone_name))
    return f"{scope}{package}", "dram_energy" if zone_name == "dram" else "cpu_energy"


def _read_int(path: Path) -> int:
    with open(path) as file:  # Path.read_text costs twice as much, ten times a second and zone
        return int(file.read())


class RaplSource(Source):
    """Joules since the sampler started, per package and part, with the wrap-around taken out."""

    name = "rapl"
    subject = Subject.PROCESSOR_POWER
    lane = KERNEL
    slowest_s = 0.5  # the same as the power of GPUs

    def __init__(self, root: Path = POWERCAP) -> None:
        self._root = root
        self._zones: list[_Zone] = []
        self._notes: list[str] = []
        self._failed: set[Path] = set()

    def open(self) -> None:
        """Find the zones that can be read. Raises SourceUnavailable when there are none."""
        folders = sorted(p for p in self._root.glob("intel-rapl:*") if _ZONE.fullmatch(p.name))
        if not folders:
            raise SourceUnavailable(
                "no CPU energy counters",
                f"{self._root} has no intel-rapl zones (virtual machine, or not an Intel or AMD processor)",
                "nothing to do in a virtual machine; on metal load the module intel_rapl_msr",
            )
        denied = []
        for folder in folders:
            try:
                self._add(self._zone(folder), folder.name)
            except PermissionError:
                denied.append(folder.name)
            except (OSError, ValueError) as error:
                self._notes.append(f"{folder.name} cannot be read: {error}")
        if not self._zones:
            why = "energy_uj is readable by root only" if denied else "; ".join(self._notes)
            fix = GRANT if denied else "load the module intel_rapl_msr again, or update the kernel"
            raise SourceUnavailable("CPU energy counters are there but cannot be read", why, fix)
        if denied:
            self._notes.append(f"not measured, readable by root only: {', '.join(denied)}; {GRANT}")

    def _add(self, zone: _Zone, folder: str) -> None:
        if any(zone.spec.key == other.spec.key for other in self._zones):
            zone.spec = replace(zone.spec, scope=f"{zone.spec.scope}_{folder.partition(':')[2]}")
        self._zones.append(zone)

    def devices(self) -> dict[str, str]:
        """The zone of the powercap tree behind each scope."""
        return {zone.spec.scope: f"RAPL zone {zone.path.parent.name}" for zone in self._zones}

    def _zone(self, folder: Path) -> _Zone:
        match = _ZONE.fullmatch(folder.name)
        assert match is not None
        scope, name = _scope_and_name((folder / "name").read_text().strip(), match.group(1))
        energy = folder / "energy_uj"
        zone = _Zone(
            QuantitySpec(name, "J", scope, Kind.COUNTER), energy, _read_int(folder / "max_energy_range_uj")
        )
        zone.last_uj, zone.last_s = _read_int(energy), time.monotonic()
        zone.still.is_one(zone.last_uj)
        return zone

    def quantities(self) -> list[QuantitySpec]:
        """One energy counter for each zone."""
        return [zone.spec for zone in self._zones]

    def read(self) -> Sequence[float | None]:
        """Joule since the source was opened, wraps taken out."""
        return [self._joule(zone) for zone in self._zones]

    def _joule(self, zone: _Zone) -> float | None:
        try:
            now_uj = _read_int(zone.path)
        except (OSError, ValueError) as error:
            self._say_once(zone, f"reading failed: {error}")
            return None
        assert zone.last_uj is not None
        now_s = time.monotonic()
        step, elapsed_s = now_uj - zone.last_uj, now_s - zone.last_s
        if zone.still.is_one(now_uj):
            self._say_once(zone, "the counter does not count: absent, not 0 J")
            zone.last_s = now_s
            return None
        if step < 0:  # wrapped; more than one wrap between two readings cannot be seen
            step += zone.range_uj + 1
        zone.last_uj, zone.last_s = now_uj, now_s
        hole = elapsed_s > max(HOLE_S, zone.range_uj / 1e6 / DRAWN_W)
        if hole:
            self._notes.append(
                f"{zone.spec.key}: not read for {elapsed_s:.3g} s, in which it may have wrapped more than once"
            )
        elif not 0 <= step <= MAX_W * (elapsed_s + SLACK_S) * 1e6:
            self._notes.append(
                f"{zone.spec.key}: {step / 1e6:.4g} J in {elapsed_s:.3g} s: the counter was set anew"
            )
        else:
            zone.total_uj += step
            return zone.total_uj / 1e6
        zone.total_uj = 0  # what was drawn in between is not known: a counter that goes back says so
        return zone.total_uj / 1e6

    def _say_once(self, zone: _Zone, what: str) -> None:
        if zone.path not in self._failed:
            self._failed.add(zone.path)
            self._notes.append(f"{zone.spec.key}: {what}")

    def notes(self) -> list[str]:
        """Zones that cannot be read, and readings that failed, once each."""
        notes, self._notes = self._notes, []
        return notes
