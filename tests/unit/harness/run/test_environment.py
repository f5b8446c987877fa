"""Variables that put code into a process do not reach a run, unless the recipe says so."""

from __future__ import annotations

import pytest

from harness.core.errors import UserError
from harness.plan.recipe import load_recipe
from harness.run.environment import run_environment

OWN = {
    "LD_PRELOAD": "/x/clock.so",
    "LD_AUDIT": "/x/audit.so",
    "LD_LIBRARY_PATH": "/x/lib",
    "PYTHONPATH": "/x",
    "PYTHONSTARTUP": "",
    "CUDA_INJECTION64_PATH": "/x/cuda.so",
    "PYTHONUNBUFFERED": "1",
    "CUDA_VISIBLE_DEVICES": "0",
    "HOME": "/home/somebody",
}


def test_the_reference_gets_none_of_them() -> None:
    found = run_environment(OWN, [], own_command=False)
    kept = {name: OWN[name] for name in ("PYTHONUNBUFFERED", "CUDA_VISIBLE_DEVICES", "HOME")}
    assert found.variables == kept
    assert found.stripped == [
        "CUDA_INJECTION64_PATH",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "PYTHONPATH",
    ]
    assert found.record(OWN) == {
        "kept": {},
        "stripped": found.stripped,
        "harness": ["LD_AUDIT", "LD_PRELOAD"],
    }


def test_what_is_declared_stays_and_is_recorded() -> None:
    found = run_environment(OWN, ["LD_PRELOAD"], own_command=False)
    assert found.variables["LD_PRELOAD"] == "/x/clock.so" and "LD_AUDIT" not in found.variables
    assert found.record({})["kept"] == {"LD_PRELOAD": "/x/clock.so"}


def test_a_command_of_its_own_keeps_its_python_but_no_preload() -> None:
    found = run_environment(OWN, [], own_command=True)
    assert found.kept == {"PYTHONPATH": "/x", "LD_LIBRARY_PATH": "/x/lib"}
    assert {"LD_PRELOAD", "LD_AUDIT"} < {*found.stripped}


def test_a_declared_name_has_to_be_one(tmp_path) -> None:
    (tmp_path / "recipe.yaml").write_text("environment: {preload: [LD_PRELOAD, 'A=b']}\n")
    with pytest.raises(UserError, match="not the name of an environment variable"):
        load_recipe(tmp_path / "recipe.yaml")
