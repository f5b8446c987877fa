"""Who, what and on which data: the head of a report, and what makes a result official or not."""

from __future__ import annotations

from typing import Any

from harness.report.labels import STATUSES, division_name, field_label
from harness.report.model import DatasetCard, Identity, StandingPoint, SystemField
from harness.report.text import clean, plural, quantity, whole
from rules.model.findings import Verdict
from rules.model.package import Dataset, Package

MAX_FIELDS = 120
UNDETECTABLE = (
    "submitter",
    "division",
    "status",
    "system_name",
    "system_type",
    "cooling",
    "hw_notes",
    "sw_notes",
)


def identity(package: Package) -> Identity:
    """From the logs where they say it, else from the system description."""
    fields = package.system.fields if package.system and isinstance(package.system.fields, dict) else {}
    division = clean(package.division or _logged(package, "submission_division"), 40).lower()
    status = clean(_logged(package, "submission_status"), 60)
    nodes = _count(_logged(package, "number_of_nodes"), fields.get("number_of_nodes"))
    per_node = _count(_logged(package, "accelerators_per_node"), fields.get("accelerators_per_node"))
    plan = package.plan if isinstance(package.plan, dict) else {}
    return Identity(
        org=clean(package.org, 200),
        system=clean(package.system_name, 200) or "system not named",
        division=division,
        division_name=division_name(division),
        status=STATUSES.get(status.lower(), status),
        implementation=clean(plan.get("implementation"), 100),
        precision=clean(_logged(package, "lowest_numerical_precision_in_linear"), 60),
        framework=clean(fields.get("framework"), 200),
        nodes=nodes,
        accelerators=nodes * per_node if nodes is not None and per_node is not None else None,
        accelerator=clean(fields.get("accelerator_model_name"), 200),
        global_batch_size=whole(_logged(package, "global_batch_size")),
        commit=clean(_logged(package, "submission_github_commit_version"), 64),
    )


def _logged(package: Package, key: str) -> Any:
    """The first run's value that is no None."""
    return next((v for run in package.runs if (v := run.log.value(key)) is not None), None)


def _count(*stated: Any) -> int | None:
    for value in stated:
        number = (
            int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else whole(value)
        )
        if number is not None and 0 <= number < 10**9:
            return number
    return None


def dataset_card(dataset: Dataset | None) -> DatasetCard | None:
    if dataset is None:
        return None
    profile = clean(dataset.profile, 80)
    kind = (
        "SYNTHETIC" if dataset.synthetic else "official" if profile == "official" else "the submitter's own"
    )
    labels = {
        "SYNTHETIC": f"SYNTHETIC data, profile {profile}: generated scenes, not satellite images",
        "official": "official Sentinel-3 SLSTR scenes of the benchmark, as declared in the package",
        "the submitter's own": f"the submitter's own data set, {profile}: neither official nor synthetic",
    }
    shape = dataset.geometry if isinstance(dataset.geometry, dict) else {}
    sides = [whole(shape.get(name)) for name in ("scene_height", "scene_width", "patch_size")]
    geometry = f"{sides[0]} × {sides[1]} pixels, patches of {sides[2]}" if None not in sides else ""
    return DatasetCard(
        profile=profile,
        synthetic=bool(dataset.synthetic),
        kind=kind,
        label=labels[kind],
        digest=clean(dataset.digest, 64),
        geometry=geometry,
        train_scenes=len(dataset.train),
        test_scenes=len(dataset.test),
        train_samples=whole(dataset.train_samples),
        eval_samples=whole(dataset.eval_samples),
        description=clean(dataset.description),
    )


def standing(
    package: Package, verdict: Verdict, who: Identity, data: DatasetCard | None, node_power: bool
) -> list[StandingPoint]:
    """What makes the result official, or keeps it from being so; each point stands on its own."""
    return [
        _checked(verdict),
        _data(data),
        _division(who),
        _commit(package, who),
        _power(node_power),
        StandingPoint(
            state="no",
            text="Not reviewed: MLCommons has not verified this result. Every score here is unverified.",
        ),
    ]


def _checked(verdict: Verdict) -> StandingPoint:
    if verdict.verdict == "compliant":
        return StandingPoint(
            state="yes", text=f"The package keeps the rulebook {clean(verdict.ruleset, 60)}."
        )
    errors = sum(f.severity.value == "error" for f in verdict.findings)
    why = plural(errors, "error") if errors else "it cannot be read in full"
    return StandingPoint(
        state="no", text=f"The package breaks the rulebook {clean(verdict.ruleset, 60)}: {why}."
    )


def _data(data: DatasetCard | None) -> StandingPoint:
    if data is None:
        return StandingPoint(state="unknown", text="The package does not say which data set was used.")
    if data.kind == "official":
        return StandingPoint(
            state="yes", text="Trained and tested on the benchmark's official scenes, as declared."
        )
    if data.synthetic:
        text = (
            "Trained on synthetic scenes: good for trying and comparing machines, not an official data set."
        )
        return StandingPoint(state="no", text=text)
    return StandingPoint(state="no", text="Trained on the submitter's own data set, not the benchmark's.")


def _division(who: Identity) -> StandingPoint:
    if who.division == "open":
        text = "CloudMask Open: the Science policy's own division."
        return StandingPoint(state="yes", text=text)
    if who.division == "closed":
        text = "CloudMask Closed is this rulebook's own profile; the Science policy itself knows only Open."
        return StandingPoint(state="no", text=text)
    return StandingPoint(state="unknown", text="The package states no known division.")


def _commit(package: Package, who: Identity) -> StandingPoint:
    software = [
        run.record.software for run in package.runs if run.record and isinstance(run.record.software, dict)
    ]
    if any(one.get("dirty") is True for one in software):
        return StandingPoint(
            state="no", text="The code was changed after its last commit, so it cannot be looked up."
        )
    if who.commit and software and all(one.get("dirty") is False for one in software):
        return StandingPoint(state="yes", text=f"Run from commit {who.commit[:12]}, unchanged.")
    return StandingPoint(state="unknown", text="The commit of the code that ran is not known.")


def _power(node_power: bool) -> StandingPoint:
    if node_power:
        return StandingPoint(state="yes", text="Whole-node power was logged for every run.")
    return StandingPoint(state="no", text="No power score: whole-node power was not measured.")


def system_fields(package: Package) -> list[SystemField]:
    """Declared beside detected, field by field, declared order first."""
    system = package.system
    if system is None:
        return []
    declared = system.fields if isinstance(system.fields, dict) else {}
    detected = system.detected if isinstance(system.detected, dict) else {}
    names = list(dict.fromkeys([*map(str, declared), *map(str, detected)]))[:MAX_FIELDS]
    return [
        _field(name, declared.get(name), detected.get(name), clean(system.provenance.get(name), 20))
        for name in names
    ]


def _field(name: str, declared: Any, detected: Any, provenance: str) -> SystemField:
    said, seen = clean(declared), clean(detected)
    if not said and not seen:
        state = "absent"
    elif not seen:
        state = "only_declared"
    elif not said:
        state = "only_detected"
    else:
        state = "same" if said.casefold() == seen.casefold() else "different"
    short = clean(name, 60)
    return SystemField(
        name=short,
        label=field_label(short),
        declared=said,
        detected=seen,
        provenance=provenance,
        state=state,
    )


def software(package: Package) -> dict[str, str]:
    """Versions the harness saw in the runs; different ones are all named."""
    seen: dict[str, list[str]] = {}
    for run in package.runs:
        versions = run.record.software if run.record and isinstance(run.record.software, dict) else {}
        for name, version in list(versions.items())[:40]:
            text = clean(version, 80) or "not installed"
            known = seen.setdefault(clean(name, 60), [])
            if text not in known:
                known.append(text)
    return {name: ", ".join(versions[:4]) for name, versions in seen.items()}


def rate(samples_per_s: float | None) -> str:
    return quantity(samples_per_s, "patches/s")
