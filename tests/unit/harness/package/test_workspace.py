"""Finding recipes by name, and names that may become folders."""

import os

import pytest
from click.testing import CliRunner

from harness.cli.init import init
from harness.core.errors import UserError
from harness.package.workspace import CODE_FILES, Workspace, adopt, check_name
from tests.support import ROOT, STARTERS

SUBMISSIONS = ROOT / "submissions"


def test_examples_are_found_and_own_recipes_win(tmp_path):
    examples = tmp_path / "examples/benchmarks/cloudmask/box/recipe.yaml"
    examples.parent.mkdir(parents=True)
    examples.write_text("runs: 1\n")
    workspace = Workspace(tmp_path)
    assert workspace.find_recipe("box", "lab").recipe == examples
    target = workspace.layout("lab", "box")
    adopt(workspace.find_recipe("box", "lab"), target)
    assert workspace.find_recipe("box", "lab").recipe == target.recipe
    assert target.recipe.read_text() == "runs: 1\n"


def test_adopting_never_overwrites(tmp_path):
    workspace = Workspace(tmp_path)
    for org in ("examples", "lab"):
        path = workspace.layout(org, "box").recipe
        path.parent.mkdir(parents=True)
        path.write_text(org)
    adopt(workspace.layout("examples", "box"), workspace.layout("lab", "box"))
    assert workspace.layout("lab", "box").recipe.read_text() == "lab"


def test_unknown_system_names_the_nearest():
    with pytest.raises(UserError) as caught:
        Workspace(SUBMISSIONS).find_recipe("locl", "lab")
    assert "Unknown SYSTEM 'locl'" in caught.value.message
    assert "did you mean 'local'?" in str(caught.value.fix)


def test_an_empty_folder_has_the_recipes_that_come_with_the_harness(tmp_path):
    found = Workspace(tmp_path / "submissions").find_recipe("smoke", "lab")
    assert found.recipe == STARTERS / "benchmarks/cloudmask/smoke/recipe.yaml"
    with pytest.raises(UserError) as caught:
        Workspace(tmp_path).find_recipe("smok", "lab")
    assert "did you mean 'smoke'?" in caught.value.fix and "a100, local, smoke" in caught.value.fix


def test_init_copies_a_recipe_with_its_scripts_once(tmp_path):
    words = ["box", "--from", "smoke", "--org", "lab", "--submissions", str(tmp_path)]
    done = CliRunner().invoke(init, words)
    folder = tmp_path / "lab/benchmarks/cloudmask/box"
    assert done.exit_code == 0 and f"begun: {folder}/recipe.yaml" in done.output
    assert {p.name for p in folder.iterdir()} == {"recipe.yaml", *CODE_FILES}
    assert os.access(folder / "run_and_time.sh", os.X_OK)
    again = CliRunner().invoke(init, words)
    assert isinstance(again.exception, UserError) and "there already" in again.exception.message


def test_init_from_an_unknown_recipe_leaves_nothing(tmp_path):
    done = CliRunner().invoke(init, ["box", "--from", "nope", "--submissions", str(tmp_path)])
    assert isinstance(done.exception, UserError) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a b", "ü", "x" * 101, "a\n"])
def test_names_that_cannot_be_folders(name):
    with pytest.raises(UserError):
        check_name("a system", name)


def test_good_names():
    assert check_name("an organisation", "HPE+LBNL_2.0") == "HPE+LBNL_2.0"
