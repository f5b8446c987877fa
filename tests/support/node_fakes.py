"""Stand-ins for what measures a whole node: ipmitool, a Redfish service, a hwmon tree, a meter's log."""

from __future__ import annotations

import base64
import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness.telemetry.recorder.file import Anchor, SampleWriter
from harness.telemetry.sources.base import QuantitySpec
from tests.support.builders.telemetry import Unread

DCMI = """
    Instantaneous power reading:                   {reading}
    Minimum during sampling period:                  4 Watts
    Maximum during sampling period:                455 Watts
    Average power reading over sample period:      211 Watts
    IPMI timestamp:                           Sun Nov 22 21:00:00 2026
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   {state}

"""


def dcmi(reading: str = "214 Watts", state: str = "activated") -> str:
    """What ipmitool prints."""
    return DCMI.format(reading=reading, state=state)


def ipmitool(folder: Path, script: str) -> Path:
    """An executable `ipmitool` in the folder, to be put on PATH: a shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ipmitool"
    beside = folder / ".new"
    beside.write_text(f"#!/bin/sh\n{script}\n")
    beside.chmod(0o755)
    beside.replace(path)  # never half written while somebody starts it
    return path


def saying(text: str) -> str:
    """A script that prints the text."""
    return f"cat <<'END'\n{text}\nEND"


def varying(low_w: int = 200, span_w: int = 60) -> str:
    """A script whose readings differ from one to the next."""
    reading = dcmi("WATTS Watts").replace("WATTS", "$watts")
    return f"watts=$(( {low_w} + ($(date +%N | sed 's/^0*//;s/^$/0/') / 1000) % {span_w} ))\ncat <<END\n{reading}\nEND"


class Redfish:
    """A Redfish service on loopback. `resources` maps paths to values, or to functions of nothing."""

    def __init__(self, user: str = "operator", password: str = "s3cret-word") -> None:
        self.user, self.password = user, password
        self.resources: dict[str, Any] = {
            "/redfish/v1/Chassis": {"Members": [{"@odata.id": "/redfish/v1/Chassis/1"}]},
            "/redfish/v1/Chassis/1/EnvironmentMetrics": {"PowerWatts": {"Reading": 412.5}},
        }
        self.redirects: dict[str, str] = {}  # path -> Location of a 308
        self.status: int | None = None  # answered to everything, when set
        self.status_for: int | None = None  # to so many requests only, when set
        self.may_answer = threading.Event()  # cleared: requests wait until it is set
        self.may_answer.set()
        self.raw: bytes | None = None  # sent instead of JSON, when set
        self.encode: Callable[[Any], bytes] = lambda value: json.dumps(value).encode()
        self.headers: dict[str, str] = {}  # sent with every answer
        self.close_after = False
        self.piece_bytes = 0  # when set, the body is sent in pieces, 20 a second
        self.requests = 0
        self.url = ""

    def reading(self, value: Any) -> None:
        """What the one chassis reports from now on."""
        self.resources["/redfish/v1/Chassis/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": value}}

    def environment(self) -> dict[str, str]:
        """Variables that name this service and its user."""
        return {
            "CLOUDMASK_REDFISH_URL": self.url,
            "CLOUDMASK_REDFISH_USER": self.user,
            "CLOUDMASK_REDFISH_PASSWORD": self.password,
        }

    def authorised(self, header: str | None) -> bool:
        """Whether a request with this Authorization header may read."""
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return header == f"Basic {expected}"


@contextmanager
def redfish_service(tls: ssl.SSLContext | None = None) -> Iterator[Redfish]:
    """Serves until the block ends; `url` says where."""
    state = Redfish()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.requests += 1
            state.may_answer.wait()
            status, value = self._answer()
            body = state.raw if state.raw is not None else state.encode(value)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 308:
                self.send_header("Location", state.redirects[self.path])
            for name, value in {"Content-Length": str(len(body)), **state.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # the client may have given up
                for start in range(0, len(body), state.piece_bytes or len(body)):
                    self.wfile.write(body[start : start + (state.piece_bytes or len(body))])
                    self.wfile.flush()
                    time.sleep(0.05 if state.piece_bytes else 0)
            self.close_connection = state.close_after

        def _answer(self) -> tuple[int, Any]:
            if state.status is not None and state.status_for != 0:
                if state.status_for is not None:
                    state.status_for -= 1
                return state.status, {"error": {"message": "no"}}
            if self.path in state.redirects:
                return 308, {}
            if not state.authorised(self.headers.get("Authorization")):
                return 401, {"error": {"message": "who are you"}}
            value = state.resources.get(self.path)
            if value is None:
                return 404, {"error": {"message": "no such resource"}}
            return 200, value() if callable(value) else value

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are expected
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def noisy(low_w: float, high_w: float) -> Callable[[], dict[str, Any]]:
    """An EnvironmentMetrics resource whose reading differs each time."""
    rng = random.Random(7)
    return lambda: {"PowerWatts": {"Reading": round(rng.uniform(low_w, high_w), 1)}}


def hwmon(root: Path, chips: dict[str, dict[str, str | int]]) -> Path:
    """A hwmon tree: chip name -> file name -> content; a name may be repeated as "name#2"."""
    for number, (name, files) in enumerate(chips.items()):
        folder = root / f"hwmon{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(name.split("#")[0] + "\n")
        for file, content in files.items():
            (folder / file).write_text(f"{content}\n")
    return root


class Meter(Unread):
    """What readings of power written by hand are of."""

    def __init__(self, name: str, scope: str = "node", quantity: str = "node_power") -> None:
        super().__init__(name, QuantitySpec(quantity, "W", scope))


def write_meters(path: Path, meters: Mapping[Meter, Sequence[tuple[float, float | None]]]) -> None:
    """A telemetry file with the readings (Unix time in s, W) of each meter."""
    begin_s = min((at for rows in meters.values() for at, _ in rows), default=0.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    asked_s = 0.5  # by the recipes of built packages; meters are slower
    writer = SampleWriter(path, "node_0", "host", asked_s, Anchor(begin_s, 0.0))
    writer.begin(list(meters), {meter.name: 1.0 for meter in meters})
    for meter, rows in meters.items():
        writer.append(meter.name, [(at - begin_s, [value]) for at, value in rows])
    writer.flush()
    writer.close()
