from __future__ import annotations

import pytest

from tests.support.builders import BuiltPackage, build_package


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    """A whole compliant package with everything that a package may hold."""
    return build_package(tmp_path_factory.mktemp("closed"), power=True, telemetry=True)


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    """The smallest compliant package: open, one run."""
    return build_package(
        tmp_path_factory.mktemp("single"), division="open", runs=1, power=True, telemetry=True
    )
