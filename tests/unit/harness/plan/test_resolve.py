"""From a recipe's name to a plan: what a draft knows, what is missing, and what a run is told."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from harness.cli.plan import plan as plan_command
from harness.core.errors import UserError
from harness.package.workspace import Workspace
from harness.plan import checkout, resolve
from harness.plan.datasets import Located, Missing
from harness.plan.recipe import Precision
from harness.plan.request import find_request
from harness.plan.settings import plan_digest, plan_record
from harness.run.launch.registry import LAUNCHERS
from reference.data.shards import prepare
from reference.protocol.settings import PRECISIONS
from rules.model.layout import PackageLayout, RunFiles
from rules.ruleset import DEFAULT
from tests.support.command import invoke
from tests.support.scenes import write_set

GEOMETRY = {"scene_height": 40, "scene_width": 50, "patch_size": 32}
OWN_DATA = {"profile": "mine", "directory": "own", "geometry": GEOMETRY, "split": {"unit": "patch"}}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDMASK_DATA", raising=False)
    return Workspace(Path("submissions"), Path("data"))


def write_recipe(**fields):
    path = PackageLayout(Path("submissions/lab"), "box").recipe
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(fields))


def drafted(workspace, **fields):
    write_recipe(**fields)
    return resolve.draft(find_request(workspace, "box", "lab"), workspace)


def resolved(workspace, **fields):
    return resolve.resolve(drafted(workspace, **{"data": OWN_DATA, **fields}), workspace)


@pytest.mark.parametrize(
    "data, what, fix",
    [
        ({"profile": "official"}, "official data set is not known", "CLOUDMASK_DATA"),
        ({"profile": "smoke"}, "data/smoke is not made yet", "submit makes it"),
        ({"profile": "nothing"}, "Unknown data profile 'nothing'", "use one of"),
        ({**OWN_DATA, "directory": "gone"}, "There is no folder gone", "correct the data section"),
        ({**OWN_DATA, "prepared": "shards"}, "There is no folder shards", "cloudmask data prepare"),
    ],
)
def test_a_draft_says_what_is_missing(workspace, data, what, fix):
    Path("own").mkdir()
    found = drafted(workspace, data=data).data
    assert isinstance(found, Missing)
    assert what in found.what and fix in found.fix


def test_a_draft_reads_no_data(workspace):
    Path("own").mkdir()  # empty: reading it would fail
    draft = drafted(workspace, data=OWN_DATA)
    assert draft.data == Located(Path("own"))
    assert draft.plan.dataset is None and draft.plan.ruleset == DEFAULT
    assert "dataset_digest" not in draft.plan.settings
    with pytest.raises(UserError):
        resolve.resolve(draft, workspace)


def test_the_plan_command_works_without_the_data_set(workspace):
    write_recipe(data={"profile": "official"})
    _, output = invoke(plan_command, "--system", "box", "--org", "lab")
    assert "not found: The folder of the official data set is not known." in " ".join(output.split())
    assert "lowest_numerical_precision_in_linear" in output


def test_a_plan_knows_the_data_set(workspace):
    write_set(Path("own"))
    plan = resolved(workspace)
    assert plan.plan.settings["dataset_digest"].value == plan.described.dataset.digest
    assert len(plan.data_files) == 5 + 2
    assert plan_record(plan.plan)["dataset_digest"] == plan.described.dataset.digest
    spec = plan.spec(3, 17, RunFiles(Path("out")))
    assert (spec.run, spec.seed, spec.output_dir) == (3, 17, "out")
    assert spec.data.train_files[0] == "own/one-day/S3A_000.hdf"


def test_shards_are_data_files_too(workspace):
    write_set(Path("own"))
    made = prepare(resolved(workspace).described, Path("shards"))
    plan = resolved(workspace, data={**OWN_DATA, "prepared": "shards"})
    assert len(plan.data_files) == 5 + 2 + len(made.files)
    assert plan.spec(0, 1, RunFiles(Path("out"))).data.prepared == "shards"


def test_git_is_asked_once(workspace, monkeypatch):
    write_set(Path("own"))
    asked = []

    def state():
        asked.append(1)
        return checkout.SourceState("c0ffee", False)

    monkeypatch.setattr(resolve, "source_state", state)
    plan = resolved(workspace)
    assert plan.identity()["submission_github_commit_version"] == "c0ffee"
    assert plan.plan.settings["submission_github_commit_version"].value == "c0ffee"
    assert len(asked) == 1


def test_a_trial_is_one_run_elsewhere(workspace):
    write_set(Path("own"))
    trial = resolved(workspace, runs=5).trial(PackageLayout(Path("trials/trial_0"), "box"))
    assert (trial.request.runs, trial.layout.root) == (1, Path("trials/trial_0"))


def test_the_digest_of_a_plan_is_that_of_its_content(workspace):
    write_set(Path("own"))
    record = plan_record(resolved(workspace).plan)
    assert plan_digest(dict(reversed(record.items()))) == plan_digest(record)
    assert plan_digest(plan_record(resolved(workspace, runs=6).plan)) != plan_digest(record)


def test_names_in_recipes_are_known():
    assert set(get_args(Precision)) == set(PRECISIONS)
    assert [kind.__name__ for kind in LAUNCHERS.values() if kind.__abstractmethods__] == []
