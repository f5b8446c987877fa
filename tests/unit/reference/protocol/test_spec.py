"""The run spec: writing and reading it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reference.protocol.spec import (
    SPEC_VARIABLE,
    Data,
    Geometry,
    Hyperparameters,
    RunSpec,
    load_spec,
    parse_spec,
)

SPEC = RunSpec(
    run=3,
    seed=7,
    data=Data("mine", "0" * 64, ["S3A_1.hdf"], ["S3A_2.hdf"], Geometry(64, 80, 16)),
    output_dir="out",
    hyperparameters=Hyperparameters(global_batch_size=8),
    precision="mixed_bfloat16",
)


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_spec(SPEC.to_json()) == SPEC
    path = tmp_path / "spec.json"
    path.write_text(SPEC.to_json())
    monkeypatch.setenv(SPEC_VARIABLE, str(path))
    assert load_spec() == SPEC


@pytest.mark.parametrize(
    ("section", "field"), [(None, "speed"), ("data", "folder"), ("hyperparameters", "momentum")]
)
def test_unknown_fields_are_refused(section: str | None, field: str) -> None:
    content = json.loads(SPEC.to_json())
    (content[section] if section else content)[field] = 1
    with pytest.raises(ValueError, match=f"run spec: .* has no field {field}"):
        parse_spec(json.dumps(content))


def test_missing_specs_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SPEC_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=f"{SPEC_VARIABLE} is not set"):
        load_spec()
    monkeypatch.setenv(SPEC_VARIABLE, str(tmp_path / "gone.json"))
    with pytest.raises(ValueError, match=r"cannot read the run spec .*gone.json: No such file"):
        load_spec()


def test_official_geometry() -> None:
    official = Geometry()
    assert (official.patch_rows, official.patch_columns, official.patches_per_scene) == (4, 5, 20)
    assert (official.margin, official.stride) == (40, 176)
