"""Calls that cannot work: what happened, why, and a fix, in one line or two, with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import ExitCode
from tests.support.builders import build_package
from tests.support.command import cloudmask

NO_FILE = "there is no such file"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chekc", "x"], "No such command 'chekc'. Did you mean 'check'?"),
        (["answer", "nowhere"], f"Cannot read the challenge nowhere: {NO_FILE}."),
        (["import", "nowhere", "--system", "x"], f"Cannot read nowhere: {NO_FILE}."),
        (["witness", "try", "--url", "ftp://x"], "begin it with http:// or https://"),
        (["witness", "try", "--url", "http://x", "--timeout", "nan"], "fix: give 1 to 3600: --timeout 10."),
        (["witness", "try", "--url", "http://x", "--timeout", "-1"], "-1 s is no time to wait for a reply."),
        (["leaderboard", "--submissions", ".", "--org", "nobody"], "There is no organisation nobody."),
        (["leaderboard", "--submissions", ".", "--data", "."], "--data belongs to --replay."),
        (
            ["review", "ExampleLab/nosuch", "--submissions", ".", "--state", "verified", "--by", "R."],
            "ExampleLab has no system 'nosuch'. fix: choose one of testbox.",
        ),
        (["witness", "relay", ".", "--url", "file:///etc/passwd"], "begin it with http:// or https://"),
        (
            ["data", "describe", "--profile", "smoke", "--data", "nowhere"],
            "name the folder of a data set with --data",
        ),
        (["check", "{lab}", "--keys", "nowhere"], "its owner makes it: openssl pkey -in key.pem -pubout"),
        (["check", "{lab}", "--keys", "{notes}"], "is not a public ed25519 or ECDSA key in PEM"),
        (["check", "{lab}", "--roots", "{notes}"], "begins with -----BEGIN CERTIFICATE-----"),
        (
            ["check", "{lab}", "--data", "nowhere"],
            "--data belongs to --replay and --answer. fix: add --replay.",
        ),
        (["check", "{lab}", "--received", "2026-12-01"], "--received belongs to --answer."),
        (["check", "{log}", "--replay"], "is one log: it has no weights"),
        (["check", "{log}", "--answer", "{notes}"], "is one log: it has no weights"),
        (["report", "{archive}", "--out", "report"], "is an archive. fix: unpack it"),
        (["score", "{archive}"], "is an archive. fix: unpack it"),
        (["challenge", "{archive}"], "is an archive. fix: unpack it"),
        (["sign", "{lab}", "--key", "{notes}"], "is not a private key in PEM"),
        (
            ["challenge", "{lab}", "--out", "{notes}"],
            "notes.txt is there already. fix: give another name with --out",
        ),
        (["review", "ExampleLab/testbox", "--when", ""], "'' is not a day. fix: write it like 2026-12-31."),
        (["review", "ExampleLab/testbox", "--until", ""], "'' is not a day."),
        (
            [
                "power",
                "import",
                "nowhere",
                "--system",
                "testbox",
                "--org",
                "ExampleLab",
                "--submissions",
                ".",
            ],
            "fix: name the log",
        ),
    ],
)
def test_it_is_said_why_and_what_to_do(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    built, notes, archive = build_package(tmp_path), tmp_path / "notes.txt", tmp_path / "lab.tar.gz"
    lab = built.root
    log = next(lab.glob("results/**/result_0.txt"))
    archive.write_bytes(b"")
    notes.write_text("nothing of the kind\n")
    monkeypatch.chdir(tmp_path)
    code, _, err = cloudmask(
        capsys, *(word.format(lab=lab, notes=notes, log=log, archive=archive) for word in words)
    )
    assert code == ExitCode.USAGE and said in " ".join(err.split()) and "Traceback" not in err
