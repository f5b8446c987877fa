"""Asking a time stamp authority: over HTTP, or through a spool folder whose requests a relay sends on."""

from __future__ import annotations

import contextlib
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.core.files import write_atomic
from harness.untrusted.witness import MAX_TOKEN_BYTES
from rules.facts.stamps import message_of, stamp_facts

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
POLL_S = 0.1
ASKED, ANSWERED, REFUSED = ".tsq", ".tsr", ".why"  # files of a spool folder


class NoStamp(Exception):
    """One line: why there is no stamp."""


class Authority(Protocol):
    """Whoever answers time stamp requests."""

    def ask(self, request: bytes, limit_s: float) -> bytes:
        """The reply to a request (both DER). Raises NoStamp."""


@dataclass(frozen=True)
class HttpAuthority:
    """An authority by its address."""

    url: str

    def ask(self, request: bytes, limit_s: float) -> bytes:
        """POST the request and read the reply, which is bounded in size and time. Raises NoStamp."""
        deadline = time.monotonic() + limit_s
        headers = {"Content-Type": QUERY, "Accept": REPLY}
        asked = urllib.request.Request(self.url, data=request, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=limit_s) as reply:
                kind = reply.headers.get_content_type()
                if kind != REPLY:
                    raise NoStamp(f"the authority answered with {kind[:60]}, not with a time stamp")
                return _bounded(reply, deadline)
        except urllib.error.HTTPError as error:
            raise NoStamp(f"the authority answered with HTTP status {error.code}") from None
        except TimeoutError:
            raise NoStamp(f"the authority did not answer within {limit_s:g} s") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise NoStamp(f"the authority did not answer within {limit_s:g} s") from None
            raise NoStamp(f"the authority cannot be reached: {' '.join(str(reason).split())[:100]}") from None


def _bounded(reply: Any, deadline: float) -> bytes:
    """All of a reply, unless it is too long or comes too slowly. Raises NoStamp."""
    data = b""
    while piece := reply.read1(MAX_TOKEN_BYTES):
        data += piece
        if len(data) > MAX_TOKEN_BYTES:
            raise NoStamp(f"the authority's reply is longer than {MAX_TOKEN_BYTES} bytes")
        if time.monotonic() > deadline:
            raise NoStamp("the authority's reply came too slowly")
    return data


@dataclass(frozen=True)
class SpoolAuthority:
    """A folder on a shared file system, for machines without a network: see relay.py."""

    folder: Path

    def ask(self, request: bytes, limit_s: float) -> bytes:
        """Lay the request into the folder and wait for the reply beside it. Raises NoStamp."""
        name = f"{os.getpid()}-{time.time_ns()}"
        asked = self.folder / f"{name}{ASKED}"
        answered, refused = asked.with_suffix(ANSWERED), asked.with_suffix(REFUSED)
        deadline = time.monotonic() + limit_s
        try:
            write_atomic(asked, request)
            while time.monotonic() < deadline:
                if answered.exists():
                    with answered.open("rb") as file:
                        return file.read(MAX_TOKEN_BYTES + 1)
                if refused.exists():
                    raise NoStamp(f"the relay says: {refused.read_text(errors='replace')[:150]}")
                time.sleep(POLL_S)
        except OSError as error:
            raise NoStamp(f"the spool folder cannot be used: {error.strerror}") from None
        finally:
            for path in (asked, answered, refused):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        raise NoStamp(f"no relay answered within {limit_s:g} s")


@dataclass(frozen=True)
class Demands:
    """What a reply has to satisfy beside being one to the request."""

    policy: str | None = None  # OID
    roots: tuple[str, ...] = ()  # PEM; empty: the signature is left to `check`


def stamp(authority: Authority, head: str, demands: Demands, limit_s: float) -> bytes:
    """A reply on the head of a chain, checked. Raises NoStamp for whatever is not one."""
    from rfc3161_client import TimestampRequestBuilder
    from rfc3161_client.base import HashAlgorithm

    message = message_of(head)
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    token = authority.ask(request.as_bytes(), limit_s)
    if len(token) > MAX_TOKEN_BYTES:
        raise NoStamp(f"the authority's reply is longer than {MAX_TOKEN_BYTES} bytes")
    _require_answer(token, request, demands)
    if demands.roots:
        facts = stamp_facts(token, message, demands.roots, 0.0)
        if not facts.valid:
            raise NoStamp(f"the stamp does not verify against the recipe's roots: {facts.why}")
    return token


def _require_answer(token: bytes, request: Any, demands: Demands) -> None:
    """Raises NoStamp unless the reply grants this very request."""
    from rfc3161_client import decode_timestamp_response

    try:
        reply = decode_timestamp_response(token)
        granted, said = reply.status == 0, "; ".join(reply.status_string)[:100]
        info = reply.tst_info if granted else None
    except Exception as error:  # whatever a parser makes of a reply that is none
        why = " ".join(str(error).split())[:100]
        hint = "; its certificates are not in DER order" if "SetOrdering" in why else ""
        raise NoStamp(f"the reply is not a time stamp that can be read ({why}){hint}") from None
    if info is None:
        raise NoStamp(f"the authority refused (status {reply.status}{f': {said}' if said else ''})")
    if info.message_imprint.message != request.message_imprint.message or info.nonce != request.nonce:
        raise NoStamp("the reply is to another request")
    policy = info.policy.dotted_string
    if demands.policy not in (None, policy):
        raise NoStamp(f"the stamp is under policy {policy}, the recipe wants {demands.policy}")
