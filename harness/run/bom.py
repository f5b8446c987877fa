"""The bill of materials of a run: what was installed where it ran, as CycloneDX 1.6 (https://cyclonedx.org).

Distributions are those that Python finds from the folders that a run is given: not the ones that only the caller of
the harness has in PYTHONPATH or in a user's folder. Each has the SHA-256 of its RECORD (names and digests of its
files), so that two builds of one version can be told apart. Of one node: the one that the harness is on.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import site
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import __version__
from harness.core.files import write_json

OWN = "cloudmask-harness"
OF_RUN = "the environment of the run"
OF_HARNESS = "the environment of the harness; the recipe's own command may have used another"
# of SPDX; whether its words are known is not looked up
_EXPRESSION = re.compile(r"[A-Za-z0-9.+() -]{1,100}\Z")
Component = dict[str, Any]


def bill_of_materials(kept: Mapping[str, str], same: bool) -> dict[str, Any]:
    """The document. `kept`: variables that the run was given; `same`: whether it ran this interpreter."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "component": {"type": "application", "bom-ref": OWN, "name": OWN, "version": __version__},
            "properties": [{"name": "cloudmask:covers", "value": OF_RUN if same else OF_HARNESS}],
        },
        "components": [*_platform(), *_distributions(_places(kept))],
    }


def _platform() -> Iterator[Component]:
    """Operating system, kernel and interpreter."""
    try:
        system = platform.freedesktop_os_release()
        yield _component("operating-system", system["ID"], system.get("VERSION_ID"))
    except (OSError, KeyError):
        pass
    yield _component("operating-system", platform.system().lower(), platform.release())
    python = {"purl": f"pkg:generic/{platform.python_implementation().lower()}@{platform.python_version()}"}
    yield _component("platform", "python", platform.python_version()) | python


def _places(kept: Mapping[str, str]) -> list[str]:
    """Folders to look in: Python's own, and those of PYTHONPATH where the run was given it."""
    declared = [entry for entry in kept.get("PYTHONPATH", "").split(os.pathsep) if entry]
    callers = {
        os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
    }
    callers |= {os.path.abspath(site.getusersitepackages()), os.getcwd()}
    return [*declared, *(entry for entry in sys.path if entry and os.path.abspath(entry) not in callers)]


def _distributions(places: list[str]) -> Iterator[Component]:
    """Each distribution once, as Python would import it: the first of a name counts. Sorted by name."""
    found: dict[str, Component] = {}
    for distribution in metadata.distributions(path=places):
        name, version = distribution.metadata["Name"], distribution.version
        if name and name.lower() != OWN:
            plain = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503
            found.setdefault(
                plain, _of(distribution, name, version, f"pkg:pypi/{quote(plain)}@{quote(version or '')}")
            )
    yield from (found[name] for name in sorted(found))


def _of(distribution: metadata.Distribution, name: str, version: str | None, purl: str) -> Component:
    component = _component("library", name, version) | {"purl": purl, "bom-ref": purl}
    licence = _licence(distribution.metadata)
    if licence:
        component["licenses"] = [licence]
    record = distribution.read_text("RECORD")
    if record is not None:
        digest = hashlib.sha256(record.encode()).hexdigest()
        component["properties"] = [{"name": "cloudmask:record-sha256", "value": digest}]
    return component


def _component(kind: str, name: str, version: str | None) -> Component:
    return {
        "type": kind,
        "bom-ref": f"{kind}:{name}",
        "name": name,
        **({"version": version} if version else {}),
    }


def _field(stated: metadata.PackageMetadata, name: str) -> str:
    """A field of the metadata; empty where it is missing (`get` is not part of the type in Python 3.10 and 3.11)."""
    values = stated.get_all(name) or [""]
    return str(values[0])


def _licence(stated: metadata.PackageMetadata) -> dict[str, Any] | None:
    """As the distribution states it: an expression, else the classifiers' words, else a short License field."""
    expression = _field(stated, "License-Expression")
    if expression and _EXPRESSION.match(expression):
        return {"expression": expression}
    words = [
        c.rpartition(" :: ")[2] for c in stated.get_all("Classifier") or [] if c.startswith("License :: ")
    ]
    text = ", ".join(dict.fromkeys(words)) or _field(stated, "License")
    return (
        {"license": {"name": text.strip()}}
        if text.strip() and len(text) <= 100 and "\n" not in text
        else None
    )


def write_bill(path: Path, kept: Mapping[str, str], same: bool) -> str | None:
    """Write it, or say in one line why it could not be written: no run is lost for it."""
    try:
        write_json(path, bill_of_materials(kept, same))
    except Exception as error:  # metadata of any distribution may be broken in any way
        return f"no bill of materials: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None
