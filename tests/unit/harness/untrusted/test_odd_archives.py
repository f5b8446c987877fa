"""Archives that are flat or come from GitHub or macOS: the package a person would expect in them."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from harness.check import check_all
from harness.untrusted.archives import opened
from tests.support.builders import build_package
from tests.unit.harness.untrusted.conftest import pack_zip, tar


@pytest.mark.parametrize(
    "pack",
    [
        lambda place, folder: tar(place / "submission v2 (final).tar.gz", folder, "."),
        lambda place, folder: tar(place / "x.tgz", folder, ""),
        lambda place, folder: pack_zip(place / f"{folder.name}-main.zip", folder, ""),
        lambda place, folder: pack_zip(place / f"{folder.name}-main.zip", folder, f"{folder.name}-main"),
        lambda place, folder: pack_zip(place / "download.zip", folder, f"{folder.name}-{'0a' * 20}"),
        lambda place, folder: pack_zip(place / "round-main.zip", folder, f"round-main/{folder.name}"),
    ],
    ids=["tar of the dot", "tar without folder", "flat zip", "GitHub", "GitHub commit", "GitHub round"],
)
def test_the_organisation_keeps_its_name(package, place, pack):
    ((_, expected),) = check_all(package)
    with opened(pack(place, package)) as inside:
        ((found, verdict),) = check_all(inside)
    assert (found.org, verdict.findings) == (package.name, expected.findings)


def test_a_folder_that_says_another_name_keeps_it(package, place):
    """Only what GitHub or nobody named takes the submitter's name: a wrong folder is found (SYS007)."""
    with opened(pack_zip(place / "x.zip", package, "Somebody")) as inside:
        ((found, verdict),) = check_all(inside)
    assert found.org == "Somebody" and "SYS007" in {f.rule for f in verdict.findings}


@pytest.mark.parametrize("submitter", ["../../up", "/etc", ".hidden", "a/b", "", 7, "x" * 300])
def test_a_submitter_that_is_no_folder_name_gives_none(tmp_path, place, submitter):
    built = build_package(tmp_path / "here" / "made", runs=4)
    built.edit_json(built.layout.system_json, lambda fields: fields.update(submitter=submitter))
    with opened(tar(place / "pack.tgz", built.root, ".")) as inside:
        assert inside.name == "pack"
    shutil.rmtree(tmp_path / "here" / "made")


def test_what_macos_adds(package, place):
    archive = pack_zip(place / "x.zip", package, package.name)
    with zipfile.ZipFile(archive, "a") as more:
        for file in ("results/.DS_Store", "systems/._testbox.json", "._results"):
            more.writestr(f"{package.name}/{file}", b"\0\5\x16\7")
        more.writestr(f"__MACOSX/{package.name}/results/testbox/._strong", b"\0\5\x16\7")
        more.writestr(f"__MACOSX/{package.name}/systems/._testbox.json", b"\0\5\x16\7")
    ((_, expected),) = check_all(package)
    with opened(archive) as inside:
        ((found, verdict),) = check_all(inside)
    new = [f for f in verdict.findings if f not in expected.findings]
    assert [(f.rule, f.severity.value, f.path) for f in new] == [
        ("PKG006", "warning", name) for name in ("._results", "results/.DS_Store", "systems/._testbox.json")
    ]
    assert found.org == package.name and set(verdict.rules) - set(expected.rules) <= {
        r for r in verdict.rules if r.id == "PKG006"
    }
