"""A real S3 server (moto's) on loopback, in front of which faults can be put."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

BUCKET, PREFIX = "sciml-datasets", "es/cloud_slstr_ds1"
Answer = tuple[str, list[tuple[str, str]], bytes]  # status, headers, body
Fault = Callable[[Answer], "Answer | Iterator[bytes]"]


def slow_down(answer: Answer) -> Answer:
    """503, as services answer who asks too often."""
    body = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
    return (
        "503 Slow Down",
        [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))],
        body,
    )


def truncated(answer: Answer) -> Answer:
    """Half of the bytes that Content-Length announces."""
    return answer[0], answer[1], answer[2][: len(answer[2]) // 2]


def shorter(answer: Answer) -> Answer:
    """Half of the bytes, and a Content-Length that agrees: only the listing tells."""
    half = answer[2][: len(answer[2]) // 2]
    return answer[0], _with(answer[1], "Content-Length", str(len(half))), half


def damaged(answer: Answer) -> Answer:
    """As many bytes under the same ETag, one of them another."""
    return answer[0], answer[1], answer[2][:-1] + bytes([answer[2][-1] ^ 1])


def replaced(answer: Answer) -> Answer:
    """Another ETag than in the listing."""
    return answer[0], _with(answer[1], "ETag", '"' + "0" * 32 + '"'), answer[2]


def _with(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    return [(n, v) for n, v in headers if n.lower() != name.lower()] + [(name, value)]


@dataclass
class Server:
    """A running server: its URL, the faults to come by end of path, and the GETs of objects it has seen."""

    url: str
    admin: Any
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    seen: list[tuple[str, str]] = field(default_factory=list)  # file name, Range
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, content: bytes) -> None:
        """An object below the prefix that anybody may read."""
        self.admin.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}", Body=content, ACL="public-read")

    def held_back(self, sent: int) -> Fault:
        """A fault that sends so many bytes, then waits for `release`."""

        def fault(answer: Answer) -> Iterator[bytes]:
            yield answer[2][:sent]
            self.held.set()
            self.release.wait(60)

        return fault


class _Front:
    """The WSGI application: moto's, but for the faults."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.server: Server | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        name = environ["PATH_INFO"].rsplit("/", 1)[-1]
        server = self.server
        if server is None or environ["REQUEST_METHOD"] != "GET" or not name.endswith(".hdf"):
            return self._application(environ, start_response)
        server.seen.append((name, environ.get("HTTP_RANGE", "")))
        started: list[Any] = []
        parts = self._application(environ, lambda status, headers, *rest: started.extend((status, headers)))
        answer: Answer = (started[0], list(started[1]), b"".join(parts))
        waiting = server.faults[name]
        changed = waiting.pop(0)(answer) if waiting else answer
        if isinstance(changed, tuple):
            start_response(changed[0], changed[1])
            return [changed[2]]
        start_response(answer[0], answer[1])
        return changed


@contextmanager
def s3_server() -> Iterator[Server]:
    """The server with an empty bucket, on a free port of the loopback interface."""
    import logging

    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    front = _Front(DomainDispatcherApplication(create_backend_app))
    web = make_server("127.0.0.1", 0, front, threaded=True)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{web.server_port}"
    admin = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    try:
        admin.create_bucket(Bucket=BUCKET)
        front.server = Server(url, admin)
        yield front.server
    finally:
        if front.server:
            front.server.release.set()
        web.shutdown()
        thread.join()
        web.server_close()
        _forget()


def _forget() -> None:
    from moto.s3.models import s3_backends

    for account in s3_backends.values():
        for backend in account.values():
            backend.reset()
