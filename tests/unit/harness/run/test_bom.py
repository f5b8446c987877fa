"""The bill of materials: valid CycloneDX, of what the run can import, and never the end of a run."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from harness.run import bom
from harness.untrusted.documents import Unreadable, read_bill


def distribution(folder: Path, name: str, version: str, more: str = "") -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")
    (info / "RECORD").write_text(f"{name}.py,sha256=abc,3\n")


def names(document: dict) -> dict[str, str]:
    return {c["name"]: c.get("version") for c in document["components"]}


def test_this_environment_is_valid_cyclonedx() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    document = bom.bill_of_materials({}, True)
    validator = validation.JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(document)) is None
    broken = {**document, "components": [{"type": "song", "name": 1}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_versions_are_those_of_the_installed_packages() -> None:
    found = names(bom.bill_of_materials({}, True))
    assert found["numpy"] == metadata.version("numpy") and found["python"] == sys.version.split()[0]
    assert len(found) > 20


def test_packages_of_the_caller_alone_are_not_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "only_mine", "1.0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "only_mine" not in names(bom.bill_of_materials({}, True))
    assert names(bom.bill_of_materials({"PYTHONPATH": os.fspath(tmp_path)}, True))["only_mine"] == "1.0"


def test_first_of_a_name_counts_and_licences_are_as_stated(tmp_path: Path) -> None:
    distribution(tmp_path / "a", "Some.Thing", "2", "License-Expression: MIT OR Apache-2.0\n")
    distribution(tmp_path / "b", "some_thing", "1")
    distribution(tmp_path / "b", "classified", "1", "Classifier: License :: OSI Approved :: BSD License\n")
    distribution(tmp_path / "b", "wordy", "1", f"License: {'free ' * 40}\n")
    found = {c["name"]: c for c in bom._distributions([str(tmp_path / "a"), str(tmp_path / "b")])}
    assert found["Some.Thing"]["version"] == "2" and "some_thing" not in found
    assert found["Some.Thing"]["purl"] == "pkg:pypi/some-thing@2"
    assert found["Some.Thing"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert found["classified"]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert "licenses" not in found["wordy"]
    assert len(found["wordy"]["properties"][0]["value"]) == 64


def test_commands_of_a_recipe_are_not_claimed() -> None:
    document = bom.bill_of_materials({}, False)
    assert document["metadata"]["properties"][0]["value"] == bom.OF_HARNESS


def test_no_run_is_lost_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: list[str]) -> None:
        raise RuntimeError("metadata\nin pieces")

    assert bom.write_bill(tmp_path / "sbom.cdx.json", {}, True) is None
    monkeypatch.setattr(bom.metadata, "distributions", broken)
    said = bom.write_bill(tmp_path / "other.cdx.json", {}, True)
    assert (
        said == "no bill of materials: RuntimeError: metadata in pieces"
        and not (tmp_path / "other.cdx.json").exists()
    )


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "sbom.cdx.json"
    bom.write_bill(path, {}, True)
    assert read_bill(path).packages["mlperf-logging"] == metadata.version("mlperf-logging")


@pytest.mark.parametrize("text", ["[]", "{}", '{"components": [1]}', '{"components": [{"type": "library"}]}',
    '{"components": [{"type": "library", "name": "a", "version": 3}]}'])  # fmt: skip
def test_other_documents_are_unreadable(text: str, tmp_path: Path) -> None:
    (tmp_path / "sbom.cdx.json").write_text(text)
    with pytest.raises(Unreadable):
        read_bill(tmp_path / "sbom.cdx.json")
