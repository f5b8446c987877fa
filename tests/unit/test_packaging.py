"""Every file that the packages read at run time is part of the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("house", ["rules", "reference", "harness"])
def test_data_files_are_named_in_package_data(house: str) -> None:
    tomllib = pytest.importorskip("tomllib")
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = setup["tool"]["setuptools"]["package-data"][house]
    shipped = {path for pattern in patterns for path in (ROOT / house).glob(pattern)}
    present = {p for p in (ROOT / house).rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert ROOT / house / "py.typed" in shipped
    assert sorted(present - shipped) == []
