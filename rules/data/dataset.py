"""DAT: what was trained and tested on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from reference.protocol.official import test_scene_differences
from rules.facts.needs import dataset_of, dataset_path
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

PLAN_AND_PACKAGE = (Scope.PLAN, Scope.PACKAGE)


@rule(
    "DAT005",
    "Training and test scenes do not overlap",
    PLAN_AND_PACKAGE,
    source="TR 6.5; sources E4, case 50",
    fix="Remove the scenes from one of the two lists.",
)
def no_overlap(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A test scene seen in training measures memory, not generalisation; renaming it does not help."""
    dataset = dataset_of(subject)
    names = {f.name.rsplit("/", 1)[-1]: f.name for f in dataset.train}
    contents = {f.sha256: f.name for f in dataset.train}
    for file in dataset.test:
        twin = names.get(file.name.rsplit("/", 1)[-1]) or contents.get(file.sha256)
        if twin:
            yield self.finding(f"{file.name} is also a training scene ({twin})", path=dataset_path(subject))


@rule(
    "DAT006",
    "No scene is listed twice",
    PLAN_AND_PACKAGE,
    source="TR 6.1; sources E11",
    fix="Remove the duplicates.",
)
def no_duplicates(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A duplicated scene is trained on twice per epoch, and may stand on both sides of the split."""
    dataset = dataset_of(subject)
    for kind, files in (("training", dataset.train), ("test", dataset.test)):
        for digest, count in Counter(f.sha256 for f in files).items():
            if count > 1:
                copies = [f.name for f in files if f.sha256 == digest]
                yield self.finding(
                    f"{kind} scenes with equal content: {', '.join(copies[:3])}", path=dataset_path(subject)
                )


@rule(
    "DAT007",
    "Closed: the split is the reference's",
    PLAN_AND_PACKAGE,
    source="TR 6.5; sources E3, E16, case 50",
    fix="Split by file, 80/20, random_state 42, or enter the open division.",
    divisions=("closed",),
)
def reference_split(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """An easier or smaller evaluation set reaches the target sooner. To the last digit: counts are rounded down."""
    split = dataset_of(subject).split
    for name, expected in ruleset.data.split.items():
        if split.get(name) != expected:
            yield self.finding(
                f"split {name} is {show(split.get(name))}",
                path=dataset_path(subject),
                expected=expected,
                actual=split.get(name),
            )


@rule(
    "DAT009",
    "Scene files have the names of the mission's products",
    PLAN_AND_PACKAGE,
    source="sources E2; reference data loader (glob **/S3A*.hdf)",
    fix="Keep the files' original names (S3A*.hdf, or SYN_*.hdf of the generator).",
    severity=Severity.WARNING,
)
def file_names(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The name says which overpass a scene is; without it, training and test scenes cannot be told apart."""
    dataset = dataset_of(subject)
    pattern = re.compile(ruleset.data.file_pattern)
    strange = [f.name for f in [*dataset.train, *dataset.test] if not pattern.fullmatch(f.name)]
    if strange:
        yield self.finding(
            f"files with other names than scenes: {len(strange)}, e.g. {show(strange[0])}",
            path=dataset_path(subject),
        )


@rule(
    "DAT010",
    "The official data set is complete",
    PLAN_AND_PACKAGE,
    source="sources E2, E18; SP 2 table 1",
    fix="Use all 970 training scenes and the 100 known test scenes, or call the data set by another profile name.",
)
def official_complete(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A result on a part of the official scenes, or on other test scenes, is not a result on the official
    data set. The names of the 100 test scenes are known; folders may have their older or newer names."""
    dataset = dataset_of(subject)
    if dataset.profile != "official":
        raise NotApplicable(f"the data set is {show(dataset.profile)}, not the official one")
    facts = {"train_scenes": len(dataset.train), "test_scenes": len(dataset.test), **dataset.geometry}
    for name, expected in ruleset.data.official.items():
        if facts.get(name) != expected:
            yield self.finding(
                f"{name} is {show(facts.get(name))}, the official data set has {expected}",
                path=dataset_path(subject),
                expected=expected,
                actual=facts.get(name),
            )
    for difference in test_scene_differences(f.name.rsplit("/", 1)[-1] for f in dataset.test):
        yield self.finding(difference, path=dataset_path(subject))
    if dataset.synthetic:
        yield self.finding("synthetic scenes are called the official data set", path=dataset_path(subject))


@rule(
    "DAT011",
    "Synthetic scenes are called synthetic",
    PLAN_AND_PACKAGE,
    source="sources Q7, E17; honesty rule of this rulebook",
    fix="Nothing to fix: report and leaderboard state it automatically.",
    severity=Severity.INFO,
)
def synthetic_noted(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Results on synthetic scenes show that a machine works; they are not comparable with official ones."""
    dataset = dataset_of(subject)
    if dataset.synthetic:
        yield self.finding(
            f"trained on synthetic scenes (profile {show(dataset.profile)}): not comparable with the "
            "official data set",
            path=dataset_path(subject),
        )


@rule(
    "DAT021",
    "No synthetic scene is described as anything else",
    PLAN_AND_PACKAGE,
    source="sources Q7, E17; SP 2 table 1; honesty rule of this rulebook (names and digests of the generator)",
    fix="Describe the data set as the harness found it; planning a run reads from the scenes whether they are.",
)
def synthetic_told(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The generator's scenes have names of their own (SYN_*.hdf; before version 5, SYN stood where products of the
    mission name their processing centre), and its standard sets have known digests: a result on such scenes that is
    called one on real clouds says nothing about clouds."""
    dataset, known = dataset_of(subject), ruleset.data.synthetic
    if dataset.synthetic:
        raise NotApplicable("the scenes are called synthetic (DAT011)")
    made = [f.name for f in [*dataset.train, *dataset.test] if known.made(f.name)]
    if made:
        yield self.finding(
            f"{len(made)} of {len(dataset.train) + len(dataset.test)} scenes are named as the generator of synthetic "
            f"scenes names them, e.g. {show(made[0].rsplit('/', 1)[-1])}, and described as not synthetic",
            path=dataset_path(subject),
            expected="synthetic: true",
            actual=dataset.synthetic,
        )
    elif dataset.digest in known.digests:
        yield self.finding(
            f"the digest is that of the synthetic set {known.digests[dataset.digest]}, described as not synthetic",
            path=dataset_path(subject),
            expected="synthetic: true",
            actual=dataset.synthetic,
        )


@rule(
    "DAT015",
    "A data set with the name of a profile has its geometry",
    (Scope.PLAN, Scope.PACKAGE),
    source="SP 7.3; sources D5, D8, case 48; profiles of the reference",
    fix="Give a data set of another geometry a name of its own.",
)
def profile_geometry(self: Rule, subject: Any, ruleset: Ruleset) -> Iterator[Finding]:
    """Smaller scenes or patches under a known name look like a faster machine."""
    dataset = subject.dataset
    if dataset is None:
        raise NotChecked("there is no readable description of the data set (dataset.json)")
    known = ruleset.data.profiles.get(dataset.profile)
    if known is None:
        raise NotApplicable(f"{show(dataset.profile)} is not a profile of the reference")
    for name, expected in known.items():
        actual = dataset.geometry.get(name)
        if actual != expected:
            yield self.finding(
                f"{name} is {show(actual)}, profile {dataset.profile} has {expected}",
                expected=expected,
                actual=actual,
            )
