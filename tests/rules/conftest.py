from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rules.model.layout import PackageLayout
from tests.support.builders import BuiltPackage, PackageOptions, build_package

Fresh = Callable[..., BuiltPackage]


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[PackageOptions], BuiltPackage]:
    """Packages by their options, built once and never changed."""
    cache: dict[PackageOptions, BuiltPackage] = {}

    def get(options: PackageOptions) -> BuiltPackage:
        if options not in cache:
            cache[options] = build_package(tmp_path_factory.mktemp("built"), options)
        return cache[options]

    return get


@pytest.fixture
def fresh(_built: Callable[[PackageOptions], BuiltPackage], tmp_path: Path) -> Fresh:
    """fresh(**options): a copy of its own of a compliant package, to be spoilt."""

    def make(**options: Any) -> BuiltPackage:
        original = _built(PackageOptions(**options))
        root = tmp_path / original.root.name
        shutil.copytree(original.root, root)
        return BuiltPackage(PackageLayout(root, original.options.system), original.options)

    return make
