"""Sources of whole-node power: working, dead, slow, lying and disappearing ones."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.telemetry.sources import ipmi
from harness.telemetry.sources.ipmi import IpmiSource, power_reading
from harness.telemetry.sources.node_power import ReadingFailed, interval_s, watts
from harness.telemetry.sources.redfish import RedfishSource
from harness.telemetry.sources.redfish_client import Client, service_of_environment
from tests.support.node_fakes import Redfish, dcmi, ipmitool, redfish_service, saying
from tests.support.telemetry_fakes import opened, unavailable
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("CLOUDMASK_", "IPMI_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redfish]:
    with redfish_service() as state:
        for name, value in state.environment().items():
            monkeypatch.setenv(name, value)
        yield state


# ---------------------------------------------------------------- what all share


@pytest.mark.parametrize("value", [0, -3, 0.246, True, float("nan"), float("inf"), 100_001, "200", None])
def test_no_machine_draws_this(value: object) -> None:
    with pytest.raises(ReadingFailed):
        watts(value)


@pytest.mark.parametrize(
    ("said", "meant"), [("", 0.5), ("0.2", 0.2), ("5", 1.0), ("0", 0.01), ("nan", 0.5), ("x", 0.5)]
)
def test_readings_are_never_rarer_than_one_a_second(
    said: str, meant: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDMASK_POWER_INTERVAL_S", said)
    assert interval_s() == meant
    assert IpmiSource().interval_s == meant


# ---------------------------------------------------------------- IPMI


def test_ipmi_reads_watts_of_the_node(tools: Path) -> None:
    ipmitool(tools, saying(dcmi("214 Watts")))
    source = opened(IpmiSource())
    (spec,) = source.quantities()
    assert (spec.key, spec.unit, spec.scope) == ("node.node_power", "W", "node")
    assert list(source.read()) == [214.0]
    assert source.notes() == [] and source.interval_s == 0.5


def test_ipmi_asks_a_remote_controller_without_naming_the_password(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipmitool(tools, f'echo "$@" > {tools}/arguments\n{saying(dcmi())}')
    monkeypatch.setenv("CLOUDMASK_IPMI_HOST", "bmc7")
    monkeypatch.setenv("CLOUDMASK_IPMI_USER", "reader")
    monkeypatch.setenv("IPMI_PASSWORD", "s3cret-word")
    opened(IpmiSource())
    said = (tools / "arguments").read_text().strip()
    assert said == "-I lanplus -H bmc7 -E -U reader dcmi power reading"


def test_ipmi_may_be_wrapped(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ipmitool(tools / "elsewhere", saying(dcmi("99 Watts")))
    monkeypatch.setenv("CLOUDMASK_IPMITOOL", f"env LANG=C {path}")
    assert list(opened(IpmiSource()).read()) == [99.0]


def test_no_ipmitool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = unavailable(IpmiSource())
    assert "on PATH" in error.why and "install ipmitool" in error.fix


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("Could not open device at /dev/ipmi0 or /dev/ipmi/0: No such file or directory", "no IPMI device"),
        ("Could not open device at /dev/ipmi0: Permission denied", "root only"),
        ("sudo: a password is required", "root only"),
        ("sudo: sorry, you must have a tty to run sudo", "root only"),
        ("Address lookup for bmc-17 failed", "is unknown here"),
        ("DCMI request failed because: Invalid command (c1)", "no DCMI power reading"),
        ("Error: Unable to establish IPMI v2 / RMCP+ session", "refused the session"),
        ("something else at 10.0.0.7", "code 1"),
    ],
)
def test_why_ipmi_does_not_work(tools: Path, says: str, why: str) -> None:
    ipmitool(tools, f"echo '{says}' >&2; exit 1")
    error = unavailable(IpmiSource())
    assert why in error.why
    assert "10.0.0.7" not in f"{error.why} {error.fix}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (dcmi("0 Watts"), "0 W"),
        (dcmi("-5 Watts"), "-5 W"),
        (dcmi("999999 Watts"), "more than a node"),
        (dcmi("nan Watts"), "not a number"),
        (dcmi("many Watts"), "not a number"),
        (dcmi("N/A"), "no unit"),  # and not that of the next line
        (dcmi("200 BTU"), "unit BTU"),
        (dcmi("0 Watts", state="deactivated"), "not activated"),
        (dcmi("65535 Watts"), "power is unknown"),
        (dcmi("32767 Watts"), "power is unknown"),
        ("", "no instantaneous"),
        ("\x1b[31mgarbage\x00" * 100, "no instantaneous"),
    ],
)
def test_ipmi_that_lies_is_not_believed(tools: Path, text: str, why: str) -> None:
    with pytest.raises(ReadingFailed, match=why):
        power_reading(text)


def test_a_deactivated_measurement_with_a_reading_is_taken_and_said(tools: Path) -> None:
    ipmitool(tools, saying(dcmi("319 Watts", state="deactivated")))
    source = opened(IpmiSource())
    assert list(source.read()) == [319.0]
    assert "not activated" in source.notes()[0]


@pytest.mark.parametrize(
    "says",
    ["Node busy (c0)", "Unspecified error (ff)", "Timeout (c3)", "BMC initialization in progress (0xd2)"],
)
def test_a_busy_controller_is_asked_again(tools: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi, "PAUSE_S", 0.01)
    fails = f"echo 'DCMI request failed because: {says}' >&2; exit 1"
    ipmitool(tools, f"if [ ! -e {tools}/asked ]; then : > {tools}/asked; {fails}; fi\n{saying(dcmi())}")
    assert list(opened(IpmiSource()).read()) == [214.0]
    ipmitool(tools, fails)
    error = unavailable(IpmiSource())
    assert "busy for the moment" in error.why and "again" in error.fix


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "[ -e asked ] || { : > asked; echo 'Error sending request: response is null' >&2; exit 0; }",
            "exit 0",
        ),
        ("", "echo 'Close Session command failed' >&2; exit 1"),
    ],
)
def test_it_is_the_reading_that_counts_not_the_exit_code(
    tools: Path, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ipmi, "PAUSE_S", 0.01)
    monkeypatch.chdir(tools)
    ipmitool(tools, f"{before}\n{saying(dcmi())}\n{after}")
    assert list(opened(IpmiSource()).read()) == [214.0]


def test_a_command_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDMASK_IPMITOOL", "sudo -n 'ipmitool")
    assert "CLOUDMASK_IPMITOOL is not a command" in unavailable(IpmiSource()).why


def test_endless_output_is_not_kept(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(ipmi, "MAX_BYTES", 1000)
    real = ipmi._Answer
    monkeypatch.setattr(ipmi, "_Answer", lambda *said: (kept.append(len(said[1])), real(*said))[1])
    ipmitool(tools, f"{saying(dcmi())}\nhead -c 1000000 /dev/zero")
    assert list(opened(IpmiSource()).read()) == [214.0]
    assert max(kept) <= 1000
    ipmitool(tools, "exec yes")
    assert "no answer" in unavailable(IpmiSource(open_limit_s=0.5)).why


def test_ipmi_that_hangs_is_ended_with_its_children(tools: Path) -> None:
    ipmitool(tools, f"sleep 600 &\necho $! > {tools}/child\nwait")
    started = time.monotonic()
    error = unavailable(IpmiSource(open_limit_s=2.0))
    assert "no answer within 2 s" in error.why
    assert time.monotonic() - started < 200  # not the ten minutes
    child = int((tools / "child").read_text())
    wait_for(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_ipmi_that_disappears_and_comes_back(tools: Path) -> None:
    path = ipmitool(tools, saying(dcmi("200 Watts")))
    source = opened(IpmiSource())
    path.unlink()
    assert list(source.read()) == [None] and list(source.read()) == [None]
    ipmitool(tools, saying(dcmi("210 Watts")))
    assert list(source.read()) == [210.0]
    failed, back = source.notes()  # each said once
    assert "cannot be started" in failed and "back" in back


def test_a_slow_reading_is_absent(tools: Path) -> None:
    ipmitool(tools, saying(dcmi()))
    source = opened(IpmiSource(read_limit_s=0.3))
    ipmitool(tools, "sleep 60")
    assert list(source.read()) == [None]
    assert "no answer" in source.notes()[0]


# ---------------------------------------------------------------- Redfish


def test_redfish_reads_environment_metrics(service: Redfish) -> None:
    source = opened(RedfishSource())
    assert list(source.read()) == [412.5]
    (spec,) = source.quantities()
    assert (spec.unit, spec.scope) == ("W", "node")
    assert source.devices() == {"node": "Redfish chassis 1"}


def test_redfish_reads_the_older_power_resource(service: Redfish) -> None:
    del service.resources["/redfish/v1/Chassis/1/EnvironmentMetrics"]
    service.resources["/redfish/v1/Chassis/1/Power"] = {"PowerControl": [{"PowerConsumedWatts": 344}]}
    assert list(opened(RedfishSource()).read()) == [344.0]


def test_an_ipv6_address_needs_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller on the host's own network (usb0) has one that is valid on that interface only."""
    for url, host, port in [
        ("https://[fd00::17]", "fd00::17", 443),
        ("http://[fe80::17%25usb0]", "fe80::17%usb0", 80),
        ("https://[fe80::17%usb0]:8443", "fe80::17%usb0", 8443),
    ]:
        monkeypatch.setenv("CLOUDMASK_REDFISH_URL", url)
        service = service_of_environment()
        connection = Client(service, 1.0)._connected()
        assert (connection.host, connection.port) == (host, port)
        assert "%" not in service.headers.get("Host", "")


def test_redfish_keeps_one_connection_and_survives_its_loss(service: Redfish) -> None:
    source = opened(RedfishSource())
    before = service.requests
    assert [list(source.read()) for _ in range(3)] == [[412.5]] * 3
    assert service.requests == before + 3
    service.close_after = True
    assert [list(source.read()) for _ in range(3)] == [[412.5]] * 3
    assert source.notes() == []


def test_several_chassis_have_to_be_chosen_from(service: Redfish, monkeypatch: pytest.MonkeyPatch) -> None:
    service.resources["/redfish/v1/Chassis"]["Members"].append({"@odata.id": "/redfish/v1/Chassis/Rack"})
    service.resources["/redfish/v1/Chassis/Rack/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 9000}}
    error = unavailable(RedfishSource())
    assert "1, Rack" in error.why and "CLOUDMASK_REDFISH_CHASSIS" in error.fix
    monkeypatch.setenv("CLOUDMASK_REDFISH_CHASSIS", "1")
    assert list(opened(RedfishSource()).read()) == [412.5]


def test_redfish_is_silent_unless_named() -> None:
    assert "CLOUDMASK_REDFISH_URL is not set" in unavailable(RedfishSource()).why


@pytest.mark.parametrize(
    "url", ["bmc7", "ftp://bmc7", "https://me:s3cret-word@bmc7", "https://", "https://bmc7/a", "http://x:y"]
)
def test_addresses_that_are_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDMASK_REDFISH_URL", url)
    error = unavailable(RedfishSource())
    assert "s3cret-word" not in f"{error} {error.fix}" and "is not an address" in error.why


def test_no_message_holds_address_or_password(service: Redfish) -> None:
    port = service.url.rpartition(":")[2]
    service.password = "another"
    said = [unavailable(RedfishSource())]
    service.password = "s3cret-word"
    source = opened(RedfishSource())
    service.status = 503
    source.read()
    for text in [f"{e.what} {e.why} {e.fix}" for e in said] + source.notes() + [repr(vars(source))]:
        assert "s3cret-word" not in text and port not in text and "127.0.0.1" not in text
    assert "401" in said[0].why and "CLOUDMASK_REDFISH_PASSWORD" in said[0].fix


@pytest.mark.parametrize("value", [0, -1, None, "412", True, 1e9, {}, [1]])
def test_redfish_that_lies_is_not_believed(service: Redfish, value: object) -> None:
    source = opened(RedfishSource())
    service.reading(value)
    assert list(source.read()) == [None]
    assert "reading failed" in source.notes()[0]


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[1]", b"[" * 100_000, b"x" * 3_000_000])
def test_redfish_that_talks_nonsense(service: Redfish, raw: bytes) -> None:
    source = opened(RedfishSource())
    service.raw = raw
    assert list(source.read()) == [None]
    assert len(source.notes()[0]) < 300


def test_redfish_that_is_slow_or_gone(service: Redfish, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(RedfishSource(limit_s=2.0))
    service.may_answer.clear()
    assert list(source.read()) == [None]
    assert "no answer within 2 s" in source.notes()[0]
    service.may_answer.set()
    assert list(source.read()) == [412.5]
    assert "back" in source.notes()[0]
    monkeypatch.setenv("CLOUDMASK_REDFISH_URL", "http://127.0.0.1:9")
    assert "refuses connections" in unavailable(RedfishSource()).why


def test_redfish_follows_no_redirect_to_nowhere(service: Redfish) -> None:
    service.status = 302
    assert "answers 302" in unavailable(RedfishSource()).why


def test_a_body_that_drips_is_given_up(service: Redfish) -> None:
    source = opened(RedfishSource(limit_s=2.0))
    service.raw, service.piece_bytes = b" " * 12_000, 1  # ten minutes at 20 a second
    started = time.monotonic()
    assert list(source.read()) == [None]
    assert time.monotonic() - started < 200
    assert "no answer within 2 s" in source.notes()[0]


def test_a_missing_authority_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLOUDMASK_REDFISH_URL", "https://127.0.0.1:9")
    monkeypatch.setenv("CLOUDMASK_REDFISH_CA", str(tmp_path / "missing.pem"))
    assert "CLOUDMASK_REDFISH_CA" in unavailable(RedfishSource()).why


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the test's certificate")
def test_certificates_are_verified_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bmc"
    )
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with redfish_service(tls) as service:
        for name, value in service.environment().items():
            monkeypatch.setenv(name, value)
        error = unavailable(RedfishSource())
        assert "not trusted" in error.why and "CLOUDMASK_REDFISH_CA" in error.fix
        monkeypatch.setenv("CLOUDMASK_REDFISH_CA", str(certificate))
        assert list(opened(RedfishSource()).read()) == [412.5]
        monkeypatch.delenv("CLOUDMASK_REDFISH_CA")
        monkeypatch.setenv("CLOUDMASK_REDFISH_INSECURE", "1")
        assert list(opened(RedfishSource()).read()) == [412.5]
