"""Completion scripts, and help that shows how a verb is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import VERBS, cli
from harness.cli.completion import VARIABLE, place_of
from tests.support import ROOT


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_installed_where_the_shell_looks(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("HOME", ""), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    result = CliRunner().invoke(cli, ["completion", shell, "--install"])
    assert result.exit_code == 0, result.output
    assert VARIABLE in place_of(shell).read_text() and tmp_path in place_of(shell).parents


def test_the_program_answers_what_the_script_asks() -> None:
    asked = {VARIABLE: "bash_complete", "COMP_WORDS": "cloudmask sc", "COMP_CWORD": "1"}
    answer = subprocess.run(
        [sys.executable, "-m", "harness"],
        env={**os.environ, **asked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "plain,score" in answer.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_examples_that_name_the_verb(verb: str) -> None:
    result = CliRunner().invoke(cli, [verb, "--help"])
    assert result.exit_code == 0
    said = result.output.split("Examples:")
    assert len(said) == 2 and f"cloudmask {verb}" in said[1]
