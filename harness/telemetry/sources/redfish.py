"""Power of the whole node over Redfish (DMTF DSP0268): PowerWatts of a chassis' EnvironmentMetrics, or
PowerConsumedWatts of its older Power. redfish_client.py asks, redfish_power.py tells the node from its parts.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.node_power import NODE, NodePowerSource, ReadingFailed
from harness.telemetry.sources.redfish_client import (
    NEXT_PAGE,
    TRIES,
    URL_VARIABLE,
    WHAT,
    Client,
    Missing,
    TryAgain,
    fix,
    resource_path,
    service_of_environment,
)
from harness.telemetry.sources.redfish_power import Chassis, chassis, power

CHASSIS_VARIABLE = "CLOUDMASK_REDFISH_CHASSIS"
ROOT, COLLECTION = "/redfish/v1/", "/redfish/v1/Chassis"
LIMIT_S = 5.0  # of one answer
OPEN_S = 30.0  # for all questions until the node is found: large machines list a hundred chassis
MAX_CHASSIS, MAX_PAGES = 512, 64
MAX_SAID = 3
_ELSEWHERE = f"names its chassis at another address than {URL_VARIABLE}, where the password is not sent"


@dataclass(frozen=True)
class _Resource:
    """An EnvironmentMetrics or Power resource, and the chassis that it is of."""

    of: Chassis
    kind: str
    path: str


class RedfishSource(NodePowerSource):
    """Node power in watts, as often as the management controller renews it."""

    name = "redfish"
    preference = 1  # finer readings than the others
    open_s: ClassVar[float] = OPEN_S + 2 * LIMIT_S

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        super().__init__()
        self._limit_s = limit_s
        self._client: Client | None = None
        self._node: _Resource | None = None
        self._give_up_at = 0.0

    def open(self) -> None:
        """Find the one chassis that is this node and reports power. Raises SourceUnavailable."""
        self._client = Client(service_of_environment(), self._limit_s)
        self._give_up_at = time.monotonic() + OPEN_S
        try:
            paths = self._chassis_paths()
            found, failed = self._reporting(paths)
        except ReadingFailed as error:
            raise SourceUnavailable(WHAT, str(error), _fix(str(error))) from None
        linked = [resource for resource in found if resource.of.systems]
        found = linked if len(linked) == 1 else found
        if len(found) > 1:
            raise SourceUnavailable(
                WHAT,
                f"{len(found)} chassis report power: {', '.join(resource.of.name for resource in found)}",
                f"name the one that is this node in {CHASSIS_VARIABLE}",
            )
        if not found:
            said = str(failed[0]) if len(paths) == 1 and failed else _summary(failed)
            raise SourceUnavailable(WHAT, said, _fix(said))
        unknown = [str(error) for error in failed if isinstance(error, TryAgain)]
        if unknown and not found[0].of.systems:
            said = f"whether {found[0].of.name} is the node is not known: of another chassis, {unknown[0]}"
            raise SourceUnavailable(WHAT, said, f"try again, or name the node in {CHASSIS_VARIABLE}")
        self._node = found[0]

    def _chassis_paths(self) -> list[str]:
        """The chassis that the environment names, or all of the service, page by page."""
        named = os.environ.get(CHASSIS_VARIABLE)
        if named:
            path = resource_path(named if named.startswith("/") else f"{COLLECTION}/{named}")
            if path is None:
                raise ReadingFailed(f"{CHASSIS_VARIABLE} is not a chassis")
            return [path.rstrip("/")]
        page: str | None = self._collection()
        found: dict[str, None] = {}
        elsewhere = False
        for _ in range(MAX_PAGES):
            if page is None or len(found) >= MAX_CHASSIS:
                break
            resource = self._ask(page)
            members = resource.get("Members")
            listed = [resource_path(member) for member in members] if isinstance(members, list) else []
            found.update((path.rstrip("/"), None) for path in listed if path)
            elsewhere = elsewhere or "://" in str(members)
            page = _next_page(resource)
        if not found:
            raise ReadingFailed(f"the service {_ELSEWHERE}" if elsewhere else "the service lists no chassis")
        return list(found)[:MAX_CHASSIS]

    def _collection(self) -> str:
        """Where the service's root says that its chassis are."""
        try:
            return resource_path(self._ask(ROOT).get("Chassis")) or COLLECTION
        except Missing:
            return COLLECTION

    def _reporting(self, paths: list[str]) -> tuple[list[_Resource], list[ReadingFailed]]:
        """Resources that give a node's power now, one per chassis; and why the other chassis give none."""
        found: list[_Resource] = []
        failed: list[ReadingFailed] = []
        for path in paths:
            try:
                found.append(self._readable(path))
            except ReadingFailed as error:
                failed.append(error)
        return found, failed

    def _readable(self, path: str) -> _Resource:
        """The resource with the power of this chassis. Raises ReadingFailed: it is not a node, or has none."""
        try:
            of = chassis(path, self._ask(path))
        except Missing:
            of = chassis(path, None)
        if of.not_a_node:
            raise ReadingFailed(of.not_a_node)
        failed: list[ReadingFailed] = []
        for kind, where in of.resources:
            resource = _Resource(of, kind, where)
            try:
                power(kind, of, self._ask(where))
            except ReadingFailed as error:
                failed.append(error)
            else:
                return resource
        raise next((error for error in failed if not isinstance(error, Missing)), failed[0])

    def measure(self) -> float:
        """Watts by one request. Raises ReadingFailed."""
        assert self._client is not None and self._node is not None
        return power(self._node.kind, self._node.of, self._client.get(self._node.path))

    def _ask(self, path: str) -> dict[str, Any]:
        assert self._client is not None
        if time.monotonic() > self._give_up_at:
            raise TryAgain(f"the service did not list its chassis within {OPEN_S:g} s")
        return self._client.get(path, TRIES)

    def devices(self) -> dict[str, str]:
        """The chassis, without the address of the service."""
        return {NODE: f"Redfish chassis {self._node.of.name if self._node else ''}"}

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.drop()


def _next_page(resource: dict[str, Any]) -> str | None:
    """The path of the next page; None after the last one. Raises ReadingFailed: without it the node may be missing."""
    link = next((resource[name] for name in NEXT_PAGE if resource.get(name)), None)
    page = resource_path(link)
    if link is not None and page is None:
        raise ReadingFailed("the list of chassis goes on elsewhere, which is not followed")
    return page


def _summary(failed: list[ReadingFailed]) -> str:
    """Why no chassis is the node: failures for the moment first."""
    base = "no chassis of a node reports PowerWatts or PowerConsumedWatts"
    reasons = [str(error) for error in failed if not isinstance(error, Missing)]
    said = dict.fromkeys(reason for reason in reasons if "it is absent" not in reason)
    ordered = sorted(said, key=lambda reason: "is a part" in reason or "holds" in reason)
    more = f"; and {len(ordered) - MAX_SAID} more" if len(ordered) > MAX_SAID else ""
    return f"{base} ({'; '.join(ordered[:MAX_SAID])}{more})" if ordered else base


def _fix(reason: str) -> str:
    if _ELSEWHERE in reason:
        named = f"or name the chassis in {CHASSIS_VARIABLE}"
        return f"set {URL_VARIABLE} to the address by which the service calls itself, {named}"
    if any(said in reason for said in ("not a number", "lists no chassis", "it reads")):
        return "update the management controller, use IPMI, or import the log of an external meter"
    if (
        "(404)" in reason
        or "goes on elsewhere" in reason
        or CHASSIS_VARIABLE in reason
        or "may be the node" in reason
    ):
        return f"see the chassis under {COLLECTION} and name one in {CHASSIS_VARIABLE}; else use IPMI"
    if "part" in reason or "holds" in reason or "chassis of a node" in reason and "busy" not in reason:
        return "use IPMI, or import the log of an external meter"
    return fix(reason)
