"""What runs used and gave, as entities of an RO-Crate: software, machine, data set, score.

RO-Crate and schema.org have no word for a digest of installed software: it is a property of the software, named by what
was digested. The whole environment is in the bill of materials of each run (sbom.cdx.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import __version__
from harness.export.croissant import OFFICIAL_ADDRESS
from harness.report.drawing.text import clean
from harness.score.model import Score
from harness.untrusted.documents import Unreadable, parse_json, read_json
from rules.model.package import Package
from rules.model.values import is_number

Entity = dict[str, Any]
MACHINE, DATASET, EXPORTER = "#machine", "#dataset", "#exporter"
OWN = "cloudmask-harness"
_CODE = "code_"  # digests of source files in run.json, which are not versions
_RECORD = "cloudmask:record-sha256"
_DATA_KINDS = {
    True: "Synthetic scenes, computed; not observations, and not comparable with the official data set",
    False: "Scenes as the package describes them; the files are not part of the crate",
}


def ref(at: str) -> Entity:
    """A reference to another entity."""
    return {"@id": at}


def value(at: str, name: str, what: Any) -> Entity:
    """A property; the unit stands at the end of its name, as everywhere in this project."""
    shown = clean(what, 400) if isinstance(what, str) else what
    unit = {"unitText": "s"} if name.endswith("_s") and "_per_" not in name else {}
    return {"@id": at, "@type": "PropertyValue", "name": clean(name, 80), "value": shown, **unit}


def software(at: str, name: str, stated: Mapping[str, str], bill: Mapping[str, str]) -> list[Entity]:
    """The implementation, what wrote this, and what both ran on.

    `stated`: run.json's versions, with commit and digests of the code; `bill`: digests by plain name of a library.
    """
    code = [
        value(f"#{quote(key)}", f"SHA-256 of the source files: {key[len(_CODE) :]}", digest)
        for key, digest in sorted(stated.items())
        if key.startswith(_CODE)
    ]
    needed, digests = [], []
    for library, version in sorted(stated.items()):
        if library == "commit" or library.startswith(_CODE):
            continue
        kind = "generic" if library in ("python", OWN) else "pypi"
        entity = _application(f"pkg:{kind}/{quote(library)}@{quote(version)}", library, version)
        if kind == "pypi":
            entity["url"] = f"https://pypi.org/project/{quote(library)}/{quote(version)}/"
        if library in bill:
            digests.append(
                value(f"#record-{quote(library)}", "SHA-256 of the installed RECORD", bill[library])
            )
            entity["additionalProperty"] = ref(digests[-1]["@id"])
        needed.append(entity)
    tool = _application(at, name, stated.get("commit"), "What was started for each run")
    tool["softwareRequirements"] = [ref(e["@id"]) for e in needed]
    if code:
        tool["additionalProperty"] = [ref(e["@id"]) for e in code]
    if commit := stated.get("commit"):
        tool["identifier"] = f"git commit {commit}"
    exporter = _application(EXPORTER, OWN, __version__, "Wrote this file and judged the package")
    return [tool, exporter, *needed, *code, *digests]


def _application(at: str, name: str, version: str | None, description: str | None = None) -> Entity:
    entity = {"@id": at, "@type": "SoftwareApplication", "name": name}
    return {
        **entity,
        **({"version": version} if version else {}),
        **({"description": description} if description else {}),
    }


def record_digests(what: Path | bytes | None) -> dict[str, str]:
    """Digests of the libraries that a bill of materials lists, by plain name; empty without a readable one."""
    try:
        document = parse_json(what) if isinstance(what, bytes) else read_json(what) if what else {}
        return {
            clean(component["name"], 80).lower().replace("_", "-"): clean(stated["value"], 80)
            for component in document.get("components", [])
            for stated in component.get("properties", [])
            if stated.get("name") == _RECORD
        }
    except (Unreadable, KeyError, TypeError, AttributeError):
        return {}


def machine(package: Package) -> list[Entity]:
    """The hardware, as declared in systems/<system>.json: one thing with its properties."""
    if package.system is None:
        return []
    fields = [
        value(f"#machine-{quote(clean(key, 60))}", key, what)
        for key, what in sorted(package.system.fields.items())
        if isinstance(what, (str, int, float)) and not isinstance(what, bool)
    ]
    thing = {
        "@id": MACHINE,
        "@type": "IndividualProduct",
        "name": clean(str(package.system_name), 80),
        "description": "The system that the runs were made on, as its owner declares it",
        "additionalProperty": [ref(e["@id"]) for e in fields],
    }
    return [thing, *fields]


def data_set(package: Package) -> list[Entity]:
    """What was trained and tested on: name, digest over all files, and where the official one lies."""
    if package.dataset is None:
        return []
    entity = {
        "@id": DATASET,
        "@type": "CreativeWork",
        "additionalType": "http://schema.org/Dataset",
        "name": f"CloudMask data set {clean(package.dataset.profile, 40)}",
        "description": _DATA_KINDS[package.dataset.synthetic],
        "identifier": f"sha256:{clean(package.dataset.digest, 80)}",
    }
    if package.dataset.profile == "official" and not package.dataset.synthetic:
        entity["url"] = OFFICIAL_ADDRESS
    return [entity]


def scored(score: Score) -> list[Entity]:
    """The score as a number, with what it was made of: mean, factor, interval. What there is none of is left out."""
    steps = score.breakdown
    interval = steps.interval if steps else None
    stated = {
        "score_s": score.time_to_train_s,
        "mean_s": steps.mean_s if steps else None,
        "convergence_factor": score.scaling_factor if steps and steps.mean_s is not None else None,
        "interval_95_low_s": interval.low_s if interval else None,
        "interval_95_high_s": interval.high_s if interval else None,
    }
    return [value(f"#{name}", name, number) for name, number in stated.items() if is_number(number)]
