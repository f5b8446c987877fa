"""Whole submits under the witness of a real authority on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.untrusted.witness import read_chain
from harness.witness.authority import HttpAuthority
from harness.witness.relay import relay_for_ever
from rules.model.witness import Failure, Mark, Opening, Registration, Stamp
from tests.e2e.conftest import Trial
from tests.support.authority import Loopback, loopback


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(tmp_path / "authority") as made:
        (tmp_path / "roots.pem").write_text(made.keys.root_pem)
        yield made


def recipe(trial: Trial, **witness: object) -> None:
    fields: dict[str, object] = {"division": "open", "runs": 3, "best_of": 3}
    trial.recipe(**fields, witness={"every_s": 0, "timeout_s": 20, **witness})


def verdict(trial: Trial) -> tuple[int, dict[str, str], dict[str, list[str]]]:
    """Exit code, outcome of each WIT rule, and messages of its findings."""
    done = trial.cloudmask("check", "submissions/lab", "--format", "json", "--roots", "roots.pem")
    found = json.loads(done.stdout)
    outcomes = {r["id"]: r["outcome"] for r in found["rules"] if r["id"].startswith("WIT")}
    messages: dict[str, list[str]] = {}
    for finding in found["findings"]:
        messages.setdefault(finding["rule"], []).append(finding["message"])
    return done.returncode, outcomes, messages


def test_honest_runs_are_witnessed(trial: Trial, authority: Loopback) -> None:
    recipe(trial, url=authority.url, roots="roots.pem")
    trial.submitted()
    chain = read_chain(trial.evidence() / "witness.jsonl")
    assert list(chain.of(Failure)) == []
    assert len(list(chain.of(Registration))) == 1
    seeds = [entry.seed for _, entry in chain.of(Opening)]
    assert len(set(seeds)) == 3
    assert [trial.record(f"result_{i}")["seed"] for i in range(3)] == seeds
    code, outcomes, messages = verdict(trial)
    assert code == 0
    assert {id: o for id, o in outcomes.items() if o not in ("pass", "not_applicable")} == {}, messages


def test_edit_of_a_witnessed_package_is_found(trial: Trial, authority: Loopback) -> None:
    recipe(trial, url=authority.url)
    trial.submitted()
    log = trial.org / "results/box/strong/cloudmask/result_1.txt"
    lines = log.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if '"eval_accuracy"' in line)
    lines[at] = lines[at].replace("0.8", "0.9", 1)
    log.write_text("".join(lines))
    code, outcomes, _ = verdict(trial)
    assert code == 1 and outcomes["WIT002"] == "fail"


def test_failed_attempt_stays_in_the_chain_and_cannot_be_deleted(trial: Trial, authority: Loopback) -> None:
    recipe(trial, url=authority.url)
    assert trial.submit(FAKE="crash", FAKE_RUN="1").returncode == 3
    trial.submitted("--resume")
    chain = read_chain(trial.evidence() / "witness.jsonl")
    assert [entry.run for _, entry in chain.of(Opening)] == [0, 1, 1, 2]
    assert len({entry.seed for _, entry in chain.of(Opening)}) == 4
    code, outcomes, messages = verdict(trial)
    assert code == 0 and outcomes["WIT001"] == "pass", messages
    for path in sorted((trial.evidence() / "failed").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    code, outcomes, messages = verdict(trial)
    assert code == 1 and messages["WIT001"] == ["4 runs were begun, the package holds 3 and 0 failed ones"]


def test_starting_again_is_listed(trial: Trial, authority: Loopback) -> None:
    recipe(trial, url=authority.url)
    trial.submitted()
    done = trial.submit("--replace")
    assert done.returncode == 0, done.stdout
    _, outcomes, messages = verdict(trial)
    assert outcomes["WIT009"] == "warn"
    assert messages["WIT009"] == ["the entry was registered 1 time before, and set aside"]


def test_runs_go_on_without_the_authority(trial: Trial, tmp_path: Path) -> None:
    with loopback(tmp_path / "gone") as gone:
        (tmp_path / "roots.pem").write_text(gone.keys.root_pem)
        url = gone.url
    recipe(trial, url=url)
    done = trial.submitted()
    assert "witness: no stamp: the authority cannot be reached" in done.stdout
    assert "seeds are drawn by chance" in done.stdout
    code, outcomes, messages = verdict(trial)
    assert code == 0
    assert outcomes["WIT007"] == "warn" and outcomes["WIT003"] == outcomes["WIT010"] == "not_checked"
    assert len(messages["WIT007"]) == 2 + 4 * 3  # registration, package, and four points of each run


def test_authority_that_fails_half_way_costs_its_stamps_only(trial: Trial, authority: Loopback) -> None:
    def soon_full(server: Loopback, request: bytes):
        return server.honest(request) if len(server.asked) < 9 else (429, "text/plain", b"too many")

    authority.behave = soon_full
    recipe(trial, url=authority.url)
    done = trial.submit()
    assert done.returncode == 0 and "HTTP status 429" in done.stdout
    code, outcomes, _ = verdict(trial)
    assert code == 0 and outcomes["WIT007"] == "warn" and outcomes["WIT003"] == "pass"


def test_stamps_come_through_a_relay(trial: Trial, authority: Loopback, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    end = threading.Event()

    def say(text: str) -> None:
        if end.is_set():
            raise SystemExit

    relaying = threading.Thread(
        target=lambda: relay_for_ever(spool, HttpAuthority(authority.url), 20, say), daemon=True
    )
    relaying.start()
    recipe(trial, spool=str(spool))
    done = trial.submit()
    end.set()
    assert done.returncode == 0, done.stdout + done.stderr
    chain = read_chain(trial.evidence() / "witness.jsonl")
    stamped = {entry.of for _, entry in chain.of(Stamp)}
    assert {e.point for n, e in chain.of(Mark) if n in stamped} >= {"start", "stop"}
    code, outcomes, messages = verdict(trial)
    assert code == 0 and outcomes["WIT005"] == "pass" and outcomes["WIT003"] == "pass", messages


def test_verb_tries_an_authority(trial: Trial, authority: Loopback) -> None:
    done = trial.cloudmask("witness", "try", "--url", authority.url, "--roots", "roots.pem")
    assert done.returncode == 0 and "it verifies" in done.stdout, done.stderr
    done = trial.cloudmask("witness", "try", "--url", authority.url)
    assert done.returncode == 1 and "unknown authority" in done.stdout
    authority.behave = lambda server, request: (200, "text/html", b"<h1>no</h1>")
    done = trial.cloudmask("witness", "try", "--url", authority.url)
    assert done.returncode == 69 and "text/html" in done.stderr and "fix:" in done.stderr
