"""What the PCI bus shows of accelerators, and the value that describes one GPU of any vendor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.machine.host import ROOT, read_text

VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
# PCI classes: 3D controller, processing accelerator, and what AMD and Intel call their server GPUs
ACCELERATOR_CLASSES = ("0x0302", "0x1200", "0x0380")
VGA_CLASS = "0x0300"  # counts for NVIDIA only: else it is a console
NAMES = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_GENERATION = {"2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}  # GT/s


@dataclass(frozen=True)
class Gpu:
    """One GPU; None where the driver does not tell."""

    model: str
    uuid: str | None
    memory_bytes: int | None
    memory_bus_bits: int | None
    sm_clock_mhz: int | None  # maximum
    pcie: str | None  # e.g. "PCIe Gen4 x16"
    nvlinks: int | None  # active links
    mig: bool = False
    vendor: str = "NVIDIA"
    links: str | None = None  # how it is linked to the others, in words; NVIDIA: see nvlinks
    topology: str | None = None


def pci_accelerators(root: Path = ROOT) -> list[str]:
    """Accelerators on the PCI bus by vendor and name, whether or not a driver is loaded."""
    found = []
    for device in sorted(root.glob("sys/bus/pci/devices/*")):
        vendor, kind = read_text(device / "vendor") or "", (read_text(device / "class") or "")[:6]
        name = VENDORS.get(vendor)
        if name and (kind in ACCELERATOR_CLASSES or (kind == VGA_CLASS and name == "NVIDIA")):
            driver = device / "driver"
            loaded = f"driver {driver.resolve().name}" if driver.exists() else "no driver loaded"
            number = read_text(device / "device") or "?"
            known = _nvidia_name(root, device.name) or pci_name(root, vendor, number)
            what = f"{known}, device {number}" if known else f"device {number}"
            found.append(f"{name} {what} ({loaded})")
    return found


def pci_name(root: Path, vendor: str, device: str) -> str | None:
    """The device's name in the distribution's list of PCI ids, where one is installed."""
    wanted = (vendor.removeprefix("0x").lower(), device.removeprefix("0x").lower())
    for path in (root / name for name in NAMES):
        ours = False
        try:
            with path.open(errors="replace") as lines:
                for line in lines:
                    if line[:1] not in ("\t", "#", "\n"):
                        ours = line.startswith(wanted[0])
                    elif ours and line.startswith(f"\t{wanted[1]}  "):
                        return _bracketed(line[1 + len(wanted[1]) :].strip())
        except OSError:
            continue
    return None


def _bracketed(name: str) -> str:
    """The list writes "chip [product]": the product is the known name."""
    match = re.search(r"\[([^\]]+)\]", name)
    return match[1] if match else name


def _nvidia_name(root: Path, address: str) -> str | None:
    """From the NVIDIA driver itself, which says it without its library."""
    text = read_text(root / "proc/driver/nvidia/gpus" / address / "information") or ""
    match = re.search(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE)
    return re.sub(r"^NVIDIA ", "", match[1]) if match else None


def pcie_text(device: Path) -> str | None:
    """e.g. "PCIe Gen4 x16", of the fastest link the device can have."""
    speed, width = read_text(device / "max_link_speed") or "", read_text(device / "max_link_width")
    generation = _GENERATION.get(speed.split(" ")[0])
    return f"PCIe Gen{generation} x{width}" if generation and width and width != "0" else None
