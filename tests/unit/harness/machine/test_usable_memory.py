"""What a process may use of the memory: the machine's, or what control groups leave of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from harness.machine import doctor
from harness.machine.host import UsableMemory, memory, usable_memory

GIB = 1 << 30


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 GiB, of which 40 are available."""
    found = psutil.virtual_memory()._replace(total=64 * GIB, available=40 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: found)


def group(root: Path, folder: str, limit: object, used: int, stat: str = "") -> None:
    """A control group of version 2."""
    path = root / "sys/fs/cgroup" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "memory.max").write_text(f"{limit}\n")
    (path / "memory.current").write_text(f"{used}\n")
    (path / "memory.stat").write_text(stat)


def mine(root: Path, text: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(text)


def test_without_limits_it_is_the_machines(tmp_path: Path) -> None:
    assert usable_memory(tmp_path) == UsableMemory(64 * GIB, 40 * GIB)
    group(tmp_path, "", "max", GIB)
    assert usable_memory(tmp_path).limited_by is None


def test_a_container_sees_its_limit_at_the_top(tmp_path: Path) -> None:
    group(tmp_path, "", GIB, 300 << 20)
    found = usable_memory(tmp_path)
    assert (found.total_bytes, found.available_bytes) == (GIB, GIB - (300 << 20))
    assert str(found.limited_by).endswith("sys/fs/cgroup/memory.max")


def test_the_page_cache_of_the_group_is_given_back(tmp_path: Path) -> None:
    group(tmp_path, "", 4 * GIB, 4 * GIB, f"anon 5\ninactive_file {3 * GIB}\nactive_file 7\n")
    assert usable_memory(tmp_path).available_bytes == 3 * GIB


def test_a_batch_job_has_the_limit_of_a_group_below(tmp_path: Path) -> None:
    mine(tmp_path, "0::/system.slice/slurmstepd.scope/job_7/step_0\n")
    group(tmp_path, "system.slice", "max", 0)
    group(tmp_path, "system.slice/slurmstepd.scope/job_7", 8 * GIB, GIB)
    group(tmp_path, "system.slice/slurmstepd.scope/job_7/step_0", "max", GIB)
    found = usable_memory(tmp_path)
    assert (found.total_bytes, found.available_bytes) == (8 * GIB, 7 * GIB) and "job_7" in str(
        found.limited_by
    )


@pytest.mark.parametrize("limit", [9223372036854771712, 2 * GIB])
def test_groups_of_version_1(tmp_path: Path, limit: int) -> None:
    mine(tmp_path, "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/docker/x\n")
    folder = tmp_path / "sys/fs/cgroup/memory/docker/x"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{GIB}\n")
    (folder / "memory.stat").write_text(f"total_inactive_file {GIB // 2}\n")
    found = usable_memory(tmp_path)
    assert found.available_bytes == (40 * GIB if limit > 64 * GIB else GIB + GIB // 2)


@pytest.mark.parametrize("content", ["", "lots", "-1", "4294967296 bytes"])
def test_nonsense_is_no_limit(tmp_path: Path, content: str) -> None:
    group(tmp_path, "", content, 0)
    assert usable_memory(tmp_path).limited_by is None


def test_doctor_tells_what_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "usable_memory", lambda: UsableMemory(GIB, GIB // 2, "/sys/fs/cgroup/memory.max")
    )
    check = doctor._memory()
    assert check.state is doctor.State.WARNING and "memory.max" in check.detail and "raise" in check.fix


@pytest.mark.parametrize(
    "error", [KeyError(b"MemTotal:"), OSError(107, "Transport endpoint is not connected")]
)
def test_memory_is_known_where_proc_is_hidden_or_broken(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(psutil, "virtual_memory", broken)
    assert 0 < usable_memory(tmp_path).available_bytes <= usable_memory(tmp_path).total_bytes
    assert memory(tmp_path).total_bytes == usable_memory(tmp_path).total_bytes
