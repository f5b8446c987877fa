"""AMD GPUs that can compute, from the files of the amdgpu driver: no ROCm library and no root needed.

/sys/class/drm/card*/device has memory, clocks and PCIe of each; /sys/class/kfd/kfd/topology says which can
compute and how they are linked (io_links of type 11 are XGMI, AMD's Infinity Fabric between GPUs).
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.machine.host import ROOT, read_int, read_text
from harness.machine.pci import Gpu, pci_name, pcie_text

AMD = "0x1002"
XGMI = 11  # io_link type in the kernel's kfd_crat.h
# an integrated GPU shares the host's memory and shows a few hundred MiB as its own
MEMORY_OF_A_CARD_BYTES = 4 << 30


def amd_gpus(root: Path = ROOT) -> list[Gpu]:
    """GPUs with the amdgpu driver that its compute part (KFD) lists, in the order of their cards.

    One whose memory cannot be read is there all the same.
    """
    compute = _compute_nodes(root)
    found = []
    for card in sorted(root.glob("sys/class/drm/card*"), key=lambda p: (len(p.name), p.name)):
        device = card / "device"
        if not re.fullmatch(r"card\d+", card.name) or read_text(device / "vendor") != AMD:
            continue
        memory = read_int(device / "mem_info_vram_total")
        address = device.resolve().name
        if _location(address) not in compute or (memory is not None and memory < MEMORY_OF_A_CARD_BYTES):
            continue
        found.append(_gpu(root, device, memory, compute[_location(address)]))
    return found


def _gpu(root: Path, device: Path, memory: int | None, links: int) -> Gpu:
    name = read_text(device / "product_name") or pci_name(root, AMD, read_text(device / "device") or "")
    clocks = [int(mhz) for mhz in re.findall(r"(\d+)\s*Mhz", read_text(device / "pp_dpm_sclk") or "", re.I)]
    identity = read_text(device / "unique_id")
    return Gpu(
        model=f"AMD {re.sub(r'^AMD ', '', name)}"
        if name
        else f"AMD device {read_text(device / 'device') or '?'}",
        uuid=f"GPU-{identity}" if identity else None,
        memory_bytes=memory,
        memory_bus_bits=None,
        sm_clock_mhz=max(clocks, default=None),
        pcie=pcie_text(device),
        nvlinks=None,
        vendor="AMD",
        links=f"Infinity Fabric (XGMI), {links} links per GPU" if links else None,
    )


def _location(address: str) -> int | None:
    """0000:c1:00.0 as KFD writes it: bus << 8 | device << 3 | function."""
    match = re.fullmatch(r"[0-9a-f]{4,8}:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", address)
    return int(match[1], 16) << 8 | int(match[2], 16) << 3 | int(match[3]) if match else None


def _compute_nodes(root: Path) -> dict[int | None, int]:
    """XGMI links of each GPU node, by its place on the PCI bus."""
    found: dict[int | None, int] = {}
    for node in root.glob("sys/class/kfd/kfd/topology/nodes/*"):
        properties = _properties(node / "properties")
        if properties.get("simd_count") and "location_id" in properties:
            links = node.glob("io_links/*/properties")
            found[properties["location_id"]] = sum(_properties(p).get("type") == XGMI for p in links)
    return found


def _properties(path: Path) -> dict[str, int]:
    rows = (line.split() for line in (read_text(path) or "").splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
