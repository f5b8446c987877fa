"""Finding recipes by name, and names that may become folders."""

import pytest

from harness.core.errors import UserError
from harness.package.workspace import Workspace, adopt, check_name
from tests.support import ROOT

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


def test_no_recipes_at_all(tmp_path):
    with pytest.raises(UserError, match="No recipes"):
        Workspace(tmp_path).find_recipe("local", "lab")


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a b", "ü", "x" * 101, "a\n"])
def test_names_that_cannot_be_folders(name):
    with pytest.raises(UserError):
        check_name("a system", name)


def test_good_names():
    assert check_name("an organisation", "HPE+LBNL_2.0") == "HPE+LBNL_2.0"
