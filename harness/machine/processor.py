"""Names of processors on machines whose /proc/cpuinfo has none (ARM): lscpu, else the part number."""

from __future__ import annotations

import json
import re
import subprocess

LIMIT_S = 5.0
# implementer and part of the main id register -> core, as ARM's and the kernel's lists (cputype.h) have them
PARTS = {
    (0x41, 0xD03): "ARM Cortex-A53",
    (0x41, 0xD08): "ARM Cortex-A72",
    (0x41, 0xD0B): "ARM Cortex-A76",
    (0x41, 0xD0C): "ARM Neoverse N1",
    (0x41, 0xD40): "ARM Neoverse V1",
    (0x41, 0xD49): "ARM Neoverse N2",
    (0x41, 0xD4F): "ARM Neoverse V2",
    (0x41, 0xD84): "ARM Neoverse V3",
    (0x41, 0xD8E): "ARM Neoverse N3",
    (0x43, 0x0AF): "Cavium ThunderX2",
    (0x46, 0x001): "Fujitsu A64FX",
    (0x46, 0x003): "Fujitsu MONAKA",
    (0x48, 0xD01): "HiSilicon Kunpeng 920",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
}


def lscpu_model() -> str | None:
    """The model by lscpu, which also asks the firmware ("BIOS Model name"); None without lscpu."""
    try:
        done = subprocess.run(
            ["lscpu", "-J"], capture_output=True, text=True, errors="replace", timeout=LIMIT_S
        )
        rows = json.loads(done.stdout)["lscpu"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    found = dict(_flat(rows))
    for field in ("BIOS Model name:", "Model name:"):
        name = re.sub(r"\s+CPU @ .*$", "", " ".join(found.get(field, "").split()))
        if name and name != "-" and "not specified" not in name.lower():
            return name
    return None


def _flat(rows: object) -> list[tuple[str, str]]:
    """Newer versions of lscpu nest their fields."""
    found: list[tuple[str, str]] = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            if isinstance(row.get("field"), str) and isinstance(row.get("data"), str):
                found.append((row["field"], row["data"]))
            found += _flat(row.get("children"))
    return found


def arm_core(cpuinfo: str, board: str | None) -> str | None:
    """e.g. "ARM Neoverse V2", with the board that the firmware names; numbers where the core is unknown."""
    part = _hexadecimal(cpuinfo, "CPU part")
    implementer = _hexadecimal(cpuinfo, "CPU implementer")
    if part is None or implementer is None:
        return None
    name = PARTS.get((implementer, part), f"ARM implementer {implementer:#x} part {part:#x}")
    return f"{name} ({board})" if board else name


def _hexadecimal(cpuinfo: str, key: str) -> int | None:
    match = re.search(rf"^{key}\s*:\s*(0x[0-9a-fA-F]+)\s*$", cpuinfo, re.MULTILINE)
    return int(match[1], 16) if match else None
