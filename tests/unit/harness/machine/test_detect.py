"""Probing a machine: against trees of /proc and /sys made here, and against the real one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

from harness.machine import host
from harness.machine.accelerators import Accelerators, accelerators, pci_accelerators
from harness.machine.description import compare, system_description
from harness.machine.detect import FIELDS, MAY_BE_BLANK, UNKNOWN, Detected, describe, detect, gib
from harness.machine.host import (
    Host,
    Memory,
    Processors,
    Storage,
    cpu_list,
    memory,
    networks,
    processors,
    storage,
)
from rules.model.package import NOT_PROBED
from tests.support.builders.files import tree
from tests.support.telemetry_fakes import fake_nvml


def two_sockets(root: Path) -> Path:
    files = {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC  7763 64-Core Processor\nflags\t\t: fpu\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3529000",
        "sys/devices/system/cpu/cpu0/cache/index0/level": "1",
        "sys/devices/system/cpu/cpu0/cache/index0/type": "Data",
        "sys/devices/system/cpu/cpu0/cache/index0/size": "32K",
        "sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list": "0",
        "sys/devices/system/cpu/cpu0/cache/index3/level": "3",
        "sys/devices/system/cpu/cpu0/cache/index3/type": "Unified",
        "sys/devices/system/cpu/cpu0/cache/index3/size": "32768K",
        "sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list": "0-3,8-11",
    }
    for cpu in range(8):  # 2 sockets of 2 cores of 2 threads; core numbers repeat in each socket
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id"] = str(cpu // 4)
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/core_id"] = str(cpu % 2)
    return tree(root, files)


def test_processors_are_counted_per_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.psutil, "cpu_count", lambda logical=True: 8)
    found = processors(two_sockets(tmp_path))
    assert found.model == "AMD EPYC 7763 64-Core Processor"
    assert (found.sockets, found.cores, found.threads) == (2, 2, 4)
    assert found.frequency == "3.53 GHz (maximum)"
    assert found.caches == "L1d 32 KiB, L3 32 MiB per 8 threads"
    assert not found.hypervisor


def test_container_limit_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    tree(tmp_path, {"sys/fs/cgroup/cpu.max": "150000 100000"})
    assert host._usable(tmp_path, 8) == 2
    tree(tmp_path, {"sys/fs/cgroup/cpu.max": "max 100000"})
    assert host._usable(tmp_path, 8) == 8


@pytest.mark.parametrize(
    ("text", "expected"), [("0", [0]), ("0-2,8", [0, 1, 2, 8]), ("", []), ("a-b", []), ("1,", [1])]
)
def test_cpu_list(text: str, expected: list[int]) -> None:
    assert cpu_list(text) == expected


def test_an_unreadable_machine_gives_none_and_never_a_guess(tmp_path: Path) -> None:
    found = processors(tmp_path)
    assert found.sockets is None and found.caches is None and found.frequency is None
    assert networks(tmp_path) == [] and memory(tmp_path).modules is None
    assert storage(tmp_path, tmp_path).filesystem is None
    assert pci_accelerators(tmp_path) == []


def test_memory_modules(tmp_path: Path) -> None:
    files = {}
    for index in range(4):
        files[f"sys/devices/system/edac/mc/mc0/dimm{index}/size"] = "32768"
        files[f"sys/devices/system/edac/mc/mc0/dimm{index}/dimm_mem_type"] = "Registered-DDR4"
    assert memory(tree(tmp_path, files)).modules == "4 x 32 GiB Registered-DDR4"


def test_networks(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "sys/class/infiniband/mlx5_0/ports/1/rate": "200 Gb/sec (4X HDR)",
            "sys/class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE",
            "sys/class/infiniband/mlx5_0/ports/1/link_layer": "InfiniBand",
            "sys/class/infiniband/mlx5_1/ports/1/rate": "10 Gb/sec",
            "sys/class/infiniband/mlx5_1/ports/1/state": "1: DOWN",
            "sys/class/net/eth0/speed": "25000",
            "sys/class/net/eth0/device/vendor": "x",
            "sys/class/net/eth1/speed": "-1",
            "sys/class/net/eth1/device/vendor": "x",
            "sys/class/net/lo/speed": "0",
        },
    )
    assert networks(root) == [
        "mlx5_0 (InfiniBand 200 Gb/sec (4X HDR))",
        "eth0 (network interface, 25 Gb/s)",
        "eth1 (network interface, speed not reported)",
    ]


def test_storage_finds_the_innermost_mount(tmp_path: Path) -> None:
    inner = tmp_path / "with space"
    inner.mkdir()
    escaped = str(inner).replace(" ", "\\040")
    lines = [
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        f"2 1 0:9 / {escaped} rw shared:1 - lustre mds:/x rw",
        "3 1 0:3 / /elsewhere rw - tmpfs x rw",
        "damaged line",
    ]
    root = tree(tmp_path / "root", {"proc/self/mountinfo": "\n".join(lines)})
    found = storage(inner / "not" / "there", root)
    assert (found.mount, found.filesystem, found.is_memory) == (str(inner), "lustre", False)
    assert storage(tmp_path, root).filesystem == "ext4"
    assert found.total_bytes and found.device is None


@pytest.mark.parametrize(
    ("disk", "rotational", "expected"),
    [
        ("devices/pci0/nvme/nvme0/nvme0n1", "0", "NVMe SSD, Model X"),
        ("devices/pci0/ata1/sda", "1", "hard disk, Model X"),
        ("devices/pci0/ata1/sdb", "0", "SSD, Model X"),
        ("devices/pci0/virtio1/block/vda", "1", "virtual disk (virtio), Model X"),
    ],
)
def test_block_device_kind(tmp_path: Path, disk: str, rotational: str, expected: str) -> None:
    root = tree(
        tmp_path,
        {
            f"sys/{disk}/queue/rotational": rotational,
            f"sys/{disk}/device/model": "Model X   ",
            f"sys/{disk}/part1/partition": "1",
        },
    )
    links = root / "sys/dev/block"
    links.mkdir(parents=True)
    (links / "8:0").symlink_to(root / "sys" / disk)
    (links / "8:1").symlink_to(root / "sys" / disk / "part1")
    assert host._block_device(root, 8, 0) == expected
    assert host._block_device(root, 8, 1) == expected  # a partition is its disk
    assert host._block_device(root, 9, 9) is None


# ---------------------------------------------------------------- accelerators


def test_gpus_through_nvml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100) for _ in range(4)]
    found = accelerators(tmp_path)
    assert len(found.gpus) == 4 and found.problem is None
    gpu = found.gpus[0]
    assert (gpu.model, gpu.pcie, gpu.nvlinks, gpu.mig) == (
        "NVIDIA A100-SXM4-40GB",
        "PCIe Gen4 x16",
        12,
        False,
    )
    assert gpu.memory_bytes == 40960 << 20 and gpu.memory_bus_bits == 5120
    assert (found.driver, found.cuda) == ("550.54.15", "12.4")
    assert nvml.CALLS[-1] == ("all", "shutdown")


def test_what_a_gpu_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = fake_nvml(monkeypatch)
    keep = {"name": "Old GPU", "nvlinks": 0}
    nvml.STATE["gpus"] = [{name: keep.get(name, {"error": 3}) for name in nvml.A100}]
    (gpu,) = accelerators(tmp_path).gpus
    assert asdict(gpu) == {
        "model": "Old GPU",
        "uuid": None,
        "memory_bytes": None,
        "memory_bus_bits": None,
        "sm_clock_mhz": None,
        "pcie": None,
        "nvlinks": None,
        "mig": False,
        "vendor": "NVIDIA",
        "links": None,
        "topology": None,
    }


def lose(monkeypatch: pytest.MonkeyPatch, nvml: ModuleType, gone: set[int], code: int = 15) -> None:
    def handle(index: int) -> int:
        if index in gone:
            raise nvml.NVMLError(code)
        return index

    monkeypatch.setattr(nvml, "nvmlDeviceGetHandleByIndex", handle)


def test_one_lost_gpu_does_not_take_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100) for _ in range(4)]
    lose(monkeypatch, nvml, {1})
    found = accelerators(tmp_path)
    assert len(found.gpus) == 3 and "NVIDIA GPU 1: the GPU has fallen off the bus" in (found.problem or "")
    assert "not usable here: NVIDIA GPU 1" in described(describe(machine(), found))["hw_notes"]


@pytest.mark.parametrize("case", ["all lost", "no permission", "versions differ", "not countable"])
def test_gpus_that_cannot_be_asked_are_unknown_not_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    codes = {"no permission": 4, "versions differ": 18}
    nvml = fake_nvml(monkeypatch, **({"init_error": codes[case]} if case in codes else {}))
    if case == "all lost":
        lose(monkeypatch, nvml, {0})
    if case == "not countable":
        monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: nvml.nvmlDeviceGetName(7))
        monkeypatch.setattr(nvml, "nvmlDeviceGetName", lambda _: (_ for _ in ()).throw(nvml.NVMLError(999)))
    found = describe(machine(), accelerators(tmp_path))
    assert found.fields["accelerators_per_node"] == found.fields["accelerator_model_name"] == NOT_PROBED
    assert found.provenance["accelerators_per_node"] == UNKNOWN
    assert found.facts["accelerator_problem"]
    answers = {c.field: c.agrees for c in compare({"accelerators_per_node": "4"}, found)}
    assert answers["accelerators_per_node"] is None


def test_no_driver_and_no_device_is_no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_nvml(monkeypatch, init_error=12)
    assert describe(machine(), accelerators(tmp_path)).fields["accelerators_per_node"] == "0"


def test_a_gpu_whose_name_is_not_a_text_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = fake_nvml(monkeypatch)
    monkeypatch.setattr(nvml, "nvmlDeviceGetName", lambda _: b"\xf8\x95\xa0".decode())
    (gpu,) = accelerators(tmp_path).gpus
    assert "cannot be read" in gpu.model and gpu.memory_bytes


def test_gpu_without_driver_is_seen_on_the_bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_nvml(monkeypatch, init_error=9)
    files = {}
    for slot, (vendor, kind, device) in {
        "0000:01:00.0": ("0x10de", "0x030200", "0x20b0"),
        "0000:02:00.0": ("0x1a03", "0x030000", "0x2000"),  # the console of a server
        "0000:03:00.0": ("0x8086", "0x020000", "0x1593"),  # a network card
    }.items():
        files |= {
            f"sys/bus/pci/devices/{slot}/{k}": v
            for k, v in {"vendor": vendor, "class": kind, "device": device}.items()
        }
    found = accelerators(tree(tmp_path, files))
    assert found.gpus == [] and "kernel module" in (found.problem or "")
    assert found.unusable == ["NVIDIA device 0x20b0 (no driver loaded)"]


# ---------------------------------------------------------------- description


def machine(**processor: object) -> Host:
    cpu = {
        "model": None,
        "sockets": None,
        "cores": None,
        "threads": None,
        "frequency": None,
        "caches": None,
        "logical": 2,
        "usable": 2,
        "hypervisor": False,
        **processor,
    }
    disk = Storage("/data", None, None, None, None, None, False)
    return Host("host", Processors(**cpu), Memory(2**34, None), disk)


def described(found: Detected) -> dict[str, str]:
    return system_description(found, "org", "closed", "research", "local")


def test_a_machine_that_tells_nothing_is_still_described_honestly() -> None:
    found = describe(machine(), Accelerators())
    fields = described(found)
    assert tuple(fields) == FIELDS and len(FIELDS) == 33
    assert all(isinstance(v, str) for v in fields.values())
    assert all(v for name, v in fields.items() if name not in MAY_BE_BLANK)
    assert fields["host_processor_model_name"] == NOT_PROBED == fields["cooling"]
    assert fields["host_processor_caches"] == ""
    for name, value in fields.items():
        if value in ("", NOT_PROBED):
            assert found.provenance[name] == "unknown", name
    assert fields["accelerators_per_node"] == "0"
    assert fields["accelerator_model_name"] == "N/A (no accelerator)"


def test_this_machine_end_to_end() -> None:
    found = detect()
    fields = described(found)
    assert set(fields) == set(FIELDS) == set(found.provenance)
    assert set(found.provenance.values()) <= {"probed", "typed", "unknown"}
    assert all(v for name, v in fields.items() if name not in MAY_BE_BLANK)
    assert fields["submitter"] == "org" and found.provenance["submitter"] == "typed"
    assert int(fields["number_of_nodes"]) == 1 and int(fields["accelerators_per_node"]) >= 0
    json.dumps(asdict(found), allow_nan=False)


def test_gpu_machine_is_described(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100) for _ in range(4)]
    fields = described(describe(machine(), accelerators(tmp_path)))
    assert fields["accelerators_per_node"] == "4"
    assert fields["accelerator_model_name"] == "NVIDIA A100-SXM4-40GB"
    assert fields["accelerator_memory_capacity"] == "40 GiB"
    assert fields["accelerator_interconnect"] == "NVLink, 12 active links per GPU"
    assert "NVIDIA driver 550.54.15" in fields["other_software_stack"]
    nvml.STATE["gpus"] = [dict(nvml.A100), {**nvml.A100, "name": "NVIDIA T4"}]
    mixed = described(describe(machine(), accelerators(tmp_path)))
    assert mixed["accelerator_model_name"] == "1 x NVIDIA A100-SXM4-40GB, 1 x NVIDIA T4"


def test_what_a_reader_should_know_is_in_the_notes() -> None:
    gpus = Accelerators(unusable=["NVIDIA device 0x20b0 (no driver loaded)"])
    found = describe(machine(hypervisor=True, logical=8, usable=2), gpus)
    notes = found.fields["hw_notes"]
    assert "virtual machine" in notes and "2 of 8" in notes and "0x20b0" in notes


def test_gib() -> None:
    assert gib(2**30 * 40) == "40 GiB" and gib(2**40 * 2) == "2 TiB"
    assert gib(None) is None and gib(0) is None


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/slurm/job_1\n", "sys/fs/cgroup/slurm/cpu.max": "150000 100000"},
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": "100000",
        },
    ],
    ids=["a group of a job", "version 1"],
)
def test_limits_of_any_group_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert host._usable(tree(tmp_path, files), 8) == 2


@pytest.mark.parametrize("speed", ["-1", "4294967295", "0", "unknown"])
def test_a_speed_that_is_not_known_is_not_shown(tmp_path: Path, speed: str) -> None:
    (tmp_path / "sys/class/net/eth0/device").mkdir(parents=True)
    tree(tmp_path, {"sys/class/net/eth0/speed": speed})
    assert networks(tmp_path) == ["eth0 (network interface, speed not reported)"]


def test_what_the_firmware_leaves_open_is_no_name(tmp_path: Path) -> None:
    at = "sys/class/dmi/id"
    tree(tmp_path, {f"{at}/sys_vendor": "To Be Filled By O.E.M.\n", f"{at}/product_name": "Default string\n"})
    assert host.product(tmp_path) is None
    tree(tmp_path, {f"{at}/product_name": "X11DPU\n"})
    assert host.product(tmp_path) == "X11DPU"


def test_a_processor_of_0_mhz_is_not_known(tmp_path: Path) -> None:
    assert host._frequency(tmp_path, "cpu MHz\t\t: 0.000\n") is None
