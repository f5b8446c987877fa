"""Power of the whole node over Redfish (DMTF DSP0268): PowerWatts of Chassis/<id>/EnvironmentMetrics, or
PowerConsumedWatts of the older Chassis/<id>/Power.

Address and credentials come from the environment only and appear in no message or file. TLS certificates
are verified unless CLOUDMASK_REDFISH_INSECURE=1 says otherwise. Redirects are not followed: they would
carry the password elsewhere.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.node_power import NODE, NodePowerSource, ReadingFailed, watts

URL_VARIABLE = "CLOUDMASK_REDFISH_URL"
CHASSIS_VARIABLE = "CLOUDMASK_REDFISH_CHASSIS"
INSECURE_VARIABLE, CA_VARIABLE = "CLOUDMASK_REDFISH_INSECURE", "CLOUDMASK_REDFISH_CA"
USER_VARIABLE, PASSWORD_VARIABLE = "CLOUDMASK_REDFISH_USER", "CLOUDMASK_REDFISH_PASSWORD"
LIMIT_S = 5.0  # of one answer
MAX_BYTES = 1 << 20
MAX_CHASSIS = 16
WHAT = "no node power by Redfish"
_PATH = re.compile(r"/redfish/v1/[\w/.%~:#@-]*\Z")


@dataclass(frozen=True)
class Service:
    """Where the service is and how to log in; never printed."""

    secure: bool
    host: str = field(repr=False)
    port: int | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)


class RedfishSource(NodePowerSource):
    """Node power in watts, as often as the management controller renews it."""

    name = "redfish"
    preference = 1  # finer readings than the others

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        super().__init__()
        self._limit_s = limit_s
        self._client: _Client | None = None
        self._path = ""
        self._power: Callable[[dict[str, Any]], Any] = _metrics
        self._chassis = ""

    def open(self) -> None:
        """Find the one chassis that reports power. Raises SourceUnavailable."""
        self._client = _Client(_service(), self._limit_s)
        try:
            found = self._readable(self._candidates())
        except ReadingFailed as error:
            raise SourceUnavailable(WHAT, str(error), _fix(str(error))) from None
        if len(found) > 1:
            raise SourceUnavailable(
                WHAT,
                f"{len(found)} chassis report power: {', '.join(_chassis(path) for path, _ in found)}",
                f"name the one that is this node in {CHASSIS_VARIABLE}",
            )
        if not found:
            raise SourceUnavailable(
                WHAT,
                "no chassis reports PowerWatts or PowerConsumedWatts",
                "use IPMI, or import the log of an external meter",
            )
        self._path, self._power = found[0]
        self._chassis = _chassis(self._path)

    def _candidates(self) -> list[str]:
        named = os.environ.get(CHASSIS_VARIABLE)
        if named:
            path = named if named.startswith("/") else f"/redfish/v1/Chassis/{named}"
            if not _PATH.match(path):
                raise ReadingFailed(f"{CHASSIS_VARIABLE} is not a chassis")
            return [path.rstrip("/")]
        members = self._get("/redfish/v1/Chassis").get("Members")
        paths = (
            [m.get("@odata.id") for m in members if isinstance(m, dict)] if isinstance(members, list) else []
        )
        return [p.rstrip("/") for p in paths if isinstance(p, str) and _PATH.match(p)][:MAX_CHASSIS]

    def _readable(self, chassis: list[str]) -> list[tuple[str, Callable[[dict[str, Any]], Any]]]:
        """Resources that give a power now; the newer one of each chassis first."""
        found: list[tuple[str, Callable[[dict[str, Any]], Any]]] = []
        failed: ReadingFailed | None = None
        for base in chassis:
            for name, power in (("EnvironmentMetrics", _metrics), ("Power", _control)):
                try:
                    watts(power(self._get(f"{base}/{name}")))
                except ReadingFailed as error:
                    failed = error
                else:
                    found.append((f"{base}/{name}", power))
                    break
        if not found and failed is not None and len(chassis) == 1:
            raise failed
        return found

    def measure(self) -> float:
        """Watts by one request. Raises ReadingFailed."""
        return watts(self._power(self._get(self._path)))

    def _get(self, path: str) -> dict[str, Any]:
        assert self._client is not None
        return self._client.get(path)

    def devices(self) -> dict[str, str]:
        """The chassis, without the address of the service."""
        return {NODE: f"Redfish chassis {self._chassis[:60]}"}

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.drop()


def _chassis(path: str) -> str:
    """The chassis in .../Chassis/<id>/Power."""
    return path.rsplit("/", 2)[-2]


def _metrics(value: dict[str, Any]) -> Any:
    power = value.get("PowerWatts")
    return power.get("Reading") if isinstance(power, dict) else None


def _control(value: dict[str, Any]) -> Any:
    control = value.get("PowerControl")
    first = control[0] if isinstance(control, list) and control else None
    return first.get("PowerConsumedWatts") if isinstance(first, dict) else None


def _service() -> Service:
    """The service that the environment names. Raises SourceUnavailable."""
    url = os.environ.get(URL_VARIABLE)
    if not url:
        raise SourceUnavailable(
            WHAT,
            f"{URL_VARIABLE} is not set",
            f"set it to https://<management controller>, with {USER_VARIABLE} and {PASSWORD_VARIABLE}",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("https", "http") or parts.username or parts.path not in ("", "/"):
        raise SourceUnavailable(
            WHAT,
            f"{URL_VARIABLE} is not an address such as https://<host>",
            f"give scheme and host only; user and password belong into {USER_VARIABLE} and {PASSWORD_VARIABLE}",
        )
    headers = {"Accept": "application/json"}
    user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
    if user and password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    secure = parts.scheme == "https"
    return Service(secure, host, port, headers, _tls() if secure else None)


def _tls() -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=os.environ.get(CA_VARIABLE) or None)
    except OSError:
        raise SourceUnavailable(
            WHAT, f"{CA_VARIABLE} cannot be read", "point it at the authority's certificate (PEM)"
        ) from None
    if os.environ.get(INSECURE_VARIABLE) == "1":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Client:
    """GET of JSON objects over one connection that is kept, and opened again once it is lost."""

    def __init__(self, service: Service, limit_s: float) -> None:
        self._service, self._limit_s = service, limit_s
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at this path. Raises ReadingFailed."""
        kept = self._connection is not None
        try:
            try:
                return self._ask(path)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not kept:
                    raise
                return self._ask(path)  # the server had closed the connection in between
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            self.drop()
            raise ReadingFailed(_reason(error, self._limit_s)) from None

    def _ask(self, path: str) -> dict[str, Any]:
        late = threading.Event()
        timer = threading.Timer(self._limit_s, self._give_up, [late])
        timer.daemon = True
        timer.start()
        try:
            connection = self._connected()
            connection.request("GET", path, headers=self._service.headers)
            response = connection.getresponse()
            body = response.read(MAX_BYTES + 1)
            if late.is_set():
                raise TimeoutError
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
        except BaseException as error:
            self.drop()
            if late.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
        if response.status != 200:
            raise ReadingFailed(_STATUS.get(response.status, f"the service answers {response.status}"))
        value = json.loads(body)
        if not isinstance(value, dict):
            raise ReadingFailed("the answer is not a JSON object")
        return value

    def _give_up(self, late: threading.Event) -> None:
        """Ends an answer that comes byte by byte: the socket's own limit starts anew with each."""
        late.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            at = self._service
            if at.secure:
                self._connection = http.client.HTTPSConnection(
                    at.host, at.port, timeout=self._limit_s, context=at.context
                )
            else:
                self._connection = http.client.HTTPConnection(at.host, at.port, timeout=self._limit_s)
        return self._connection

    def drop(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


_STATUS = {
    401: "the service refuses user or password (401)",
    403: "the user may not read power (403)",
    404: "the service has no such resource (404)",
}


def _reason(error: Exception, limit_s: float) -> str:
    """Why, without what the error says itself: that can hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not trusted"
    if isinstance(error, TimeoutError):
        return f"no answer within {limit_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "the service refuses connections"
    if isinstance(error, ValueError):
        return "the answer is not JSON, or too long"
    return f"the service cannot be reached ({type(error).__name__})"


def _fix(reason: str) -> str:
    if "certificate" in reason:
        return f"name the authority's certificate in {CA_VARIABLE}; or set {INSECURE_VARIABLE}=1 to trust any"
    if "(401)" in reason or "(403)" in reason:
        return f"check {USER_VARIABLE} and {PASSWORD_VARIABLE}; the role Operator or ReadOnly is enough"
    if "(404)" in reason:
        return f"see the chassis under /redfish/v1/Chassis and name one in {CHASSIS_VARIABLE}"
    return f"check {URL_VARIABLE} and that this machine can reach the management network"
