"""Power sensors in the kernel's hwmon tree: /sys/class/hwmon/hwmon*/power*_{input,average} in microwatts.

Most of them measure a part (an AMD GPU, a supply rail). Only those known to measure the node's input are
given the scope "node": the ACPI power meter (chip "power_meter") unless it says that it
measures something else (power*_oem_info: "CPU Power Socket 0" on NVIDIA Grace; power*_is_battery), and IBM's
"System" sensor (chip "ibmpowernv"). Drivers of the older kind keep their files in hwmon*/device/, for years the ACPI
power meter among them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.words import plural
from harness.telemetry.sources.base import QuantitySpec, Source, SourceUnavailable, Subject
from harness.telemetry.sources.node_power import (
    NODE,
    NODE_POWER,
    ReadingFailed,
    Remarks,
    interval_s,
    names_a_part,
    watts,
)

HWMON = Path("/sys/class/hwmon")
_SENSOR = re.compile(r"power(\d+)_(input|average)\Z")
WATT_PER_UNIT = 1e-6


@dataclass(frozen=True)
class _Sensor:
    spec: QuantitySpec
    path: Path
    described: str


class HwmonSource(Source):
    """Watts of every power sensor that can be read."""

    name = "hwmon"
    subject = Subject.NODE_POWER
    preference = 3

    def __init__(self, root: Path = HWMON) -> None:
        self.interval_s = interval_s()
        self._root = root
        self._sensors: list[_Sensor] = []
        self._remarks = Remarks()

    def open(self) -> None:
        """Find the sensors that can be read. Raises SourceUnavailable when there are none."""
        found: list[_Sensor] = []
        denied = 0
        for chip in sorted(self._root.glob("hwmon*"), key=_number):
            for sensor in _sensors(chip) or _sensors(chip / "device", chip.name):
                try:
                    sensor.path.read_text()
                except PermissionError:
                    denied += 1
                except (OSError, UnicodeDecodeError) as error:
                    why = error.strerror if isinstance(error, OSError) else "not a text"
                    self._remarks.add(f"hwmon {sensor.spec.key} cannot be read: {why}")
                else:
                    found.append(sensor)
        self._sensors = _distinct(found, self._remarks)
        if not self._sensors:
            why = f"{self._root} has no power sensor"
            fix = "on a server with an ACPI power meter: `modprobe acpi_power_meter`"
            if denied:
                why = f"{plural(denied, 'power sensor')} may be read by root only"
                fix = "an administrator can make power*_input and power*_average readable"
            raise SourceUnavailable("no power sensors", why, fix)

    def quantities(self) -> list[QuantitySpec]:
        """The power of each sensor."""
        return [sensor.spec for sensor in self._sensors]

    def read(self) -> Sequence[float | None]:
        """Watts of each sensor now."""
        return [self._read(sensor) for sensor in self._sensors]

    def _read(self, sensor: _Sensor) -> float | None:
        what = f"hwmon {sensor.spec.key}"
        try:
            value = int(sensor.path.read_text()) * WATT_PER_UNIT
            # a part may be switched off, a node that runs this is not
            known = watts(value) if sensor.spec.scope == NODE else watts(value, 0.0) if value else value
        except (OSError, ValueError, ReadingFailed) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self._remarks.failed(what, reason)
            return None
        self._remarks.works(what)
        return known

    def notes(self) -> list[str]:
        """Sensors that cannot be read, and readings that failed or are back."""
        return self._remarks.take()

    def devices(self) -> dict[str, str]:
        """Chip, label and file of each sensor."""
        return {sensor.spec.scope: sensor.described for sensor in self._sensors}


def _number(chip: Path) -> int:
    digits = chip.name.removeprefix("hwmon")
    return int(digits) if digits.isdecimal() else -1


def _sensors(chip: Path, called: str = "") -> list[_Sensor]:
    """One per channel; the average where a chip has no instant reading. A chip without a name is `called` so."""
    channels: dict[str, str] = {}
    try:
        for path in chip.iterdir():
            match = _SENSOR.match(path.name)
            if match and channels.get(match[1]) != "input":
                channels[match[1]] = match[2]
    except OSError:
        return []
    name = _text(chip / "name") or _text(chip.parent / "name") or called or chip.name
    sensors = []
    for channel, kind in sorted(channels.items()):
        label = _text(chip / f"power{channel}_label") or _text(chip / f"power{channel}_oem_info")
        part = names_a_part(label) or _text(chip / f"power{channel}_is_battery") not in ("", "0")
        node = (name == "power_meter" and not part) or (name == "ibmpowernv" and label == "System")
        scope = NODE if node else _scope(name, label)
        described = f"{name}{f' {label}' if label else ''}, power{channel}_{kind}"
        spec = QuantitySpec(NODE_POWER if node else "power", "W", scope)
        sensors.append(_Sensor(spec, chip / f"power{channel}_{kind}", described))
    return sensors


def _distinct(sensors: list[_Sensor], remarks: Remarks) -> list[_Sensor]:
    """Scopes that occur more than once are numbered, and then none of them is the node's."""
    counts = Counter(sensor.spec.scope for sensor in sensors)
    if counts[NODE] > 1:
        remarks.add(f"{counts[NODE]} sensors claim to measure the node: which of them does is not known")
    seen: Counter[str] = Counter()
    result = []
    for sensor in sensors:
        scope = sensor.spec.scope
        if counts[scope] > 1 or scope == "amdgpu":
            base = "power_meter" if scope == NODE else scope
            name = "power" if scope == NODE else sensor.spec.name
            spec = replace(sensor.spec, scope=f"{base}{seen[scope]}", name=name)
            seen[scope] += 1
            result.append(replace(sensor, spec=spec))
        else:
            result.append(sensor)
    return result


def _scope(name: str, label: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name if name == "amdgpu" else f"{name} {label}").strip("_")
    return plain[:60] or "sensor"


def _text(path: Path) -> str:
    try:
        return " ".join(path.read_text(errors="replace").split())[:60]
    except OSError:
        return ""
