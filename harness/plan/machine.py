"""The machine of a plan: the system description that is submitted, beside what was detected here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.machine.description import FieldComparison, compare, read_description, system_description
from harness.machine.detect import Detected, detect
from harness.plan.request import Request
from rules.model.package import NOT_PROBED, System


@dataclass(frozen=True)
class Machine:
    """The declared system, and how it compares with the machine that the harness runs on."""

    declared: System
    comparison: tuple[FieldComparison, ...]

    @property
    def differing(self) -> list[FieldComparison]:
        """Fields that were declared otherwise than they are here; empty on the right machine."""
        return [field for field in self.comparison if field.agrees is False]


def look_at_machine(request: Request) -> Machine:
    """Detect this machine and compare it with the request's description.

    Raises UserError when a description cannot be read.
    """
    detected = detect()
    declared = _declared(request, detected)
    return Machine(declared, tuple(compare(declared.fields, detected)))


def _declared(request: Request, detected: Detected) -> System:
    """The organisation's own system description; else an example's; else what was probed.

    An example says which accelerators it is about. The rest of it describes a machine that nobody
    has, so there the probed values of this one take its place.
    """
    source, layout, recipe = request.source, request.layout, request.recipe
    probed = system_description(detected, request.org, recipe.division, recipe.status, request.system)
    if layout.system_json.is_file():
        fields = read_description(layout.system_json)
    elif source.system_json.is_file():
        fields = {**read_description(source.system_json), **_host(probed, detected)}
    else:
        fields = {**probed, "number_of_nodes": str(recipe.devices.nodes)}  # one node sees only itself
    fields |= {"submitter": request.org, "division": recipe.division}
    path = layout.system_json.relative_to(layout.root).as_posix()
    provenance = {name: _provenance(name, value, detected) for name, value in fields.items()}
    return System(request.system, path, fields, provenance, dict(detected.fields))


def _host(probed: dict[str, str], detected: Detected) -> dict[str, str]:
    """What was really probed, except for the accelerators and the number of nodes."""
    return {
        name: value
        for name, value in probed.items()
        if detected.provenance.get(name) == "probed"
        and not name.startswith(("accelerator", "number_of_nodes"))
    }


def _provenance(name: str, value: Any, detected: Detected) -> str:
    if value == NOT_PROBED:
        return "unknown"
    same = detected.fields.get(name) == value
    return detected.provenance.get(name, "typed") if same else "typed"
