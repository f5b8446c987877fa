"""DAT: what is called the official data set is that data set, as far as it is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from reference.protocol.official import PUBLISHED_MANIFEST
from rules.facts.needs import dataset_of, dataset_path
from rules.model.findings import Finding, Scope
from rules.model.package import DatasetFile, Package, Plan
from rules.model.values import show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "DAT020",
    "Official scenes have the names, sizes and contents of the official ones",
    (Scope.PLAN, Scope.PACKAGE),
    source="sources E2, E18; SP 2 table 1; names of Sentinel-3 products; docs/official-data.md",
    fix="Fetch the data with `cloudmask data fetch`, or call the data set by another profile name.",
)
def known_scenes(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Names and digests in dataset.json are typed as easily as any text. Scenes of the mission are named by
    overpass, orbit and time of processing, all of one length and size; where the digests of the official
    files are published, each has to be one of them."""
    dataset, path = dataset_of(subject), dataset_path(subject)
    if dataset.profile != "official":
        raise NotApplicable(f"the data set is {show(dataset.profile)}, not the official one")
    known = ruleset.data.official_files
    for role, files in (("train", dataset.train), ("test", dataset.test)):
        strange = [reason for file in files if (reason := _strange(file, known.get("name"))) is not None]
        if strange:
            yield self.finding(
                f"wrong names among the {role} scenes: {len(strange)} of {len(files)}, e.g. {strange[0]}",
                path=path,
            )
        total = known.get(f"{role}_bytes")
        found = sum(file.size_bytes for file in files)
        if total and not abs(found / total - 1) <= known.get("size_tolerance", 0.0):
            yield self.finding(
                f"the {role} scenes have {found / 1e9:.1f} GB, the official ones {total / 1e9:.1f} GB",
                path=path,
                expected=total,
                actual=found,
            )
        yield from _published(self, role, files, path)


def _strange(file: DatasetFile, pattern: str | None) -> str | None:
    """Why a name cannot be that of an overpass; None when it can."""
    name = file.name.rsplit("/", 1)[-1]
    if pattern is None:
        return None
    match = re.fullmatch(pattern, name)
    if match is None:
        return f"{show(name)} is not named as a product of the mission"
    try:
        begin, end, made = (datetime.strptime(match[n], "%Y%m%dT%H%M%S") for n in ("begin", "end", "made"))
    except ValueError:
        return f"{show(name)} has a date that does not exist"
    if not 0 < (end - begin).total_seconds() <= 240 or made <= end:
        return f"{show(name)} was processed before it ended, or is not one frame"
    return None


@cache
def _digests() -> dict[str, Any]:
    """Digest of each official file by its name, once they are published with this project."""
    if not PUBLISHED_MANIFEST.is_file():
        return {}
    content = json.loads(PUBLISHED_MANIFEST.read_text())
    return {
        str(entry["name"]).rsplit("/", 1)[-1]: entry["sha256"]
        for role in ("train", "test")
        for entry in content.get(role, [])
    }


def _published(self: Rule, role: str, files: list[DatasetFile], path: str) -> Iterator[Finding]:
    known = _digests()
    wrong = [f.name for f in files if known and known.get(f.name.rsplit("/", 1)[-1]) != f.sha256]
    if wrong:
        yield self.finding(
            f"{role} scenes that are not the published ones: {len(wrong)} of {len(files)}, e.g. {show(wrong[0])}",
            path=path,
        )
