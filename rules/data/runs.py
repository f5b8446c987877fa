"""DAT: the data that the runs used, against the description of the data set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

from rules.facts.log_reading import epoch_num, integer, stated
from rules.facts.needs import dataset_of, dataset_path, record_of
from rules.facts.reference_code import judge_code
from rules.model.findings import Finding, Scope
from rules.model.package import Dataset, Package, Plan
from rules.model.run import Run
from rules.model.values import is_int, same, show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "DAT001",
    "All runs use one data set and one split",
    Scope.PACKAGE,
    source="sources E1, E3, H8, case 50, 51",
    fix="Run all results of an entry on the same files and split.",
)
def one_dataset(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """One file replaced, or another split, makes runs that cannot be averaged."""
    for key in ("dataset_digest", "split_digest"):
        first = None
        for run in package.runs:
            found = stated(run.settings, key)
            if found is None:
                continue
            first = first or found
            if not same(found.value, first.value):
                yield self.about(found, f"{key} differs from {first.path}", first.value)


@rule(
    "DAT002",
    "The logged data set is the one in evidence",
    (Scope.PACKAGE, Scope.RUN),
    source="TR 3.2, 6.1; sources E1",
    fix="Keep dataset.json as the harness wrote it for these runs.",
)
def logged_dataset(self: Rule, subject: Package | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """dataset.json lists every file with its SHA-256: the logs must speak of that list, and the list's
    own digest must follow from it. The digest does not depend on the order, but the split does, which is that of
    the file names."""
    dataset = dataset_of(subject)
    if isinstance(subject, Package):
        if subject.dataset_digest not in (None, dataset.digest):
            yield self.finding(
                "the digest in dataset.json does not follow from the files it lists",
                path=dataset_path(subject),
                expected=subject.dataset_digest,
                actual=dataset.digest,
            )
        names = [_base_name(f.name) for f in dataset.train]
        if names != sorted(names):
            yield self.finding(
                "the training scenes are not in the order of their file names, by which they are split",
                path=dataset_path(subject),
            )
        return
    found = stated(subject.settings, "dataset_digest")
    if found is not None and found.value != dataset.digest:
        yield self.about(found, "dataset_digest is not that of evidence/.../dataset.json", dataset.digest)


@rule(
    "DAT003",
    "Sample counts follow from scenes, patches and split",
    (Scope.PLAN, Scope.PACKAGE, Scope.RUN),
    source="sources B16, B17, E3, E7, E10; TR 9.4",
    fix="Log the number of patches that were used; use the split of the reference.",
)
def sample_counts(self: Rule, subject: Plan | Package | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Training on fewer patches is faster, and evaluating on fewer is easier: both counts follow from
    the number of scenes, 20 patches a scene and the 80/20 split."""
    dataset = dataset_of(subject)
    expected = _expected_counts(dataset)
    if isinstance(subject, Run):
        yield from _logged_counts(self, subject, expected or {})
        return
    if expected is None:
        yield self.finding("geometry or split in dataset.json is incomplete", path=dataset_path(subject))
        return
    for name, stated_count in (
        ("train_samples", dataset.train_samples),
        ("eval_samples", dataset.eval_samples),
    ):
        if stated_count != expected[name]:
            yield self.finding(
                f"{name} is {stated_count}, but the files and the split give {expected[name]}",
                path=dataset_path(subject),
                expected=expected[name],
                actual=stated_count,
            )


def _logged_counts(self: Rule, run: Run, expected: dict[str, int]) -> Iterator[Finding]:
    for name, count in expected.items():
        found = stated(run.settings, name)
        if found is not None and not same(found.value, count):
            yield self.about(found, f"{name} is {show(found.value)}, but the data set gives {count}", count)


def _expected_counts(dataset: Dataset) -> dict[str, int] | None:
    """Counts that the log must state; scenes only where whole files are split."""
    geometry, split = dataset.geometry, dataset.split
    sizes = [geometry.get(n) for n in ("scene_height", "scene_width", "patch_size")]
    fraction = split.get("train_fraction")
    if not all(is_int(s) and s > 0 for s in sizes) or not isinstance(fraction, float) or not 0 < fraction < 1:
        return None
    height, width, patch = (int(s) for s in sizes if s)
    per_scene = (height // patch) * (width // patch)
    files = len(dataset.train)
    counts = {"test_scenes": len(dataset.test)}
    if split.get("unit") == "patch":
        train = math.floor(fraction * files * per_scene)
        return {**counts, "train_samples": train, "eval_samples": files * per_scene - train}
    train = math.floor(fraction * files)
    return {
        **counts,
        "train_samples": train * per_scene,
        "eval_samples": (files - train) * per_scene,
        "train_scenes": train,
        "eval_scenes": files - train,
    }


@rule(
    "DAT004",
    "Sample counts in the log grow by one training set per epoch",
    Scope.RUN,
    source="sources B15, E9, W16, case 27; TR 6.6",
    fix="Log samples_count = epoch_num x train_samples; every patch is seen once per epoch.",
)
def counted_samples(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Each patch is used once per epoch: a count that does not fit has skipped or repeated data."""
    samples = integer(run.settings, "train_samples")
    if samples is None:
        raise NotApplicable("train_samples is not stated")
    for event in run.log.events:
        count = event.metadata.get("samples_count")
        epoch = epoch_num(event) if count is not None else None
        if epoch is not None and count != epoch * samples:
            yield self.at(
                run,
                event,
                f"{event.key}: samples_count {show(count)} in epoch {epoch}",
                expected=epoch * samples,
                actual=count,
            )


@rule(
    "DAT008",
    "Patches have the size of the data set's geometry",
    Scope.RUN,
    source="SP 7.3; sources D5, D8, E7, case 48",
    fix="Cut patches of the size the data set's profile gives.",
)
def patch_size(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Smaller patches are cheaper and see less context."""
    expected = dataset_of(run).geometry.get("patch_size")
    found = stated(run.settings, "patch_size")
    if found is not None and not same(found.value, expected):
        yield self.about(
            found, f"patch_size is {show(found.value)}, the data set's is {show(expected)}", expected
        )


@rule(
    "DAT012",
    "The implementation was given the files of the data set",
    Scope.RUN,
    source="sources E1, E4; the run protocol (run spec)",
    fix="Run again with the data set that dataset.json describes.",
)
def given_files(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The run spec lists the files a run got: as many, with the same names, as the description. Where
    training patches were read from prepared shards, spec and log name the same ones."""
    dataset, data = dataset_of(run), record_of(run).spec.get("data")
    if not isinstance(data, dict):
        return
    logged = stated(run.settings, "prepared_digest")
    if (logged.value if logged else None) != data.get("prepared_digest"):
        yield self.finding(
            "prepared_digest of the log is not that of the run spec",
            path=logged.path if logged else run.path,
            line=logged.line if logged else None,
            expected=data.get("prepared_digest"),
            actual=logged.value if logged else None,
        )
    for kind, files in (("train_files", dataset.train), ("test_files", dataset.test)):
        given = data.get(kind)
        given = given if isinstance(given, list) else []
        if list(map(_base_name, given)) != [_base_name(f.name) for f in files]:
            yield self.finding(
                f"{kind} of the run spec are not those of dataset.json, or in another order",
                path=run.files.record.as_posix(),
                expected=len(files),
                actual=len(given),
            )


def _base_name(path: Any) -> str:
    return str(path).rsplit("/", 1)[-1]


@rule(
    "DAT013",
    "Preprocessing, labels and order equal the reference",
    Scope.PACKAGE,
    source="TR 6.1, 6.2, 6.6; sources E5, E6, E8, E9",
    fix="Use the reference's pipeline, or document the difference and enter the open division.",
    never_passes=True,
)
def preprocessing(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Another normalisation, label or order is another task; only the code shows it."""
    judge_code(package, "its input pipeline")


@rule(
    "DAT014",
    "The run spec has the data set's geometry, split and digest",
    Scope.RUN,
    source="SP 7.3; TR 6.5; sources D5, D8, E3, E7, case 48, 50; the run protocol",
    fix="Run again with the data set that dataset.json describes.",
)
def spec_geometry(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """dataset.json says how scenes are cut and split, the run spec is what the implementation did: smaller
    patches or another split in the spec are another task."""
    dataset, data = dataset_of(run), record_of(run).spec.get("data")
    if not isinstance(data, dict):
        return
    for name in ("profile", "digest", "geometry", "split"):
        expected, actual = getattr(dataset, name), data.get(name)
        if actual != expected:
            yield self.finding(
                f"{name} of the run spec is {show(actual)}, dataset.json says {show(expected)}",
                path=run.files.record.as_posix(),
                expected=expected,
                actual=actual,
            )
