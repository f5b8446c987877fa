"""The system, declared beside detected, and the software seen in the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.drawing.labels import field_label
from harness.report.drawing.text import clean
from harness.report.material import Material
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.system.model import SystemField
from rules.model.layout import RunFiles
from rules.model.package import NOT_PROBED, Package

MAX_FIELDS = 120
BILL_ROW = "packages installed"
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
    elif not seen or seen == NOT_PROBED:
        state = "only_declared"
    elif not said or said == NOT_PROBED:
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
    shown = {name: ", ".join(versions[:4]) for name, versions in seen.items()}
    return {**shown, **_installed(package)}


def _installed(package: Package) -> dict[str, str]:
    """How many packages were installed, and whether in all runs the same; nothing where no run lists them."""
    lists = [run.packages for run in package.runs if run.packages is not None]
    if not lists:
        return {}
    counts = sorted({len(one) for one in lists})
    same = "the same in all runs" if all(one == lists[0] for one in lists) else "not the same in all runs"
    few = "" if len(lists) == len(package.runs) else f", listed for {len(lists)} of {len(package.runs)} runs"
    return {BILL_ROW: f"{' or '.join(map(str, counts[:4]))}, {same}{few}: {RunFiles(Path()).bill}"}


def _build(material: Material) -> Built:
    package = material.package
    return Built({"system": system_fields(package), "software": software(package)})


PANEL = ReportPanel(
    anchor="system",
    title="The system, declared and detected",
    link="System",
    order=80,
    build=_build,
    view=lambda report: {"undetectable": UNDETECTABLE},
    about="What the submitter says, beside what was found on the machine.",
)
