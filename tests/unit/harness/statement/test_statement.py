"""Signed statements: what holds, and every way in which one does not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from msgspec.structs import replace

from harness.cli import cli
from harness.core.errors import ExitCode, UserError
from harness.package.manifest import verify_manifest, write_manifest
from harness.statement.keys import known_keys, load_signer
from harness.statement.making import make_statement, sign, without_statement
from harness.statement.reading import MAX_BYTES, PAYLOAD_TYPE, read_statement
from harness.untrusted.documents import Unreadable
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.model.layout import MANIFEST, STATEMENT
from tests.support.builders import build_package

VERDICT = Verdict("cloudmask-1.1", "p", "compliant", [], [RuleResult("LOG001", Outcome.PASS)])
NONE = NoEncryption()


def key_files(folder: Path, name: str, key: Any = None, encryption: Any = NONE) -> tuple[Path, Path]:
    """A new private key and its public half."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    (root / "results").mkdir(parents=True)
    (root / "results/a.txt").write_text("one\n")
    write_manifest(root)
    return root


def signed(root: Path, *keys: Path) -> Path:
    for key in keys:
        sign(root / STATEMENT, make_statement(root, VERDICT), load_signer(key, str))
    return root / STATEMENT


@pytest.mark.parametrize("kind", ["ed25519", "P-256", "P-384"])
def test_statement_holds(package, tmp_path, kind):
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
    key = ec.generate_private_key(curves[kind]) if kind in curves else None
    private, public = key_files(tmp_path, "alice", key)
    found = read_statement(signed(package, private), package)
    assert found.fits and found.result == "PASSED" and found.ruleset == "cloudmask-1.1"
    assert [s.valid for s in found.signatures] == [True]
    assert known_keys(public) == {found.signatures[0].keyid: "alice"}
    assert verify_manifest(package).unlisted == []  # the manifest does not list it, nor miss it


def test_statement_is_an_in_toto_statement(package, tmp_path):
    path = signed(package, key_files(tmp_path, "alice")[0])
    envelope = json.loads(path.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == PAYLOAD_TYPE
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["name"] == MANIFEST


def test_manifest_that_changed_is_another_one(package, tmp_path):
    path = signed(package, key_files(tmp_path, "alice")[0])
    (package / "results/a.txt").write_text("two\n")
    write_manifest(package)
    assert not read_statement(path, package).fits


def test_several_sign_the_same_statement(package, tmp_path):
    keys = [key_files(tmp_path, name)[0] for name in ("alice", "bob", "carol")]
    found = read_statement(signed(package, *keys), package)
    assert [s.valid for s in found.signatures] == [True] * 3
    assert len({s.keyid for s in found.signatures}) == 3


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE])
def test_what_is_stated_does_not_depend_on_the_statement_that_is_there(outcome):
    """Else a stale one, which WIT013 says to replace, would make the new one a failure."""
    conclusion = "not_compliant" if outcome is Outcome.FAIL else "compliant"
    found = [Finding("WIT013", Severity.ERROR, "another manifest")] if outcome is Outcome.FAIL else []
    judged = Verdict("cloudmask-1.1", "p", conclusion, found, [*VERDICT.rules, RuleResult("WIT013", outcome)])
    assert without_statement(judged) == VERDICT


def test_other_failures_are_stated():
    broken = replace(VERDICT, verdict="not_compliant", rules=[RuleResult("LOG001", Outcome.FAIL)])
    assert without_statement(broken) == broken


def test_new_statement_replaces_signatures_on_an_old_one(package, tmp_path):
    alice, bob = (key_files(tmp_path, name)[0] for name in ("alice", "bob"))
    signed(package, alice)
    (package / "results/b.txt").write_text("more\n")
    write_manifest(package)
    found = read_statement(signed(package, bob), package)
    assert found.fits and len(found.signatures) == 1


def _edit(path: Path, change) -> None:
    envelope = json.loads(path.read_text())
    change(envelope)
    path.write_text(json.dumps(envelope))


def _payload(envelope: dict[str, Any], **changes: Any) -> None:
    statement = {**json.loads(base64.b64decode(envelope["payload"])), **changes}
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


@pytest.mark.parametrize("what", ["payload", "signature", "key of another", "no key", "key ID"])
def test_signature_that_is_not_the_keys_own_is_not_valid(package, tmp_path, what):
    private, _ = key_files(tmp_path, "alice")
    _, other = key_files(tmp_path, "mallory")
    path = signed(package, private)

    def change(envelope: dict[str, Any]) -> None:
        signature = envelope["signatures"][0]
        if what == "payload":
            statement = json.loads(base64.b64decode(envelope["payload"]))
            statement["predicate"]["result"] = "FAILED"
            envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
        elif what == "signature":
            signature["sig"] = base64.b64encode(bytes(64)).decode()
        elif what == "key of another":
            signature["publicKey"] = other.read_text()
        elif what == "no key":
            del signature["publicKey"]
        else:
            signature["keyid"] = "0" * 64

    _edit(path, change)
    (found,) = read_statement(path, package).signatures
    assert not found.valid and found.why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda e: e.update(payloadType="text/plain"), "not of a statement"),
        (lambda e: _payload(e, _type="https://in-toto.io/Statement/v0.1"), "something else"),
        (lambda e: _payload(e, predicateType="https://slsa.dev/provenance/v1"), "another kind"),
        (lambda e: _payload(e, subject=[]), "does not name one manifest"),
        (
            lambda e: _payload(e, subject=[{"name": "x", "digest": {"sha256": "0"}}]),
            "something else than a package",
        ),
        (lambda e: e.update(signatures=[]), "0 signatures"),
        (lambda e: e.update(signatures=e["signatures"] * 101), "101 signatures"),
        (lambda e: e.update(signatures=e["signatures"] * 2), "not a signed envelope"),
        (lambda e: e.update(signatures=[1]), "not a signed envelope"),
        (lambda e: e.update(payload=7), "not a signed envelope"),
        (lambda e: e["signatures"][0].update(keyid=[1]), "not a signed envelope"),
        (lambda e: e.clear(), "not a signed envelope"),
    ],
)
def test_foreign_envelope_is_said_in_one_line(package, tmp_path, change, why):
    path = signed(package, key_files(tmp_path, "alice")[0])
    _edit(path, change)
    with pytest.raises(Unreadable, match=why) as raised:
        read_statement(path, package)
    assert "\n" not in str(raised.value)


def test_oversized_envelope_is_not_read(package, tmp_path):
    path = signed(package, key_files(tmp_path, "alice")[0])
    path.write_text(path.read_text() + " " * MAX_BYTES)
    with pytest.raises(Unreadable, match="larger than"):
        read_statement(path, package)


def test_keys_that_cannot_be_used_are_refused_with_a_way_out(tmp_path):
    with pytest.raises(UserError, match="not an ed25519 or ECDSA key"):
        load_signer(key_files(tmp_path, "rsa", rsa.generate_private_key(65537, 2048))[0], str)
    private, public = key_files(tmp_path, "alice", encryption=BestAvailableEncryption(b"secret"))
    assert load_signer(private, lambda: "secret")
    with pytest.raises(UserError, match="cannot be used|not a private key"):
        load_signer(private, lambda: "wrong")
    with pytest.raises(UserError, match="not a private key"):
        load_signer(public, str)
    with pytest.raises(UserError, match="not a public ed25519 or ECDSA key"):
        known_keys(private)
    with pytest.raises(UserError, match="Cannot read the key"):
        load_signer(tmp_path / "nowhere.key", str)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no \*.pem"):
        known_keys(tmp_path / "empty")


def test_verbs_sign_and_check(tmp_path):
    """Signed, checked by a reviewer who knows the key and by one who does not, then tampered with."""
    root = build_package(tmp_path).root
    (private, public), (_, other) = key_files(tmp_path, "alice"), key_files(tmp_path, "bob")

    def run(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(cli, [str(a) for a in arguments], standalone_mode=False)
        if isinstance(done.exception, UserError):
            return int(done.exception.code), done.exception.message
        assert done.exception is None, done.exception
        return int(done.return_value or 0), done.output

    code, said = run("sign", root, "--key", private)
    assert code == ExitCode.OK and ": consistent with the rules of" in said
    assert run("sign", root, "--key", key_files(tmp_path, "carol")[0])[0] == ExitCode.OK
    assert len(read_statement(root / STATEMENT, root).signatures) == 2  # the second adds to the first
    code, said = run("check", root, "--keys", public)
    assert code == ExitCode.OK and "signed by alice" in said
    assert "not that the runs took place" in said
    code, said = run("check", root, "--keys", other)
    assert code == ExitCode.OK and "signed by an unknown key" in said
    beside = root.with_name(f"{root.name}.dsse.json")
    (root / STATEMENT).rename(beside)
    code, said = run("check", root, "--keys", public)
    assert code == ExitCode.OK and f"{beside.name}: signed by alice" in said
    readme = next(root.glob("benchmarks/*/*/README.md"))
    readme.write_text("edited\n")
    write_manifest(root)
    code, said = run("check", root)
    assert code == ExitCode.FINDINGS and "signed ANOTHER manifest" in said
    beside.rename(root / STATEMENT)
    code, said = run("check", root)
    assert code == ExitCode.FINDINGS and "WIT013" in said
    (root / STATEMENT).write_text("[]")
    code, said = run("check", root)
    assert code == ExitCode.FINDINGS and "WIT013" in said
    assert run("sign", tmp_path, "--key", private)[0] == ExitCode.USAGE
