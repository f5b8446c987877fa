"""From a request to a plan ready to run. Everything is looked up here, once.

    Request --draft--> Draft --resolve--> RunPlan

A draft holds the machine and the state of the source; the data set is not read yet. This is all that
`cloudmask plan` needs, and on the wrong machine submit stops before it hashes 180 GB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.package.workspace import Workspace, checkpoint_dir
from harness.plan.checkout import SourceState, source_state
from harness.plan.datasets import Located, Missing, describe, look_for, shown_path
from harness.plan.machine import Machine, look_at_machine
from harness.plan.recipe import Recipe
from harness.plan.request import Request
from harness.plan.settings import hyperparameters, identity, judged_plan
from reference.data.dataset import Described, Progress
from reference.data.shards import open_given
from reference.protocol.spec import Data, RunSpec
from rules.model.layout import PackageLayout, RunFiles
from rules.model.package import Plan


@dataclass(frozen=True)
class Draft:
    """All that is known before the data set is read."""

    request: Request
    machine: Machine
    source: SourceState
    data: Located | Missing
    plan: Plan  # its `dataset` is None


@dataclass(frozen=True)
class RunPlan:
    """All that preflight judges and that the runs need; nothing of it is looked up again."""

    request: Request
    machine: Machine
    source: SourceState
    described: Described
    data_files: tuple[Path, ...]  # scenes and shards, to be evicted from the page cache before a run
    plan: Plan

    @property
    def recipe(self) -> Recipe:
        """The recipe, as read."""
        return self.request.recipe

    @property
    def layout(self) -> PackageLayout:
        """Where results and evidence go."""
        return self.request.layout

    def identity(self) -> dict[str, Any]:
        """The settings that say whose run this is, by MLLOG key."""
        return identity(self.request, self.source)

    def spec(self, run: int, seed: int, files: RunFiles) -> RunSpec:
        """The run spec of run number `run`, whose output goes below `files`."""
        data, recipe = self.described.data, self.recipe
        return RunSpec(
            run=run,
            seed=seed,
            data=replace(
                data,
                train_files=[shown_path(p) for p in data.train_files],
                test_files=[shown_path(p) for p in data.test_files],
                prepared=shown_path(data.prepared) if data.prepared else None,
                normalisation=recipe.data.normalisation,
            ),
            output_dir=shown_path(files.root),
            hyperparameters=hyperparameters(recipe),
            precision=recipe.precision,
            strategy=recipe.devices.chosen_strategy,
            augmentation=recipe.augmentation,
            gallery_scenes=recipe.evidence.gallery_scenes,
            save_weights=recipe.evidence.weights,
            checkpoints=self._checkpoints(seed),
        )

    def _checkpoints(self, seed: int) -> str | None:
        """Where a run keeps the states between its epochs, if it does."""
        if self.recipe.evidence.checkpoints == "none":
            return None
        return shown_path(checkpoint_dir(self.layout, seed))

    def trial(self, layout: PackageLayout) -> RunPlan:
        """The same plan for one run outside the package."""
        return replace(self, request=self.request.trial(layout))


def draft(request: Request, workspace: Workspace) -> Draft:
    """Look at the machine, at the source and for the data set, which is not read.

    Raises UserError when a system description cannot be read.
    """
    machine, source = look_at_machine(request), source_state()
    data = look_for(request.recipe.data, workspace)
    return Draft(request, machine, source, data, judged_plan(request, source, machine.declared, None))


def resolve(draft: Draft, workspace: Workspace, progress: Progress | None = None) -> RunPlan:
    """Read and hash the data set. Raises UserError when it is missing, wrong or unreadable."""
    request, machine, source = draft.request, draft.machine, draft.source
    described = describe(request.recipe.data, workspace, progress)
    plan = judged_plan(request, source, machine.declared, described.dataset)
    return RunPlan(request, machine, source, described, _data_files(described.data), plan)


def _data_files(data: Data) -> tuple[Path, ...]:
    prepared = open_given(data)
    shards = prepared.files if prepared else []
    return (*(Path(name) for name in (*data.train_files, *data.test_files)), *shards)
