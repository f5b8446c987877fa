"""Which chassis, and which of its figures, is the power of a whole node (DMTF DSP0268, schemas Chassis, Power,
EnvironmentMetrics). A part (a processor, a module, a card) is never taken for the node, nor is a rack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from harness.telemetry.sources.node_power import ReadingFailed, names_a_part, watts
from harness.telemetry.sources.redfish_client import resource_path

# Values of ChassisType in schema Chassis; those in neither set can hold one node.
PARTS = frozenset(
    [
        "Card",
        "Module",
        "Component",
        "Expansion",
        "Sidecar",
        "Zone",
        "IPBasedDrive",
        "StorageEnclosure",
        "HeatExchanger",
    ]
)
SEVERAL_NODES = frozenset(("Rack", "Row", "Pod", "RackGroup", "PowerStrip", "ImmersionTank"))


@dataclass(frozen=True)
class Chassis:
    """One chassis as its resource describes it; `described` is false where that cannot be read."""

    path: str
    described: bool
    type: str | None
    systems: tuple[str, ...]  # paths of the computer systems in it
    contained: bool  # in another chassis
    # (kind, path) of those that may report its power, the newer one first
    resources: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return unquote(self.path.rsplit("/", 1)[-1], errors="replace")[:60]

    @property
    def not_a_node(self) -> str | None:
        """Why this cannot be one node; None where it can."""
        if self.type in PARTS:
            return f"{self.name} is a part of a node (ChassisType {self.type})"
        if self.type in SEVERAL_NODES:
            return f"{self.name} holds several nodes (ChassisType {self.type})"
        if len(self.systems) > 1:
            return f"{self.name} holds {len(self.systems)} computer systems"
        if self.described and self.type is None and self.contained and not self.systems:
            return f"{self.name} is a part of another chassis and holds no computer system"
        if not self.systems and self.type in (None, "Other") and names_a_part(self.name):
            return f"{self.name} is a part of a node by its name, and holds no computer system"
        return None


def chassis(path: str, resource: dict[str, Any] | None) -> Chassis:
    """From the resource of a chassis; None where it cannot be read."""
    value = resource or {}
    links = value.get("Links")
    links = links if isinstance(links, dict) else {}
    kind = value.get("ChassisType")
    resources = tuple(
        (name, resource_path(value.get(name)) or f"{path}/{name}") for name in ("EnvironmentMetrics", "Power")
    )
    return Chassis(
        path,
        resource is not None,
        kind if isinstance(kind, str) else None,
        tuple(sorted(set(_paths(links.get("ComputerSystems"))))),
        resource_path(links.get("ContainedBy")) is not None,
        resources,
    )


def power(kind: str, of: Chassis, resource: dict[str, Any]) -> float:
    """Watts of the node in an EnvironmentMetrics or Power resource of its chassis. Raises ReadingFailed."""
    return watts(_metrics(resource) if kind == "EnvironmentMetrics" else _control(resource, of))


def _metrics(value: dict[str, Any]) -> Any:
    reading = value.get("PowerWatts")
    return reading.get("Reading") if isinstance(reading, dict) else None


def _control(value: dict[str, Any], of: Chassis) -> Any:
    """PowerConsumedWatts of the one PowerControl entry that is of the node. Raises ReadingFailed."""
    listed = value.get("PowerControl")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if not entries:
        return None
    named = [entry for entry in entries if _is_of_node(entry, of)]
    open_ones = [entry for entry in entries if not _related(entry) and not _is_named_part(entry)]
    found = named or open_ones
    if len(found) == 1:
        return found[0].get("PowerConsumedWatts")
    if not found:
        raise ReadingFailed(f"the PowerControl entries of {of.name} are of parts, not of the node")
    raise ReadingFailed(f"{len(found)} PowerControl entries of {of.name} may be the node; which is not said")


def _is_of_node(entry: dict[str, Any], of: Chassis) -> bool:
    """Whether RelatedItem names this chassis or a whole computer system (of it, where those are known)."""
    for path in _related(entry):
        if path.rstrip("/") == of.path:
            return True
        if re.search(r"/Systems/[^/]+/?\Z", path) and (not of.systems or path.rstrip("/") in of.systems):
            return True
    return False


def _is_named_part(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("Name"), str) and names_a_part(entry["Name"])


def _related(entry: dict[str, Any]) -> list[str]:
    return _paths(entry.get("RelatedItem"), fragments=True)


def _paths(links: Any, fragments: bool = False) -> list[str]:
    """Paths of a list of links (or of one link); one with a fragment names a part of a resource."""
    listed = links if isinstance(links, list) else [links]
    found = []
    for link in listed:
        path = resource_path(link)
        if path is not None:
            whole = link["@odata.id"] if fragments and isinstance(link, dict) else path
            found.append(whole.rstrip("/"))
    return found
