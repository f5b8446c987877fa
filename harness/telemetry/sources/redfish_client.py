"""Asking a Redfish service (DMTF DSP0266) for JSON: where it is, how to log in, limits, redirects.

Address and credentials come from the environment only and appear in no message or file. TLS certificates
are verified unless CLOUDMASK_REDFISH_INSECURE=1 says otherwise. Redirects are followed on the same scheme,
host and port only: elsewhere they would carry the password.

OpenStack's sushy (5.14) and DMTF's redfish library (3.4) were considered. sushy reads neither PowerControl nor
EnvironmentMetrics and follows no pages; redfish bounds neither the size nor the time of an answer and writes
addresses to logs; neither says which chassis or which entry is the node.
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
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.node_power import ReadingFailed

URL_VARIABLE = "CLOUDMASK_REDFISH_URL"
INSECURE_VARIABLE, CA_VARIABLE = "CLOUDMASK_REDFISH_INSECURE", "CLOUDMASK_REDFISH_CA"
USER_VARIABLE, PASSWORD_VARIABLE = "CLOUDMASK_REDFISH_USER", "CLOUDMASK_REDFISH_PASSWORD"
WHAT = "no node power by Redfish"
MAX_BYTES = 1 << 20
MAX_REDIRECTS = 5
TRIES, PAUSE_S = 3, 0.5  # of a request that fails for the moment, while the source opens
NEXT_PAGE = ("Members@odata.nextLink", "@odata.nextLink")  # the second one in services before DSP0266 1.0
LINKS = {"@odata.id", *NEXT_PAGE}
_REDIRECTS = (301, 302, 303, 307, 308)
_PATH = re.compile(r"/redfish/[^\\\x00-\x1f\x7f]*\Z")
_AS_IS = "/.%~:@?$=&+,;()'!*"  # of a path; what else is in one (a space, braces, umlauts) is sent quoted


class TryAgain(ReadingFailed):
    """The service could not answer now, and may answer later."""


class Missing(ReadingFailed):
    """The service has no such resource."""


def resource_path(value: Any) -> str | None:
    """The path of a resource that a link or a redirect names, quoted, without fragment; None where it is not one."""
    path = value.get("@odata.id") if isinstance(value, dict) else value
    if not isinstance(path, str):
        return None
    path = path.partition("#")[0]
    return quote(path, safe=_AS_IS, errors="replace") if _PATH.match(path) and "/../" not in path else None


@dataclass(frozen=True)
class Service:
    """Where the service is and how to log in; never printed."""

    secure: bool
    host: str = field(repr=False)
    port: int | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)


def service_of_environment() -> Service:
    """The service that the environment names. Raises SourceUnavailable."""
    url = os.environ.get(URL_VARIABLE)
    if not url:
        raise SourceUnavailable(
            WHAT,
            f"{URL_VARIABLE} is not set",
            f"set {URL_VARIABLE} to https://<management controller>, with {USER_VARIABLE} and {PASSWORD_VARIABLE}",
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
    # the zone of fe80::1%25usb0 (RFC 6874) is this machine's affair, not the service's
    host, _, zone = host.partition("%")
    headers = {"Accept": "application/json"}
    if zone:
        headers["Host"] = f"[{host}]" if port is None else f"[{host}]:{port}"
        host = f"{host}%{zone.removeprefix('25') or zone}"
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


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    location: str | None


class Client:
    """GET of JSON objects over one connection that is kept, and opened again once it is lost."""

    def __init__(self, service: Service, limit_s: float) -> None:
        self._service, self._limit_s = service, limit_s
        self._connection: http.client.HTTPConnection | None = None
        self._moved: dict[str, str] = {}  # paths that were redirected

    def get(self, path: str, tries: int = 1) -> dict[str, Any]:
        """The JSON object at this path; what fails for the moment is asked for `tries` times.

        Raises Missing, TryAgain, or ReadingFailed for what will not work later either.
        """
        for attempt in range(1, tries + 1):
            try:
                return self._followed(path)
            except TryAgain as error:
                if attempt == tries:
                    said = f", asked {tries} times" if tries > 1 else ""
                    raise TryAgain(f"{error}{said}") from None
                time.sleep(PAUSE_S * attempt)
        raise ValueError("tries must be at least 1")

    def _followed(self, path: str) -> dict[str, Any]:
        """The object at this path, or at the one it redirects to on the same service."""
        asked = self._moved.get(path, path)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._kept(asked)
            if answer.status not in _REDIRECTS:
                if answer.status == 200 and asked != path:
                    self._moved[path] = asked
                return _json(answer, self._relative)
            asked = self._target(asked, answer)
        raise ReadingFailed(f"the service redirects more than {MAX_REDIRECTS} times")

    def _target(self, asked: str, answer: _Answer) -> str:
        """The path that a redirect names. Raises ReadingFailed where it leads to another service."""
        try:
            parts = urlsplit(urljoin(f"{self._origin}{asked}", answer.location or ""))
            same = (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) == self._where
        except ValueError:
            parts, same = urlsplit(""), False
        path = resource_path(parts.path + (f"?{parts.query}" if parts.query else ""))
        if parts.scheme == "https" and not self._service.secure:
            raise ReadingFailed(f"the service answers {answer.status} and redirects to https")
        if not answer.location or not same or path is None:
            raise ReadingFailed(
                f"the service answers {answer.status} and redirects elsewhere, which is not followed"
            )
        return path

    def _relative(self, value: dict[str, Any]) -> dict[str, Any]:
        """The object with links that name this service in full as paths (DSP0266 has paths; not all keep to it)."""
        for key in LINKS & value.keys():
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                parts = urlsplit(value[key])
                if (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) == self._where:
                    value[key] = parts._replace(scheme="", netloc="").geturl()
        return value

    @property
    def _where(self) -> tuple[str, str, int]:
        scheme = "https" if self._service.secure else "http"
        return scheme, self._service.host.partition("%")[0], self._service.port or _PORTS[scheme]

    @property
    def _origin(self) -> str:
        scheme, host, port = self._where
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def _kept(self, path: str) -> _Answer:
        """One answer over the kept connection, or over a new one. Raises ReadingFailed."""
        kept = self._connection is not None
        try:
            try:
                return self._ask(path)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not kept:
                    raise
                return self._ask(path)  # the server had closed the connection in between
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.drop()
            lasting = isinstance(error, (ssl.SSLCertVerificationError, ValueError))
            raise (ReadingFailed if lasting else TryAgain)(_reason(error, self._limit_s)) from None

    def _ask(self, path: str) -> _Answer:
        late = threading.Event()
        timer = threading.Timer(self._limit_s, self._give_up, [late])
        timer.daemon = True
        timer.start()
        try:
            connection = self._connected()
            connection.request("GET", path, headers=self._service.headers)
            response = connection.getresponse()
            body = response.read(MAX_BYTES + 1)
            if response.length and len(body) <= MAX_BYTES:
                raise http.client.IncompleteRead(body, response.length)
            body = _unpacked(body, response.getheader("Content-Encoding"))
            if late.is_set():
                raise TimeoutError
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
            return _Answer(response.status, body, response.getheader("Location"))
        except BaseException as error:
            self.drop()
            if late.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()

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
            port = self._where[2]  # without one, http.client takes the end of an IPv6 address for it
            if at.secure:
                self._connection = http.client.HTTPSConnection(
                    at.host, port, timeout=self._limit_s, context=at.context
                )
            else:
                self._connection = http.client.HTTPConnection(at.host, port, timeout=self._limit_s)
        return self._connection

    def drop(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


_PORTS = {"http": 80, "https": 443}
_STATUS = {
    401: "the service refuses user or password (401)",
    403: "the user may not read power (403)",
    404: "the service has no such resource (404)",
}
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers of a controller that is starting or has too much to do


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    """The body; unpacked where a service packs its answers although it was not asked to. Raises ValueError."""
    if (encoding or "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MAX_BYTES + 1)
    except zlib.error:
        return b""  # which is no JSON


def _json(answer: _Answer, each: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The object of an answer, all objects in it by way of `each`. Raises ReadingFailed where it is not one."""
    if answer.status in _BUSY:
        raise TryAgain(f"the service is busy for the moment ({answer.status})")
    if answer.status != 200:
        kind = Missing if answer.status in (404, 405, 410, 501) else ReadingFailed
        raise kind(_STATUS.get(answer.status, f"the service answers {answer.status}"))
    try:
        # names that somebody typed in are not always UTF-8, nor free of tabs; firmware pads with zeros
        words = answer.body.decode("utf-8-sig", "replace").rstrip("\0 \r\n")
        value = json.loads(words, object_hook=each, strict=False)
    except (ValueError, RecursionError):
        raise ReadingFailed("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise ReadingFailed("the answer is not a JSON object")
    return value


def _reason(error: Exception, limit_s: float) -> str:
    """Why, without what the error says itself: that can hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not trusted"
    if isinstance(error, TimeoutError):
        return f"no answer within {limit_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "the service refuses connections"
    if isinstance(error, ValueError):
        return f"the answer is longer than {MAX_BYTES >> 20} MiB, or the request cannot be sent"
    return f"the service cannot be reached ({type(error).__name__})"


def fix(reason: str) -> str:
    """What to do about a reason that this client gave."""
    if "certificate" in reason:
        return f"name the authority's certificate in {CA_VARIABLE}; or set {INSECURE_VARIABLE}=1 to trust any"
    if "(401)" in reason or "(403)" in reason:
        return f"check {USER_VARIABLE} and {PASSWORD_VARIABLE}; the role Operator or ReadOnly is enough"
    if "redirects to https" in reason:
        return f"set {URL_VARIABLE} to the same address with https://"
    if "redirects" in reason:
        return f"set {URL_VARIABLE} to the address of the management controller itself"
    if "not JSON" in reason or "not a JSON" in reason:
        return f"check that {URL_VARIABLE} is the management controller itself; else update it, or use IPMI"
    if "busy" in reason:
        return "try again in a minute: the management controller is starting or has too much to do"
    return f"check {URL_VARIABLE} and that this machine can reach the management network"
