from __future__ import annotations

import subprocess
import sys

import pytest

from rules.registry import catalogue, get
from rules.ruleset import DEFAULT, FILE, FOLDER, load_ruleset, names
from tests.support.waiting import HANG_S


def test_default_numbers():
    ruleset = load_ruleset()
    assert ruleset.quality.target == 0.90
    assert (ruleset.division("closed").runs_minimum, ruleset.division("closed").init_limit_s) == (5, 1800)
    assert (ruleset.division("open").runs_minimum, ruleset.division("open").init_limit_s) == (1, 14400)
    assert ruleset.reference["model_parameters_count"] == 1948609
    assert len(ruleset.system.required) == 33
    assert isinstance(ruleset.reference["opt_adam_epsilon"], float)


def test_reference_agrees_with_the_run_spec():
    from reference.protocol.spec import Hyperparameters

    defaults, ruleset = Hyperparameters(), load_ruleset()
    for name, key in ruleset.recipe_keys.items():
        if key in ruleset.reference:
            assert ruleset.reference[key] == getattr(defaults, name)
    assert defaults.target_accuracy == ruleset.quality.target
    assert defaults.max_epochs == ruleset.free["max_epochs"].maximum


def test_unknown_name():
    with pytest.raises(ValueError, match=r"did you mean 'cloudmask-1.1'\?") as caught:
        load_ruleset("cloudmask-1.2")
    assert DEFAULT in str(caught.value) and DEFAULT in names()


def test_unknown_division_is_judged_as_closed():
    ruleset = load_ruleset()
    assert ruleset.division("banana") == ruleset.division(None) == ruleset.division("closed")
    assert "opt_adam_beta_1" in ruleset.required_keys("banana")
    assert "opt_adam_beta_1" not in ruleset.required_keys("open")


def test_every_rule_says_what_it_must():
    rules = catalogue()
    assert len(rules) >= 70
    for rule in rules:
        assert len(rule.id) == 6 and rule.id[:3].isupper() and rule.id[3:].isdigit()
        assert rule.why and rule.fix and rule.source and rule.title and rule.scopes and rule.divisions
        assert not rule.title.endswith(".") and rule.fix.endswith((".", "?"))
    assert [r.id for r in rules] == list(dict.fromkeys(r.id for r in rules))
    assert get("tim005") is get("TIM005") and get("NOPE") is None


def test_checking_never_imports_tensorflow(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.support.builders import build_package; "
        f"built = build_package(Path({str(tmp_path)!r}), telemetry=True); "
        "from harness.cli import main\n"
        "try: main(['check', str(built.root)])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = [m for m in ('tensorflow', 'keras') if m in sys.modules]; assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", names())
def test_numbers_of_every_benchmark_are_valid(name):
    ruleset = load_ruleset(name)
    for benchmark in ruleset.benchmarks:
        assert ruleset.of(benchmark).benchmark == benchmark


def test_no_section_of_a_ruleset_stands_twice():
    """YAML keeps the last of two equal keys without a word: the rules of the first would come back."""
    for name in names():
        lines = (FOLDER / name / FILE).read_text(encoding="utf-8").splitlines()
        sections = [line.partition(":")[0] for line in lines if line[:1].isalpha()]
        assert sorted(set(sections)) == sorted(sections), name
