"""What this machine's processors, memory, disks, network and system are, without root.

Everything comes from files the kernel shows to everyone (/proc, /sys) and from psutil; where those
are missing (not Linux) the answer is None or empty, never a guess. `root` is / except in tests.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from harness.machine.processor import arm_core, lscpu_model

ROOT = Path("/")
UNKNOWN_SPEED = 2**32 - 1  # SPEED_UNKNOWN of Linux' ethtool.h, -1, as some drivers print it
# what boards have in their firmware's table where nobody wrote a name
_NOT_FILLED_IN = re.compile(
    r"to be filled by o\.?e\.?m\.?|default string|system (?:manufacturer|product name)|not (?:specified|applicable)|"
    r"none|unknown|o\.e\.m\.|n/a|[0x. -]*",
    re.IGNORECASE,
)


def read_text(path: Path) -> str | None:
    """The file's text without its line end, or None when it cannot be read or is empty."""
    try:
        return path.read_text(errors="replace").strip("\n\0 ") or None
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """The integer in the file (0x... for hexadecimal), or None."""
    text = read_text(path)
    try:
        return int(text, 0) if text else None
    except ValueError:
        return None


# ---------------------------------------------------------------- processors


@dataclass(frozen=True)
class Processors:
    """`cores` and `threads` are per processor (socket), as system descriptions count them."""

    model: str | None
    sockets: int | None
    cores: int | None
    threads: int | None
    frequency: str | None
    caches: str | None
    logical: int
    usable: int  # by this process: affinity and container limits
    hypervisor: bool


def processors(root: Path = ROOT) -> Processors:
    """The processors of this machine, from /proc/cpuinfo and /sys/devices/system/cpu."""
    info = read_text(root / "proc/cpuinfo") or ""
    packages, cores = _topology(root)
    online = cpu_list(read_text(root / "sys/devices/system/cpu/online") or "")
    logical = len(online) or psutil.cpu_count(logical=True) or os.cpu_count() or 1
    sockets = len(packages) or None
    physical = len(cores) or psutil.cpu_count(logical=False)
    return Processors(
        model=_model(info, root),
        sockets=sockets,
        cores=physical // sockets if physical and sockets else physical,
        threads=logical // sockets if sockets else logical,
        frequency=_frequency(root, info),
        caches=_caches(root),
        logical=logical,
        usable=_usable(root, logical),
        hypervisor=_is_virtual(info, root),
    )


def _topology(root: Path) -> tuple[set[int], set[tuple[int, int]]]:
    """Package numbers, and (package, core) pairs; empty where the kernel does not tell."""
    packages, cores = set(), set()
    for folder in root.glob("sys/devices/system/cpu/cpu[0-9]*/topology"):
        package, core = read_int(folder / "physical_package_id"), read_int(folder / "core_id")
        if package is not None and package >= 0 and core is not None:
            packages.add(package)
            cores.add((package, core))
    return packages, cores


def _cpuinfo(info: str, key: str) -> str | None:
    match = re.search(rf"^{key}\s*:\s*(.+)$", info, re.MULTILINE)
    return " ".join(match.group(1).split()) if match else None


def _model(info: str, root: Path) -> str | None:
    """x86 and POWER say it in /proc/cpuinfo; on ARM the firmware or the core's number has to."""
    known = _cpuinfo(info, "model name") or _cpuinfo(info, "cpu")
    if known:
        return known
    name = platform.processor() if root == ROOT else ""
    other = name if name and name != platform.machine() else None
    board = read_text(root / "proc/device-tree/model")
    return (lscpu_model() if root == ROOT else None) or arm_core(info, board) or other


def _is_virtual(info: str, root: Path) -> bool:
    """x86 has a flag for it; elsewhere the firmware or the kernel names the hypervisor."""
    if re.search(r"^flags\b.*\bhypervisor\b", info, re.MULTILINE):
        return True
    vendor = (read_text(root / "sys/class/dmi/id/sys_vendor") or "").upper()
    return read_text(root / "sys/hypervisor/type") is not None or vendor in ("QEMU", "XEN", "KVM")


def _frequency(root: Path, info: str) -> str | None:
    maximum = read_int(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    if maximum:
        return f"{maximum / 1e6:.2f} GHz (maximum)"
    current = _cpuinfo(info, "cpu MHz")
    try:
        return f"{float(current) / 1e3:.2f} GHz (when probed)" if current and float(current) > 0 else None
    except ValueError:
        return None


def _caches(root: Path) -> str | None:
    parts = []
    for folder in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index*")):
        level, size = read_text(folder / "level"), read_text(folder / "size")
        kind = {"Data": "d", "Instruction": "i"}.get(read_text(folder / "type") or "", "")
        shared = len(cpu_list(read_text(folder / "shared_cpu_list") or ""))
        if level and size:
            parts.append(
                f"L{level}{kind} {_cache_size(size)}" + (f" per {shared} threads" if shared > 1 else "")
            )
    return ", ".join(parts) or None


def _cache_size(text: str) -> str:
    """ "32768K", as the kernel writes it, is "32 MiB"."""
    if not re.fullmatch(r"\d+K", text):
        return text
    kib = int(text[:-1])
    return f"{kib // 1024} MiB" if kib >= 1024 and kib % 1024 == 0 else f"{kib} KiB"


def cpu_list(text: str) -> list[int]:
    """The kernel's list notation: "0-2,8" is [0, 1, 2, 8]; anything else is an empty list."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match:
            return []
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _usable(root: Path, logical: int) -> int:
    """Threads this process may use at once: affinity, then the cgroup's quota (rounded up)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    for folder, version in _groups(root, "cpu"):
        if version == 2:
            quota = (read_text(folder / "cpu.max") or "max").split()
        else:
            quota = [read_text(folder / f"cpu.cfs_{name}_us") or "-1" for name in ("quota", "period")]
        if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit() and int(quota[1]):
            usable = min(usable, max(1, -(-int(quota[0]) // int(quota[1]))))
    return usable


# ---------------------------------------------------------------- memory


@dataclass(frozen=True)
class Memory:
    """The main memory."""

    total_bytes: int
    modules: str | None  # e.g. "16 x 32 GiB DDR4"


def memory(root: Path = ROOT) -> Memory:
    """Its size by the kernel's account, and its modules where they can be seen without root."""
    match = re.search(r"^MemTotal:\s*(\d+) kB$", read_text(root / "proc/meminfo") or "", re.MULTILINE)
    total = int(match[1]) * 1024 if match else _by_system()[0]
    return Memory(total, _modules(root))


def _by_system() -> tuple[int, int]:
    """Total and available bytes; by a system call where /proc/meminfo is hidden or broken (LXCFS)."""
    try:
        found = psutil.virtual_memory()
        return int(found.total), int(found.available)
    except (OSError, RuntimeError, LookupError, ValueError):
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")


@dataclass(frozen=True)
class UsableMemory:
    """What this process and its children may use; `limited_by` names the control group where that is less."""

    total_bytes: int
    available_bytes: int
    limited_by: str | None = None


def usable_memory(root: Path = ROOT) -> UsableMemory:
    """The machine's memory, or what the limits of the control groups above this process leave of it.

    A group's page cache counts as used there, but is given back under pressure: inactive_file is available.
    (Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.)
    """
    usable = UsableMemory(*_by_system())
    for folder, version in _groups(root, "memory"):
        limit_file, used_file = MEMORY_FILES[version]
        limit, used = read_int(folder / limit_file), read_int(folder / used_file)
        if limit is None or not 0 <= limit < usable.total_bytes:  # "max", or 2^63 in version 1: no limit
            continue
        match = re.search(
            r"^(?:total_)?inactive_file (\d+)$", read_text(folder / "memory.stat") or "", re.MULTILINE
        )
        left = limit - (used or 0) + (int(match[1]) if match else 0)
        left = max(0, min(left, limit, usable.available_bytes))
        usable = UsableMemory(limit, left, f"{folder / limit_file}")
    return usable


MEMORY_FILES = {2: ("memory.max", "memory.current"), 1: ("memory.limit_in_bytes", "memory.usage_in_bytes")}


def _groups(root: Path, controller: str) -> list[tuple[Path, int]]:
    """Folders of the control groups of this process, from the outermost, and the version of each."""
    base = root / "sys/fs/cgroup"
    found: list[tuple[Path, int]] = []
    for line in ["0::/", f"1:{controller}:/", *(read_text(root / "proc/self/cgroup") or "").splitlines()]:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = base / controller if controllers else base
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):
            found.append((top.joinpath(*parts[:depth]), 1 if controllers else 2))
    return list(dict.fromkeys(found))


def _modules(root: Path) -> str | None:
    """Memory modules as the error-correction driver lists them; the firmware's table needs root."""
    counts: dict[tuple[int, str], int] = {}
    for folder in root.glob("sys/devices/system/edac/mc/mc*/dimm*"):
        size_mib, kind = read_int(folder / "size"), read_text(folder / "dimm_mem_type") or "memory"
        if size_mib:
            counts[size_mib, kind] = counts.get((size_mib, kind), 0) + 1
    return ", ".join(f"{n} x {mib / 1024:g} GiB {kind}" for (mib, kind), n in sorted(counts.items())) or None


# ---------------------------------------------------------------- storage


@dataclass(frozen=True)
class Storage:
    """The file system that holds one folder, and the device below it."""

    path: str
    mount: str | None
    filesystem: str | None
    device: str | None  # e.g. "NVMe SSD", None when it is not a local block device
    total_bytes: int | None
    free_bytes: int | None
    is_memory: bool


def storage(folder: Path, root: Path = ROOT) -> Storage:
    """Of the folder, or of its nearest parent that exists."""
    where = folder.absolute()
    while not where.exists() and where != where.parent:
        where = where.parent
    mount, filesystem = _mount(root, where)
    known = Storage(str(where), mount, filesystem, None, None, None, filesystem in ("tmpfs", "ramfs"))
    try:
        usage, number = shutil.disk_usage(where), os.stat(where).st_dev
    except OSError:
        return known
    device = _block_device(root, os.major(number), os.minor(number))
    return replace(known, device=device, total_bytes=usage.total, free_bytes=usage.free)


def _mount(root: Path, where: Path) -> tuple[str | None, str | None]:
    """Mount point and file system type: the longest mount point that is a parent; the last one wins."""
    best: tuple[str | None, str | None] = (None, None)
    for line in (read_text(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields[4])
        if where.is_relative_to(point) and (best[0] is None or len(point) >= len(best[0])):
            best = (point, after.split()[0])
    return best


def _block_device(root: Path, major: int, minor: int) -> str | None:
    link = root / f"sys/dev/block/{major}:{minor}"
    if not link.exists():
        return None
    folder = link.resolve()
    if (folder / "partition").exists():
        folder = folder.parent
    model = read_text(folder / "device/model")
    name, path = folder.name, folder.as_posix()
    if name.startswith("nvme"):
        kind = "NVMe SSD"
    elif "/virtio" in path:
        kind = "virtual disk (virtio)"  # its `rotational` says nothing about what is below
    elif name.startswith(("md", "dm-", "zram", "loop")):
        kind = f"{re.sub(r'[-0-9]+$', '', name)} device"
    else:
        rotational = read_int(folder / "queue/rotational")
        kind = {0: "SSD", 1: "hard disk"}.get(-1 if rotational is None else rotational, "disk")
    return f"{kind}, {model.strip()}" if model else kind


# ---------------------------------------------------------------- network, system


def networks(root: Path = ROOT) -> list[str]:
    """Network devices, fastest kind first: InfiniBand ports, then interfaces; equal ones are counted."""
    found = []
    for port in sorted(root.glob("sys/class/infiniband/*/ports/*")):
        rate, state = read_text(port / "rate"), read_text(port / "state") or ""
        if rate and "ACTIVE" in state:
            kind = f"{read_text(port / 'link_layer') or 'RDMA'} {rate}"
            found.append((port.parent.parent.name, kind))
    for interface in sorted(root.glob("sys/class/net/*")):
        if not (interface / "device").exists():
            continue  # loopback, bridges, bonds
        speed = read_int(interface / "speed")
        driver = interface / "device/driver"
        kind = driver.resolve().name if driver.exists() else "network interface"
        shown = f"{speed / 1000:g} Gb/s" if speed and 0 < speed < UNKNOWN_SPEED else "speed not reported"
        found.append((interface.name, f"{kind}, {shown}"))
    kinds: dict[str, list[str]] = {}
    for name, kind in found:
        kinds.setdefault(kind, []).append(name)
    return [
        f"{len(names)} x {kind}" if len(names) > 1 else f"{names[0]} ({kind})"
        for kind, names in kinds.items()
    ]


def product(root: Path = ROOT) -> str | None:
    """Vendor and product of the machine, where the firmware's table is readable."""
    folder = root / "sys/class/dmi/id"
    parts = [read_text(folder / "sys_vendor"), read_text(folder / "product_name")]
    return " ".join(p for p in parts if p and not _NOT_FILLED_IN.fullmatch(p.strip())) or None


def operating_system(root: Path = ROOT) -> str:
    """Distribution and kernel, e.g. "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"."""
    release = read_text(root / "proc/sys/kernel/osrelease") or platform.release()
    kernel = f"{platform.system()} {release}"
    text = read_text(root / "etc/os-release") or read_text(root / "usr/lib/os-release") or ""
    match = re.search(r"^PRETTY_NAME=[\"']?(.*?)[\"']?$", text, re.MULTILINE)
    return f"{match[1]}, {kernel}" if match and match[1] else kernel


@dataclass(frozen=True)
class Host:
    """Everything above in one value."""

    name: str
    processors: Processors
    memory: Memory
    storage: Storage
    networks: list[str] = field(default_factory=list)
    product: str | None = None
    operating_system: str = ""


def host(data_dir: Path, root: Path = ROOT) -> Host:
    """This machine, with the storage that holds `data_dir`."""
    return Host(
        name=platform.node(),
        processors=processors(root),
        memory=memory(root),
        storage=storage(data_dir, root),
        networks=networks(root),
        product=product(root),
        operating_system=operating_system(root),
    )
