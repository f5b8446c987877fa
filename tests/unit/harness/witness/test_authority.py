"""A real authority on loopback, and one that misbehaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.witness.authority import Demands, HttpAuthority, NoStamp, SpoolAuthority, stamp
from harness.witness.relay import relay_waiting
from rules.facts.stamps import message_of, stamp_facts
from rules.model.witness import FIRST_HEAD
from tests.support.authority import Loopback, loopback, test_keys

REPLY = "application/timestamp-reply"
HEAD = "ab" * 32


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    with loopback(tmp_path_factory.mktemp("authority")) as made:
        yield made


@pytest.fixture
def authority(_server: Loopback) -> Loopback:
    _server.behave = None
    _server.asked.clear()
    return _server


def ask(authority: Loopback, limit_s: float = 20, **demands: object) -> bytes:
    return stamp(HttpAuthority(authority.url), HEAD, Demands(**demands), limit_s)  # type: ignore[arg-type]


def test_stamp_verifies_offline_and_states_the_time(authority):
    before_s = time.time()
    token = ask(authority, roots=(authority.keys.root_pem,))
    facts = stamp_facts(token, message_of(HEAD), (authority.keys.root_pem,), 1.0)
    assert facts.valid and facts.authority == "CN=CloudMask test authority"
    assert facts.earliest_s <= time.time() and facts.latest_s >= before_s
    assert (
        stamp_facts(token, message_of(FIRST_HEAD), (authority.keys.root_pem,), 1.0).status == "other message"
    )
    assert (
        stamp_facts(token, message_of(HEAD), (authority.keys.other_root_pem,), 1.0).status
        == "unknown authority"
    )


def test_authority_sees_a_digest_only(authority):
    ask(authority)
    (request,) = authority.asked
    assert HEAD.encode() not in request and len(request) < 100


def _answering(status: int = 200, kind: str = REPLY, body: bytes = b""):
    return lambda authority, request: (status, kind, body)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (_answering(kind="text/html", body=b"<h1>Welcome to the hotel's network</h1>"), "text/html"),
        (_answering(status=503), "status 503"),
        (_answering(body=b"garbage"), "not a time stamp that can be read"),
        (_answering(), "not a time stamp that can be read"),
        (_answering(body=b"0" * 100_000), "longer than"),
        (lambda a, q: (200, REPLY, a.reply(q, "odd_order")), "certificates are not in DER order"),
    ],
    ids=["wrong type", "unavailable", "garbage", "empty", "huge", "odd order"],
)
def test_whatever_is_not_a_stamp_is_said_in_one_line(authority, behave, why):
    authority.behave = behave
    with pytest.raises(NoStamp) as raised:
        ask(authority)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300
    assert why in str(raised.value)


def test_stamp_on_another_request_is_refused(authority):
    earlier = stamp(HttpAuthority(authority.url), "cd" * 32, Demands(), 20)
    authority.behave = _answering(body=earlier)
    with pytest.raises(NoStamp, match="to another request"):
        ask(authority)


def test_stamp_on_the_same_head_asked_for_earlier_is_refused(authority):
    authority.behave = _answering(body=ask(authority))
    with pytest.raises(NoStamp, match="to another request"):
        ask(authority)


def test_other_policy_is_refused(authority):
    assert ask(authority, policy="1.2.3.4.1")
    with pytest.raises(NoStamp, match="policy"):
        ask(authority, policy="1.2.3.4.2")


def test_unknown_root_is_refused_where_the_recipe_names_roots(authority):
    with pytest.raises(NoStamp, match="does not verify against the recipe's roots"):
        ask(authority, roots=(test_keys("other").root_pem,))


def test_slow_authority_is_given_up(authority):
    release = threading.Event()

    def slow(server: Loopback, request: bytes):
        release.wait(60)
        return server.honest(request)

    authority.behave = slow
    try:
        with pytest.raises(NoStamp, match="did not answer within 0.2 s"):
            ask(authority, limit_s=0.2)
    finally:
        release.set()


def test_authority_that_is_down_is_said(tmp_path: Path):
    with loopback(tmp_path / "gone") as gone:
        url = gone.url
    with pytest.raises(NoStamp, match="cannot be reached"):
        stamp(HttpAuthority(url), HEAD, Demands(), 5)


def test_relay_answers_what_waits_in_a_spool_folder(authority, tmp_path: Path):
    done: list[bytes] = []
    asking = threading.Thread(
        target=lambda: done.append(stamp(SpoolAuthority(tmp_path), HEAD, Demands(), 60)), daemon=True
    )
    asking.start()
    said: list[str] = []
    deadline = time.monotonic() + 60
    while asking.is_alive() and time.monotonic() < deadline:
        relay_waiting(tmp_path, HttpAuthority(authority.url), 20, said.append)
        asking.join(0.05)
    assert done and stamp_facts(done[0], message_of(HEAD), (authority.keys.root_pem,), 1.0).valid
    assert len(said) == 1 and said[0].endswith(": stamped")
    assert list(tmp_path.iterdir()) == []


def test_relay_passes_on_why_there_is_no_stamp(authority, tmp_path: Path):
    authority.behave = _answering(status=429)
    (tmp_path / "7-1.tsq").write_bytes(b"request")
    assert relay_waiting(tmp_path, HttpAuthority(authority.url), 20, lambda text: None) == 0
    assert "429" in (tmp_path / "7-1.why").read_text()


def test_without_a_relay_the_spool_is_given_up_and_left_clean(tmp_path: Path):
    with pytest.raises(NoStamp, match="no relay answered"):
        stamp(SpoolAuthority(tmp_path), HEAD, Demands(), 0.3)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NoStamp, match="cannot be used"):
        stamp(SpoolAuthority(Path("/proc/nowhere")), HEAD, Demands(), 0.3)
