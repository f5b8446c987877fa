"""cloudmask data, as a user calls it: what it makes, says and refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from harness.cli.data import data
from harness.core.errors import ExitCode, UserError
from reference.protocol.official import official_test_scenes
from reference.science.stamp import stamped
from tests.support.command import invoke


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDMASK_DATA", raising=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic set, shared: tests must not change it."""
    root = tmp_path_factory.mktemp("shared")
    invoke(data, "synthesize", "--profile", "smoke", "--scenes", "3", "--out", str(root))
    return root / "smoke"


def test_synthesize_then_describe(tmp_path: Path) -> None:
    code, output = invoke(data, "synthesize", "--profile", "smoke", "--scenes", "2", "--seed", "7")
    assert code is None and "data/smoke" in output and "seed 7" in output
    code, output = invoke(data, "describe", "--profile", "smoke")
    assert "2 training, 2 test" in output and "20 training, 20 validation" in output
    content = json.loads(invoke(data, "describe", "--profile", "smoke", "--json")[1])
    assert content["digest"] in output.replace("\n", "") and content["root"] == "data/smoke"


def test_synthesize_refuses_to_mix_sets() -> None:
    invoke(data, "synthesize", "--profile", "smoke", "--scenes", "2")
    with pytest.raises(UserError) as caught:
        invoke(data, "synthesize", "--profile", "smoke", "--scenes", "2", "--seed", "2")
    assert "seed 1, not 2" in caught.value.message and "--out" in str(caught.value.fix)


def test_manifest_and_verify(smoke: Path, tmp_path: Path) -> None:
    invoke(data, "manifest", "--profile", "smoke", "--data", str(smoke), "--out", "m.json")
    code, output = invoke(data, "verify", "m.json", "--data", str(smoke))
    assert code == ExitCode.OK and "All 5 files are as listed" in output
    changed = json.loads(Path("m.json").read_text())
    changed["test"][0]["sha256"] = "0" * 64
    Path("changed.json").write_text(json.dumps(changed))
    code, output = invoke(data, "verify", "changed.json", "--data", str(smoke), "--json")
    result = json.loads(output)
    assert code == ExitCode.FINDINGS and not result["equal"] and len(result["problems"]) == 2
    assert json.loads(invoke(data, "manifest", "--profile", "smoke", "--data", str(smoke))[1])["digest"]


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """Files with the official names, and nothing in them, under the names that folders have since 2026."""
    root = tmp_path / "official"
    for folder, names in (
        ("training", [f"S3A_{n}.hdf" for n in range(970)]),
        ("inference", official_test_scenes()),
    ):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).touch()
    return root


@pytest.mark.parametrize("older", [False, True])
def test_verify_knows_the_official_names(
    official: Path, older: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if older:
        (official / "training").rename(official / "one-day")
        (official / "inference").rename(official / "ssts")
    monkeypatch.setenv("CLOUDMASK_DATA", str(official))
    code, output = invoke(data, "verify", "--profile", "official")
    assert code == ExitCode.OK and "official names" in output and "Contents were not compared" in output
    scene = next((official / ("ssts" if older else "inference")).iterdir())
    scene.rename(scene.with_name("S3A_other.hdf"))
    code, output = invoke(data, "verify", "--profile", "official")
    assert code == ExitCode.FINDINGS and scene.name in output and "S3A_other.hdf" in output


def test_verify_official_with_a_manifest(smoke: Path, tmp_path: Path) -> None:
    """Once somebody has published one: names, sizes and contents, whatever the folders are called."""
    invoke(data, "manifest", "--profile", "smoke", "--data", str(smoke), "--out", "m.json")
    copy = shutil.copytree(smoke, tmp_path / "copy")
    (copy / "one-day").rename(copy / "training")
    code, output = invoke(data, "verify", "m.json", "--profile", "official", "--data", str(copy), "--json")
    problems = json.loads(output)["problems"]
    assert code == ExitCode.FINDINGS and problems[0].startswith(
        "3 training scenes, the official data set has 970"
    )
    assert len(problems) == 4  # counts and names only: contents are as listed
    scene = next((copy / "training").iterdir())
    content = scene.read_bytes()
    scene.write_bytes(content[:-1] + b"?")
    assert invoke(data, "verify", "m.json", "--data", str(copy), "--sizes-only")[0] == ExitCode.OK
    assert invoke(data, "verify", "m.json", "--data", str(copy))[0] == ExitCode.FINDINGS
    scene.write_bytes(content[:-1])
    assert "bytes" in invoke(data, "verify", "m.json", "--data", str(copy), "--sizes-only")[1]


def test_verify_needs_something_to_compare_with() -> None:
    with pytest.raises(click.UsageError, match="MANIFEST or --profile official"):
        invoke(data, "verify")


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (("describe",), "data/quick: no such data folder", "data synthesize --profile quick"),
        (("describe", "--profile", "official"), "folder is not known", "CLOUDMASK_DATA"),
        (("describe", "--data", "."), "no folder training/ or one-day/", "data synthesize"),
        (("verify", "absent.json"), "Cannot read absent.json", "manifest"),
        (("verify", "wrong.json"), "is not the manifest", "data manifest"),
        (("preview", "--gallery", "wrong.json"), "not the gallery of a run", "gallery.h5"),
        (("preview",), "no such data folder", "--data"),
        (("fetch",), "not said where to fetch to", "CLOUDMASK_DATA"),
        (("describe", "--profile", "official-sample"), "official-sample: no such", "data fetch --scenes"),
    ],
)
def test_errors_say_what_and_how_to_fix(arguments: tuple[str, ...], message: str, fix: str) -> None:
    Path("wrong.json").write_text('{"train": []}')
    with pytest.raises(UserError) as caught:
        invoke(data, *arguments)
    assert message in caught.value.message and fix in str(caught.value.fix)
    assert "\n" not in str(caught.value) and ".." not in str(caught.value)


def test_a_corrupt_scene_is_named(smoke: Path, tmp_path: Path) -> None:
    for path in smoke.glob("**/SYN_*.hdf"):
        copy = tmp_path / path.relative_to(smoke)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        invoke(data, "describe", "--profile", "smoke", "--data", str(tmp_path))


def test_a_full_or_unwritable_place_is_one_line() -> None:
    Path("data").write_text("a file where the folder should be")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from harness.cli import main; main()",
            "data",
            "synthesize",
            "--profile",
            "smoke",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == ExitCode.USAGE
    assert "Traceback" not in done.stderr and done.stderr.startswith("error: ") and "fix: " in done.stderr


def test_preview_draws_scenes_and_masks(smoke: Path) -> None:
    invoke(
        data,
        "preview",
        "--profile",
        "smoke",
        "--data",
        str(smoke),
        "--scenes",
        "2",
        "--out",
        "pictures/p.png",
    )
    with Image.open("pictures/p.png") as picture:
        assert picture.size == (2 * 187 + 3 * 8, 30 + 2 * (150 + 8))
        assert len(picture.convert("RGB").getcolors(100_000)) > 20


def test_a_preview_of_synthetic_scenes_says_so(smoke: Path) -> None:
    _, said = invoke(data, "preview", "--profile", "smoke", "--data", str(smoke), "--scenes", "2")
    assert "Picture is in synthetic-scenes.png" in said
    with Image.open("synthetic-scenes.png") as picture:
        shown = np.asarray(picture.convert("L"))
    words = stamped(np.zeros((13, 62), np.uint8), 0, 255)
    for row in range(2):
        for column in range(2):
            top, left = 30 + row * (150 + 8), 8 + column * (187 + 8)
            assert (np.abs(shown[top : top + 13, left : left + 62].astype(int) - words) < 32).all()


def test_the_command_never_loads_tensorflow() -> None:
    modules = "harness.cli.data, reference.data.synthetic, reference.science.contact_sheet"
    code = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_prepare_once_and_again(smoke: Path, tmp_path: Path) -> None:
    code, output = invoke(data, "prepare", "--profile", "smoke", "--data", str(smoke), "--out", "shards")
    assert code is None and "3 shards are in shards" in output and "prepared: shards" in output
    first = output.split("digest ")[1].split()[0]
    assert first in invoke(data, "prepare", "--profile", "smoke", "--data", str(smoke), "--out", "shards")[1]
    assert len(list(Path("shards").glob("*.patches"))) == 3


def test_a_recipe_with_stale_shards_is_refused(smoke: Path) -> None:
    from harness.package.workspace import Workspace
    from harness.plan.datasets import describe
    from harness.plan.recipe import DataRecipe

    invoke(data, "prepare", "--profile", "smoke", "--data", str(smoke), "--out", "shards")
    recipe = DataRecipe(profile="smoke", directory=str(smoke), prepared="shards")
    found = describe(recipe, Workspace())
    assert found.data.prepared == "shards" and found.data.prepared_digest
    shard = next(Path("shards").glob("*.patches"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="changed since it was prepared") as problem:
        describe(recipe, Workspace())
    assert "cloudmask data prepare" in str(problem.value.fix)


@pytest.mark.parametrize("numbers", [("--seed", "9" * 30), ("--scenes", "999999999999")])
def test_numbers_that_no_set_has_are_refused(numbers: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="is not in the range"):
        invoke(data, "synthesize", "--profile", "smoke", "--out", str(tmp_path), *numbers)
