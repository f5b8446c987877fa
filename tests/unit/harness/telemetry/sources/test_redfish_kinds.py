"""Redfish services as they differ: which chassis and which figure is the node, pages, redirects, busy controllers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from harness.telemetry.sources import redfish_client
from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.redfish import RedfishSource
from tests.support.node_fakes import Redfish, redfish_service
from tests.support.telemetry_fakes import opened

CHASSIS = "/redfish/v1/Chassis"
SYSTEM = {"ComputerSystems": [{"@odata.id": "/redfish/v1/Systems/1"}]}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redfish]:
    monkeypatch.setattr(redfish_client, "PAUSE_S", 0.01)
    with redfish_service() as state:
        for name, value in state.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("CLOUDMASK_REDFISH_CHASSIS", raising=False)
        yield state


def links(*names: str) -> list[dict[str, str]]:
    return [{"@odata.id": f"{CHASSIS}/{name}"} for name in names]


def add(service: Redfish, name: str, watt: float, **described: Any) -> None:
    """A chassis of that name with this power, and nothing about it unless it is described."""
    service.resources[CHASSIS]["Members"] += links(name)
    service.resources[f"{CHASSIS}/{name}/EnvironmentMetrics"] = {"PowerWatts": {"Reading": watt}}
    if described:
        service.resources[f"{CHASSIS}/{name}"] = described


def only(service: Redfish, entries: list[dict[str, Any]]) -> None:
    """The one chassis reports by PowerControl."""
    del service.resources[f"{CHASSIS}/1/EnvironmentMetrics"]
    service.resources[f"{CHASSIS}/1/Power"] = {"PowerControl": entries}


def power() -> float:
    source = opened(RedfishSource())
    (value,) = source.read()
    assert value is not None
    return value


def refused() -> str:
    with pytest.raises(SourceUnavailable) as caught:
        RedfishSource().open()
    return f"{caught.value.why}. {caught.value.fix}"


@pytest.mark.parametrize("kind", ["Module", "Card", "Component", "Expansion", "Rack", "Row", "PowerStrip"])
def test_a_chassis_of_another_kind_is_not_the_node(service: Redfish, kind: str) -> None:
    service.resources[f"{CHASSIS}/1"] = {"ChassisType": kind}
    assert f"ChassisType {kind}" in refused()


@pytest.mark.parametrize("kind", ["Module", "Rack"])
def test_parts_beside_the_node_do_not_hide_it(service: Redfish, kind: str) -> None:
    add(service, "Other", 90.0, ChassisType=kind)
    assert power() == 412.5


@pytest.mark.parametrize("kind", ["RackMount", "Blade", "Sled", "StandAlone", "Enclosure", "Other"])
def test_chassis_that_can_be_a_node(service: Redfish, kind: str) -> None:
    service.resources[f"{CHASSIS}/1"] = {"ChassisType": kind, "Links": SYSTEM}
    add(service, "Unknown", 90.0)
    assert power() == 412.5  # the one with the computer system


def test_a_part_may_not_be_named_as_the_node(service: Redfish, monkeypatch: pytest.MonkeyPatch) -> None:
    add(service, "Card1", 75.0, ChassisType="Card")
    monkeypatch.setenv("CLOUDMASK_REDFISH_CHASSIS", "Card1")
    assert "part of a node" in refused()


def test_a_chassis_of_several_systems_is_not_one_node(service: Redfish) -> None:
    systems = [{"@odata.id": f"/redfish/v1/Systems/{number}"} for number in range(4)]
    service.resources[f"{CHASSIS}/1"] = {"ChassisType": "Enclosure", "Links": {"ComputerSystems": systems}}
    assert "4 computer systems" in refused()


def test_a_contained_chassis_without_system_is_a_part(service: Redfish) -> None:
    service.resources[f"{CHASSIS}/1"] = {"Links": {"ContainedBy": {"@odata.id": f"{CHASSIS}/0"}}}
    assert "part of another chassis" in refused()


@pytest.mark.parametrize("order", [1, -1])
def test_the_entry_of_the_node_is_taken_wherever_it_stands(service: Redfish, order: int) -> None:
    node = {"PowerConsumedWatts": 263, "RelatedItem": [{"@odata.id": "/redfish/v1/Systems/1"}]}
    memory = {"PowerConsumedWatts": 31, "RelatedItem": [{"@odata.id": "/redfish/v1/Systems/1/Memory/1"}]}
    supply = {"PowerConsumedWatts": 280, "RelatedItem": [{"@odata.id": f"{CHASSIS}/1#/PowerSupplies/0"}]}
    only(service, [memory, node, supply][::order])
    assert power() == 263


@pytest.mark.parametrize(
    "entries",
    [
        [{"PowerConsumedWatts": 155, "RelatedItem": [{"@odata.id": "/redfish/v1/Systems/1/Processors/1"}]}],
        [{"PowerConsumedWatts": 155, "Name": "CPU Sub-system Power"}],
        [{"PowerConsumedWatts": 155, "Name": "GPU 3"}],
        [{"PowerConsumedWatts": 155}, {"PowerConsumedWatts": 263}],
        [{"PowerConsumedWatts": 155, "RelatedItem": [{"@odata.id": f"{CHASSIS}/Module_0"}]}],
    ],
)
def test_entries_of_parts_or_of_nothing_said_are_refused(
    service: Redfish, entries: list[dict[str, Any]]
) -> None:
    only(service, entries)
    assert "PowerControl entries" in refused()


def test_one_unnamed_entry_beside_named_parts_is_the_node(service: Redfish) -> None:
    only(
        service,
        [{"Name": "Fans", "PowerConsumedWatts": 20}, {"Name": "System Power", "PowerConsumedWatts": 263}],
    )
    assert power() == 263


@pytest.mark.parametrize("sentinel", [65535, 32767, 4294967.295, 4294.967295])
def test_sentinels_are_not_power(service: Redfish, sentinel: float) -> None:
    service.reading(sentinel)
    assert "unknown" in refused()


@pytest.mark.slow
def test_pages_are_followed(service: Redfish) -> None:
    first = f"{CHASSIS}?$skip=1"
    service.resources[CHASSIS] = {"Members": links("Empty"), "Members@odata.nextLink": first}
    service.resources[first] = {"Members": links("1"), "Members@odata.nextLink": first}  # and never end
    assert power() == 412.5


def test_the_root_says_where_chassis_are(service: Redfish) -> None:
    service.resources["/redfish/v1/"] = {"Chassis": {"@odata.id": "/redfish/v1/Elsewhere"}}
    service.resources["/redfish/v1/Elsewhere"] = service.resources.pop(CHASSIS)
    assert power() == 412.5


@pytest.mark.slow
def test_many_chassis_do_not_hide_the_last(service: Redfish) -> None:
    service.resources[CHASSIS] = {"Members": links(*(f"Part_{number}" for number in range(60)), "1")}
    assert power() == 412.5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(service: Redfish, status: int) -> None:
    service.status_for = 2
    service.status = status
    assert power() == 412.5


def test_a_service_that_stays_busy_is_told_from_one_without_power(service: Redfish) -> None:
    service.status = 503
    assert "busy for the moment (503), asked 3 times. try again" in refused()
    service.status = None
    del service.resources[f"{CHASSIS}/1/EnvironmentMetrics"]
    assert "no such resource" in refused()


def test_one_broken_chassis_does_not_take_the_rest(service: Redfish) -> None:
    service.resources[CHASSIS]["Members"] = [None, 7, {"@odata.id": "http://x/"}, *links("Bad", "1")]
    service.resources[f"{CHASSIS}/Bad"] = ["nonsense"]
    assert power() == 412.5


@pytest.mark.parametrize(
    "place", ["/redfish/v1/Chassis/1/Moved", "{url}/redfish/v1/Chassis/1/Moved", "Moved"]
)
def test_redirects_on_the_same_service_are_followed(service: Redfish, place: str) -> None:
    path = f"{CHASSIS}/1/EnvironmentMetrics"
    service.resources[f"{CHASSIS}/1/Moved"] = service.resources.pop(path)
    service.redirects[path] = place.replace("{url}", service.url)
    assert power() == 412.5


@pytest.mark.parametrize(
    "place",
    ["http://example.org/redfish/v1/x", "//example.org/redfish/v1/x", "https://127.0.0.1/redfish/", "/etc"],
)
def test_redirects_elsewhere_are_not_followed(service: Redfish, place: str) -> None:
    service.redirects[CHASSIS] = place
    said = refused()
    assert "redirects" in said and "example.org" not in said


def test_redirects_in_a_circle_end(service: Redfish) -> None:
    service.redirects[CHASSIS] = CHASSIS
    assert "more than 5 times" in refused()


@pytest.mark.parametrize("name", ["Members@odata.nextLink", "@odata.nextLink"])
def test_links_may_name_the_service_in_full(service: Redfish, name: str) -> None:
    there = f"{service.url}{CHASSIS}"
    service.resources[CHASSIS] = {"Members": links("Empty"), name: f"{there}?$skip=1"}
    service.resources[f"{CHASSIS}?$skip=1"] = {"Members": [{"@odata.id": f"{there}/1"}]}
    assert power() == 412.5


def test_a_list_that_goes_on_elsewhere_is_not_taken_for_whole(service: Redfish) -> None:
    service.resources[CHASSIS]["Members@odata.nextLink"] = f"https://other.example{CHASSIS}?$skip=1"
    assert "goes on elsewhere" in refused() and "CLOUDMASK_REDFISH_CHASSIS" in refused()


def test_links_to_an_inner_address_are_explained_and_a_named_chassis_is_the_way_out(
    service: Redfish, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = f"https://192.0.2.7{CHASSIS}/1"
    service.resources[CHASSIS] = {"Members": [{"@odata.id": inner}]}
    said = refused()
    assert "at another address than CLOUDMASK_REDFISH_URL" in said and "192.0.2" not in said
    assert "or name the chassis in CLOUDMASK_REDFISH_CHASSIS" in said
    service.resources[f"{CHASSIS}/1"] = {"EnvironmentMetrics": {"@odata.id": f"{inner}/EnvironmentMetrics"}}
    monkeypatch.setenv("CLOUDMASK_REDFISH_CHASSIS", "1")
    assert power() == 412.5


@pytest.mark.parametrize(
    ("reading", "why"), [("412", "a text"), (None, "absent"), ([412], "not a number"), (10**400, "more than")]
)
def test_a_reading_of_another_kind_is_said_to_be(service: Redfish, reading: Any, why: str) -> None:
    service.reading(reading)
    assert why in refused()


@pytest.mark.parametrize("members", [[], None])
def test_a_service_without_chassis_is_said_to_be(service: Redfish, members: Any) -> None:
    service.resources[CHASSIS] = {"Members": members}
    assert "lists no chassis" in refused()


@pytest.mark.parametrize("name", ["Chassis 1", "{4c4c-4544}", "Geh\u00e4use"])
def test_names_that_have_to_be_quoted_are_asked_for(service: Redfish, name: str) -> None:
    quoted = f"{CHASSIS}/{quote(name)}"
    service.resources[CHASSIS] = {"Members": links(name)}
    service.resources[f"{quoted}/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 77.0}}
    source = opened(RedfishSource())
    assert list(source.read()) == [77.0] and name in source.devices()["node"]


@pytest.mark.parametrize(
    ("encode", "headers"),
    [
        (lambda text: text.replace("NAME", "Ger\u00e4t").encode("latin-1"), {}),
        (lambda text: text.replace("NAME", "two\tcolumns\n").encode(), {}),
        (lambda text: text.encode() + b"\0\0\0", {}),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), {}),
        (lambda text: gzip.compress(text.encode()), {"Content-Encoding": "gzip"}),
    ],
    ids=["Latin-1", "tabs", "padded", "mark", "packed"],
)
def test_one_odd_byte_takes_no_reading(
    service: Redfish, encode: Callable[[str], bytes], headers: dict[str, str]
) -> None:
    service.resources[f"{CHASSIS}/1"] = {"Manufacturer": "NAME"}
    service.encode, service.headers = lambda value: encode(json.dumps(value)), headers
    assert power() == 412.5


def test_a_packed_answer_may_not_grow_without_end(service: Redfish) -> None:
    service.raw, service.headers = gzip.compress(b" " * (1 << 24)), {"Content-Encoding": "gzip"}
    assert "longer than 1 MiB" in refused()


def test_an_answer_cut_short_is_asked_for_again(service: Redfish) -> None:
    service.headers, service.close_after = {"Content-Length": "4000"}, True
    assert "asked 3 times" in refused()


@pytest.mark.parametrize("name", ["HGX_GPU_SXM_1", "PSU2", "CPU Sub-system", "BlueField_DPU"])
def test_a_part_by_its_name_is_not_the_node(service: Redfish, name: str) -> None:
    service.resources[CHASSIS]["Members"] = []
    add(service, name, 300.0)
    assert "part of a node by its name" in refused()
    add(service, "WFP_Baseboard", 77.0)
    assert power() == 77.0


def test_a_login_page_is_not_a_service(service: Redfish) -> None:
    service.raw = b"<html>Log in</html>"
    assert "CLOUDMASK_REDFISH_URL is the management controller itself" in refused()
