"""`openssl ts` behind a small HTTP server on loopback: a real authority, which can be made to misbehave."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.authority.keys import Keys, pem, test_keys

CONFIG = """
[tsa]
default_tsa = loopback
[loopback]
serial = {folder}/serial
signer_cert = {folder}/authority.pem
signer_key = {folder}/authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
digests = sha256
accuracy = secs:1
clock_precision_digits = 3
ess_cert_id_alg = sha256
[odd_order]
serial = {folder}/serial
signer_cert = {folder}/authority.pem
certs = {folder}/chain.pem
signer_key = {folder}/authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""
Reply = tuple[int, str, bytes]  # HTTP status, content type, body


@dataclass
class Loopback:
    """A running authority. `behave` replaces the answer to a request; `asked` has all requests so far."""

    folder: Path
    keys: Keys
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    behave: Callable[[Loopback, bytes], Reply] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: bytes, section: str = "loopback") -> bytes:
        """What `openssl ts` answers."""
        with self.lock:
            query, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
            query.write_bytes(request)
            config = str(self.folder / "openssl.cnf")
            command = ["openssl", "ts", "-reply", "-queryfile", str(query), "-config", config]
            subprocess.run(
                [*command, "-section", section, "-out", str(answer)], check=True, capture_output=True
            )
            return answer.read_bytes()

    def honest(self, request: bytes) -> Reply:
        return 200, "application/timestamp-reply", self.reply(request)

    def answer(self, request: bytes) -> Reply:
        self.asked.append(request)
        return self.behave(self, request) if self.behave else self.honest(request)


@contextmanager
def loopback(folder: Path, keys: Keys | None = None) -> Iterator[Loopback]:
    """An authority that works in a folder. Skips the test where there is no `openssl`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: there is no authority to ask")
    keys = keys or test_keys()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "authority.pem").write_text(pem(keys.certificate))
    (folder / "chain.pem").write_text(keys.other_root_pem + keys.root_pem)
    (folder / "serial").write_text("01\n")
    key = folder / "authority.key"
    key.touch(mode=0o600)
    key.write_text(keys.key_pem)
    authority = Loopback(folder, keys)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, body = authority.answer(request)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        os.unlink(key)
