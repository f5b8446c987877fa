"""cloudmask data croissant: valid by the field's library, and its table of scenes loads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.export.croissant import OFFICIAL_ADDRESS, croissant
from reference.data.profiles import get_profile
from reference.protocol.dataset import Dataset, DatasetFile

mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")


def test_a_synthetic_set_is_valid_and_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "smoke", tmp_path / "smoke/croissant.json"
    assert main_code("data", "synthesize", "--profile", "smoke", "--scenes", "3", "--out", str(tmp_path)) == 0
    assert main_code("data", "croissant", "--profile", "smoke", "--data", str(folder), "--out", str(out)) == 0
    found = mlcroissant.Dataset(jsonld=str(out))
    assert "warning" not in found.metadata.ctx.issues.report()
    records = list(found.records("scenes"))
    assert len(records) == 3 + get_profile("smoke").test_scenes
    for record in records:
        name, digest = (value_of(record[f"scenes/{key}"]) for key in ("name", "sha256"))
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "Synthetic" in json.loads(out.read_text())["description"]


def value_of(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def main_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_official_set_names_its_bucket_and_no_licence(tmp_path: Path) -> None:
    file = DatasetFile("training/S3A_x.hdf", 7, "0" * 64)
    geometry = {"scene_height": 1200, "scene_width": 1500, "patch_size": 256}
    dataset = Dataset("official", False, "/x", "1" * 64, geometry, {}, [file], [], 20, 0)
    found = croissant(dataset, "2026-11-01")
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(found))
    mlcroissant.Dataset(jsonld=str(path))
    assert found["distribution"][0]["contentUrl"] == f"{OFFICIAL_ADDRESS}/training/S3A_x.hdf"
    assert "license" not in found and "Synthetic" not in found["description"]
