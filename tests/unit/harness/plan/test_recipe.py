"""Recipes: defaults, strictness, and errors that help."""

import pytest

from harness.core.errors import UserError
from harness.plan.recipe import load_recipe
from tests.support import EXAMPLES, STARTERS

RECIPES = [
    p for root in (EXAMPLES, STARTERS) for p in sorted(root.glob("benchmarks/cloudmask/*/recipe.yaml"))
]


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.parent.name)
def test_examples_are_valid(path):
    assert load_recipe(path).description


def test_defaults_are_the_references(recipe):
    chosen = load_recipe(recipe("division: closed\n")).hyperparameters
    assert (chosen.learning_rate, chosen.global_batch_size, chosen.target_accuracy) == (1e-3, 32, 0.90)


def test_typo_names_the_nearest_field(recipe):
    with pytest.raises(
        UserError, match="unknown field 'hyperparameters.learning_rat', did you mean 'learning_rate'"
    ):
        load_recipe(recipe("hyperparameters: {learning_rat: 0.1}\n"))


@pytest.mark.parametrize(
    "text, words",
    [
        ("runs: 0\n", "'runs'"),
        ("division: both\n", "'division'"),
        ("precision: float8\n", "'precision'"),
        ("- a\n- b\n", "not a recipe"),
        ("a: [1\n", r"not valid YAML \(line"),
        ("data: {geometry: {scene_height: 100, scene_width: 100, patch_size: 33}}\n", "patch_size"),
        ("a: &a [*a]\n", "an alias"),
        ("runs: 5\nruns: 1\n", "the key 'runs' twice"),
        ("runs: 0x" + "f" * 5000, "a number of more than 40"),
        ("runs: 2001-99-99\n", "not valid YAML"),
        ("a: " + "[" * 1000, "more than 20 levels"),
        ("!!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_bad_recipes_are_one_line_errors(recipe, text, words):
    with pytest.raises(UserError, match=words) as caught:
        load_recipe(recipe(text))
    assert "\n" not in caught.value.message


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_recipe(tmp_path / "none.yaml")
    binary = tmp_path / "recipe.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        load_recipe(binary)


def test_latin_1_is_one_line(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes("# one\n# Jülich\n".encode("latin-1"))
    with pytest.raises(UserError, match="is not UTF-8: byte 0xfc in line 2"):
        load_recipe(path)
