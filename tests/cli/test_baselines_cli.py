"""cloudmask baselines: what it prints, keeps and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.baselines import baselines
from harness.core.errors import ExitCode, UserError
from reference.baselines.records import cache_folder, find
from reference.data.synthetic import synthesize
from tests.support.command import invoke


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic set of another seed than the shipped records are of."""
    return synthesize("smoke", tmp_path_factory.mktemp("shared"), seed=9, scenes=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def scores(*arguments: str) -> str:
    code, output = invoke(baselines, *arguments)
    assert code == ExitCode.OK
    return output


def test_scores_are_printed_and_kept_by_the_digest_of_the_data(smoke: Path, tmp_path: Path) -> None:
    said = scores("--profile", "smoke", "--data", str(smoke), "--out", "mine")
    assert "logistic regression" in said and "not timed, not a submission" in said
    (kept,) = (tmp_path / "mine").iterdir()
    assert find(kept.stem) is not None and cache_folder().is_relative_to(tmp_path)


def test_known_scores_are_not_computed_again_unless_asked(
    smoke: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(scores("--profile", "smoke", "--data", str(smoke), "--json"))
    monkeypatch.setattr("harness.cli.baselines.evaluate", lambda *rest: pytest.fail("computed again"))
    assert json.loads(scores("--profile", "smoke", "--data", str(smoke), "--json")) == first
    with pytest.raises(BaseException, match="computed again"):
        scores("--profile", "smoke", "--data", str(smoke), "--again")


def test_a_folder_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        scores("--profile", "smoke", "--data", str(tmp_path / "nowhere"))
    assert "data synthesize" in str(caught.value.fix)
