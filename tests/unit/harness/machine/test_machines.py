"""Whole machines, made of files: a node with NVIDIA GPUs, one with AMD GPUs, one with an ARM processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine import processor
from harness.machine.accelerators import accelerators
from harness.machine.amd_gpus import amd_gpus
from harness.machine.description import compare, system_description
from harness.machine.detect import FIELDS, Detected, describe
from harness.machine.host import host, processors
from harness.machine.processor import arm_core, lscpu_model
from tests.support.builders.files import tree
from tests.support.telemetry_fakes import fake_nvml

GIB = 1 << 30
PCI_IDS = "1002  AMD\n\t7408  Aldebaran/MI200 [Instinct MI250X]\n\t\t1002 0b0c  x\n10de  NVIDIA Corporation"
NESTED = """{"lscpu": [{"field": "Vendor ID:", "data": "ARM", "children": [
  {"field": "BIOS Model name:", "data": "Ampere(R) Altra(R) Processor  CPU @ 3.0GHz"},
  {"field": "Model name:", "data": "Neoverse-N1"}]}]}"""


def cpus(sockets: int, cores: int, threads: int, frequency_khz: int = 0) -> dict[str, str]:
    total = sockets * cores * threads
    files = {"sys/devices/system/cpu/online": f"0-{total - 1}"}
    for number in range(total):
        folder = f"sys/devices/system/cpu/cpu{number}/topology"
        files[f"{folder}/physical_package_id"] = str(number // threads // cores)
        files[f"{folder}/core_id"] = str(number // threads % cores)
    if frequency_khz:
        files["sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"] = str(frequency_khz)
    for index, (level, kind, size, shared) in enumerate(
        [("1", "Data", "64K", "0"), ("1", "Instruction", "64K", "0"), ("2", "Unified", "1024K", "0")]
    ):
        folder = f"sys/devices/system/cpu/cpu0/cache/index{index}"
        files |= {f"{folder}/level": level, f"{folder}/type": kind, f"{folder}/size": size}
        files[f"{folder}/shared_cpu_list"] = shared
    return files


def common(system: str, kernel: str, memory_gib: int) -> dict[str, str]:
    return {
        "etc/os-release": f'NAME="x"\nPRETTY_NAME="{system}"\nID=x',
        "proc/sys/kernel/osrelease": kernel,
        "proc/meminfo": f"MemTotal:       {memory_gib * 1024 * 1024} kB\nMemFree: 1 kB",
    }


def infiniband(ports: int, rate: str) -> dict[str, str]:
    files = {}
    for number in range(ports):
        folder = f"sys/class/infiniband/mlx5_{number}/ports/1"
        files |= {
            f"{folder}/rate": rate,
            f"{folder}/state": "4: ACTIVE",
            f"{folder}/link_layer": "InfiniBand",
        }
    return files


def nvidia_node(root: Path) -> Path:
    files = {
        **common("Ubuntu 22.04.4 LTS", "5.15.0-105-generic", 2048),
        **cpus(2, 64, 2, 3_529_000),
        **infiniband(8, "200 Gb/sec (4X HDR)"),
        "proc/cpuinfo": "model name\t: AMD EPYC 7763 64-Core Processor\nflags\t: fpu sse",
        "sys/class/dmi/id/sys_vendor": "NVIDIA",
        "sys/class/dmi/id/product_name": "DGXA100 920-23687-2530-000",
    }
    for slot in range(8):
        folder = f"sys/bus/pci/devices/0000:{slot + 16:02x}:00.0"
        files |= {f"{folder}/vendor": "0x10de", f"{folder}/class": "0x030200", f"{folder}/device": "0x20b2"}
    for module in range(32):
        folder = f"sys/devices/system/edac/mc/mc{module // 16}/dimm{module % 16}"
        files |= {f"{folder}/size": "65536", f"{folder}/dimm_mem_type": "Registered-DDR4"}
    return tree(root, files)


def amd_node(root: Path, gpus: int = 8) -> Path:
    files = {
        **common("SUSE Linux Enterprise Server 15 SP5", "5.14.21-default", 512),
        **cpus(1, 64, 2, 3_500_000),
        "proc/cpuinfo": "model name\t: AMD EPYC 7A53 64-Core Processor\nflags\t: fpu",
        "usr/share/misc/pci.ids": PCI_IDS,
    }
    for number in range(gpus):
        address = f"0000:{0xC1 + number:02x}:00.0"
        device = f"sys/devices/pci0000:c0/{address}"
        files |= {
            f"{device}/vendor": "0x1002",
            f"{device}/class": "0x038000",
            f"{device}/device": "0x7408",
            f"{device}/mem_info_vram_total": str(64 * GIB),
            f"{device}/pp_dpm_sclk": "0: 500Mhz\n1: 1700Mhz *",
            f"{device}/max_link_speed": "16.0 GT/s PCIe",
            f"{device}/max_link_width": "16",
            f"{device}/unique_id": f"0xabc{number}",
            f"sys/class/kfd/kfd/topology/nodes/{number + 4}/properties": (
                f"simd_count 440\nlocation_id {(0xC1 + number) << 8}\nmax_engine_clk_fcompute 1700"
            ),
            f"sys/class/kfd/kfd/topology/nodes/{number + 4}/io_links/0/properties": "type 2\nnode_to 0",
        }
        for link in range(1, 4):
            name = f"sys/class/kfd/kfd/topology/nodes/{number + 4}/io_links/{link}/properties"
            files[name] = "type 11\nnode_to 5"
    # a processor's own graphics: AMD too, with the same driver, and no accelerator
    files |= {
        "sys/devices/pci0000:c0/0000:04:00.0/vendor": "0x1002",
        "sys/devices/pci0000:c0/0000:04:00.0/class": "0x030000",
        "sys/devices/pci0000:c0/0000:04:00.0/mem_info_vram_total": str(GIB // 2),
    }
    tree(root, files)
    for place in ("sys/class/drm", "sys/bus/pci/devices"):
        (root / place).mkdir(parents=True)
    for number, device in enumerate(sorted((root / "sys/devices/pci0000:c0").iterdir())):
        (root / f"sys/bus/pci/devices/{device.name}").symlink_to(device)
        card = root / f"sys/class/drm/card{number}"
        card.mkdir()
        (card / "device").symlink_to(device)
        (root / f"sys/class/drm/card{number}-DP-1").mkdir()
    return root


def arm_node(root: Path) -> Path:
    return tree(
        root,
        {
            **common("Ubuntu 24.04 LTS", "6.8.0-1013-nvidia-64k", 480),
            **cpus(1, 72, 1, 3_402_000),
            "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 2000.00\nFeatures\t: fp asimd\n"
            "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd4f\n",
            "sys/class/dmi/id/sys_vendor": "Supermicro",
            "sys/class/dmi/id/product_name": "ARS-111GL-NHR",
            "sys/class/net/eth0/speed": "100000",
            "sys/class/net/eth0/device/vendor": "x",
        },
    )


def detected(root: Path) -> Detected:
    return describe(host(root, root), accelerators(root))


def fields_of(found: Detected) -> dict[str, str]:
    fields = system_description(found, "org", "closed", "research", "box")
    assert tuple(fields) == FIELDS and set(found.provenance) == set(FIELDS)
    return fields


def test_a_node_with_nvidia_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [{**nvml.A100, "name": "NVIDIA A100-SXM4-80GB"} for _ in range(8)]
    monkeypatch.setattr(nvml, "nvmlDeviceGetNvLinkRemoteDeviceType", lambda handle, link: 2, raising=False)
    found = detected(nvidia_node(tmp_path))
    fields = fields_of(found)
    assert {name: fields[name] for name in FIELDS if name.startswith(("host_p", "host_m", "host_n"))} == {
        "host_processors_per_node": "2",
        "host_processor_model_name": "AMD EPYC 7763 64-Core Processor",
        "host_processor_core_count": "64",
        "host_processor_vcpu_count": "128",
        "host_processor_frequency": "3.53 GHz (maximum)",
        "host_processor_caches": "L1d 64 KiB, L1i 64 KiB, L2 1 MiB",
        "host_processor_interconnect": "",
        "host_memory_capacity": "2 TiB",
        "host_memory_configuration": "32 x 64 GiB Registered-DDR4",
        "host_networking": "8 x InfiniBand 200 Gb/sec (4X HDR)",
        "host_networking_topology": "N/A (single node)",
    }
    assert fields["accelerators_per_node"] == "8"
    assert fields["accelerator_interconnect"] == "NVLink, 12 active links per GPU"
    assert fields["accelerator_interconnect_topology"] == "all to all through NVSwitch"
    assert fields["operating_system"] == "Ubuntu 22.04.4 LTS, Linux 5.15.0-105-generic"
    assert fields["hw_notes"].startswith("NVIDIA DGXA100") and "not usable" not in fields["hw_notes"]
    assert [n for n in FIELDS if found.provenance[n] == "unknown"] == [
        "host_processor_interconnect",
        "host_storage_type",
        "accelerator_on-chip_memories",
        "cooling",
    ]


def test_a_node_with_amd_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch, init_error=12)  # no libnvidia-ml
    found = detected(amd_node(tmp_path))
    fields = fields_of(found)
    assert fields["accelerators_per_node"] == "8"
    assert fields["accelerator_model_name"] == "AMD Instinct MI250X"
    assert fields["accelerator_memory_capacity"] == "64 GiB"
    assert fields["accelerator_frequency"] == "1700 MHz (maximum)"
    assert fields["accelerator_host_interconnect"] == "PCIe Gen4 x16"
    assert fields["accelerator_interconnect"] == "Infinity Fabric (XGMI), 3 links per GPU"
    assert "not usable" not in fields["hw_notes"]
    assert found.facts["accelerator_problem"] is None
    declared = {**fields, "accelerator_model_name": "AMD MI250X 64GB"}
    assert [c.field for c in compare(declared, found) if c.agrees is False] == []
    declared["accelerator_model_name"] = "AMD Instinct MI210"
    assert [c.field for c in compare(declared, found) if c.agrees is False] == ["accelerator_model_name"]


def test_an_amd_gpu_without_its_compute_driver_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_nvml(monkeypatch, init_error=12)
    root = amd_node(tmp_path, gpus=1)
    (root / "sys/class/kfd/kfd/topology/nodes/4/properties").unlink()
    found = accelerators(root)
    assert found.gpus == [] and found.problem
    assert found.unusable == ["AMD Instinct MI250X, device 0x7408 (no driver loaded)"]


def test_a_node_with_an_arm_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [{**nvml.A100, "name": "NVIDIA GH200 480GB"}]
    fields = fields_of(detected(arm_node(tmp_path)))
    assert fields["host_processor_model_name"] == "ARM Neoverse V2"
    assert (fields["host_processor_core_count"], fields["host_processor_vcpu_count"]) == ("72", "72")
    assert fields["host_processor_interconnect"] == "N/A (one processor)"
    assert fields["host_memory_capacity"] == "480 GiB"
    assert fields["host_networking"] == "eth0 (network interface, 100 Gb/s)"
    assert fields["accelerator_model_name"] == "NVIDIA GH200 480GB"
    assert fields["hw_notes"].startswith("Supermicro ARS-111GL-NHR")
    assert "virtual" not in fields["hw_notes"]


def test_cores_nobody_knows_keep_their_number() -> None:
    info = "CPU implementer\t: 0x41\nCPU part\t: 0xfff\n"
    assert arm_core(info, None) == "ARM implementer 0x41 part 0xfff"
    assert arm_core(info, "Some Board") == "ARM implementer 0x41 part 0xfff (Some Board)"
    assert arm_core("model name : x", "Board") is None


def test_power_processors_say_it_otherwise(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n"})
    assert processors(root).model == "POWER9, altivec supported"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('{"lscpu": [{"field": "Model name:", "data": "Neoverse-N1"}]}', "Neoverse-N1"),
        (NESTED, "Ampere(R) Altra(R) Processor"),
        ('{"lscpu": [{"field": "Model name:", "data": "-"}]}', None),
        ('{"lscpu": 5}', None),
        ("not json", None),
        ("[]", None),
    ],
)
def test_lscpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, expected: str | None) -> None:
    tool = tmp_path / "lscpu"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert lscpu_model() == expected


def test_no_lscpu_or_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lscpu_model() is None
    tool = tmp_path / "lscpu"
    tool.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setattr(processor, "LIMIT_S", 0.2)
    assert lscpu_model() is None


@pytest.mark.parametrize("memory", [None, "N/A"])
def test_an_amd_gpu_whose_memory_cannot_be_read_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str | None
) -> None:
    root = amd_node(tmp_path, gpus=1)
    found = root.glob("sys/class/drm/card*/device/mem_info_vram_total")
    (path,) = (path for path in found if int(path.read_text()) > 1 << 33)
    path.unlink()
    if memory is not None:
        path.write_text(memory)
    assert [gpu.memory_bytes for gpu in amd_gpus(root)] == [None]
