"""EVD078 to EVD081, and the way from a package over challenge and answer to a verdict, without TensorFlow."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from msgspec import structs

from harness.check import check_all
from harness.check.challenge import (
    Answer,
    Candidate,
    candidate,
    draw,
    question,
    read_question,
    write_answer,
    write_question,
)
from harness.check.entries import Entry
from harness.check.loader import load_header, load_runs
from harness.check.retraining import Retrainer, distances
from harness.check.tree import scan
from harness.cli.challenge import challenge as verb
from harness.core.errors import UserError
from harness.package.workspace import state_folder
from reference.protocol.keys import COMMITMENT_KEY
from reference.tensorflow.model import PARAMETERS
from reference.tensorflow.state import TrainingState, save_state
from rules.facts.lineage_bounds import FAR
from rules.model.evidence import Challenge, Retrained
from rules.model.findings import Outcome

ENTRY = "testbox/strong/cloudmask"
WHOLE = Challenge(((1, 3),), due_s=2000.0, now_s=1500.0, own=True, answered_s=1000.0)
ALIKE = Retrained(1, 3, distance=0.0, worst=0.0)


class Given:
    """A step that found this out."""

    about = None

    def __init__(self, challenge):
        self._challenge = challenge

    def __call__(self, run):
        pass

    def outcome(self, header):
        return self._challenge


def judged(built, step):
    """Outcomes and findings of the four rules."""
    _, verdict = check_all(built.root, answer=step)[0]
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    return (
        {r.id: r for r in verdict.rules if r.id.startswith(("EVD078", "EVD079", "EVD080", "EVD081"))},
        {f.rule: f.message for f in verdict.findings},
    )


def test_without_a_challenge_nothing_is_judged(fresh):
    results, _ = judged(fresh(), Given(None))
    assert {r.outcome for r in results.values()} == {Outcome.NOT_APPLICABLE}


def test_a_good_answer(fresh):
    results, _ = judged(fresh(), Given(structs.replace(WHOLE, retrained=(ALIKE,))))
    assert {r.outcome for r in results.values()} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        ({"answered_s": None, "now_s": 3000.0}, "EVD078", "there is no answer"),
        ({"problem": "the challenge is about another package"}, "EVD078", "another package"),
        ({"answer_problem": "it is not an .npz"}, "EVD078", "not an .npz"),
        ({"answered_s": 2500.0}, "EVD079", "and came on"),
        ({"retrained": (Retrained(1, 3, problem="the answer lacks a state"),)}, "EVD080", "lacks a state"),
        ({"retrained": (Retrained(1, 3, foreign=("the state after is",)),)}, "EVD080", "committed"),
        ({"retrained": (structs.replace(ALIKE, worst=float("inf")),)}, "EVD081", "of the epoch's way"),
        ({"retrained": (structs.replace(ALIKE, distance=float("nan")),)}, "EVD081", "of the epoch's way"),
        ({"retrained": (structs.replace(ALIKE, distance=0.85, worst=0.9),)}, "EVD081", "of the epoch's way"),
    ],
)
def test_missing_late_and_wrong(fresh, changes, rule, said):
    results, findings = judged(fresh(), Given(structs.replace(WHOLE, **{"retrained": (ALIKE,), **changes})))
    assert results[rule].outcome is Outcome.FAIL and said in findings[rule]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"answered_s": None}, "EVD078"),  # not due yet
        ({"own": False}, "EVD078"),
        ({"retrained": (Retrained(1, 3, reason="no data"),)}, "EVD081"),
        ({"retrained": ()}, "EVD081"),
    ],
)
def test_what_was_not_done_is_no_pass(fresh, changes, rule):
    results, findings = judged(fresh(), Given(structs.replace(WHOLE, **{"retrained": (ALIKE,), **changes})))
    assert results[rule].outcome is Outcome.NOT_CHECKED and rule not in findings


@pytest.mark.parametrize(
    ("accelerators", "outcome"),
    [(0, Outcome.WARN), (4, Outcome.NOT_CHECKED)],
    ids=["processors", "elsewhere"],
)
def test_an_epoch_as_other_kernels_leave_it(fresh, accelerators, outcome):
    other = structs.replace(ALIKE, distance=0.7, worst=0.75)
    answer = Given(structs.replace(WHOLE, retrained=(other,)))
    result = judged(fresh(accelerators_per_node=accelerators), answer)[0]["EVD081"]
    assert result.outcome is outcome
    assert outcome is Outcome.WARN or "0.7 of the epoch's way" in (result.reason or "")


def test_epochs_that_the_submitter_may_have_drawn_show_nothing_of_the_code(fresh):
    results, _ = judged(fresh(), Given(structs.replace(WHOLE, retrained=(ALIKE,), own=False)))
    assert results["EVD078"].outcome is results["EVD081"].outcome is Outcome.NOT_CHECKED


def test_an_answer_that_cannot_be_read_is_not_late_too(fresh, tmp_path):
    """Nothing is known of when it was due."""
    answer = tmp_path / "answer.npz"
    answer.write_text("nothing of the kind")
    with Retrainer(Answer(answer, None)) as step:
        results, _ = judged(fresh(), step)
    assert results["EVD078"].outcome is Outcome.FAIL and results["EVD079"].outcome is Outcome.NOT_CHECKED


# ---------------------------------------------------------------- drawing


def test_the_draw_follows_from_the_entropy_alone():
    runs = [Candidate(run, 100 + run, (1, 2, 3, 4)) for run in range(5)]
    entropy, first = draw(runs, 3, "reviewer")
    assert (entropy, first) == draw(runs, 3, "reviewer")
    assert len({(a.run, a.epoch) for a in first}) == 3 and all(a.epoch > 1 for a in first)
    assert len({tuple((a.run, a.epoch) for a in draw(runs, 2)[1]) for _ in range(20)}) > 5


def test_first_epochs_are_drawn_where_there_are_no_others():
    assert [a.epoch for a in draw([Candidate(0, 7, (1,))], 2)[1]] == [1]


# ---------------------------------------------------------------- from package to verdict


def state(seed: int) -> TrainingState:
    rng = np.random.default_rng(seed)
    arrays = (rng.standard_normal(PARAMETERS).astype(np.float32) for _ in range(3))
    return TrainingState(*arrays, step=20 * seed)


@pytest.fixture
def kept(fresh, tmp_path):
    """A package whose run 1 commits to states that lie in a folder, a challenge about its epoch 3, and the folder."""
    built = fresh()
    seed = json.loads(built.run_files(1).record.read_text())["seed"]
    folder = tmp_path / "checkpoints" / state_folder(seed)
    folder.mkdir(parents=True)

    def commit(events):
        for event in events:
            if event["key"] == COMMITMENT_KEY:
                epoch = event["metadata"]["epoch_num"]
                event["value"] = state(epoch).weights_digest
                event["metadata"]["optimizer_digest"] = state(epoch).optimizer_digest
                save_state(folder / f"epoch_{epoch:04d}.npz", state(epoch))

    built.edit_events(1, commit)
    header = load_header(built.root, Entry("testbox"))
    found = [candidate(run) for run in load_runs(header, scan(built.root))]
    assert all(found) and found[1].seed == seed
    _, asked = draw([replace(found[1], epochs=(3,))], 1)
    path = tmp_path / "challenge.json"
    write_question(path, question(built.root, ENTRY, "entropy", asked, 14))
    return built, path, folder


def test_challenge_and_answer(kept, tmp_path):
    built, path, folder = kept
    answer = tmp_path / "answer.npz"
    write_answer(read_question(path), folder.parent.parent, answer)
    with Retrainer(Answer(answer, read_question(path))) as step:
        results, _ = judged(built, step)
    assert results["EVD078"].outcome is results["EVD079"].outcome is results["EVD080"].outcome is Outcome.PASS
    assert results["EVD081"].outcome is Outcome.NOT_CHECKED  # no data
    with Retrainer(Answer(answer, None)) as step:
        assert judged(built, step)[0]["EVD078"].outcome is Outcome.NOT_CHECKED  # the answer's own copy
    late = read_question(path).due_s + 60
    with Retrainer(Answer(answer, read_question(path), late)) as step:
        assert judged(built, step)[0]["EVD079"].outcome is Outcome.FAIL


def test_other_states_than_committed(kept, tmp_path):
    built, path, folder = kept
    answer = tmp_path / "answer.npz"
    for changes in ({"weights": state(9).weights}, {"momentum": state(9).momentum}, {"step": 7}):
        save_state(folder / "epoch_0003.npz", replace(state(3), **changes))
        write_answer(read_question(path), folder, answer)
        with Retrainer(Answer(answer, read_question(path))) as step:
            results, findings = judged(built, step)
        assert results["EVD080"].outcome is Outcome.FAIL and "the state after" in findings["EVD080"]


def test_an_answer_to_another_challenge_or_package(kept, tmp_path):
    built, path, folder = kept
    answer, asked = tmp_path / "answer.npz", read_question(path)
    write_answer(asked, folder, answer)
    with Retrainer(Answer(answer, msgspec.structs.replace(asked, entropy="another"))) as step:
        assert judged(built, step)[0]["EVD078"].outcome is Outcome.FAIL
    (built.root / "MANIFEST.sha256").write_text("")
    with Retrainer(Answer(answer, asked)) as step:
        results, findings = judged(built, step)
    assert results["EVD078"].outcome is Outcome.FAIL and "another package" in findings["EVD078"]


def test_an_answer_about_an_entry_that_is_not_there(kept, tmp_path):
    """It is refused: a verdict that says nothing of it would look as if it had been answered."""
    built, path, folder = kept
    asked = msgspec.structs.replace(read_question(path), entry="other/strong/cloudmask")
    write_answer(asked, folder, tmp_path / "answer.npz")
    with (
        Retrainer(Answer(tmp_path / "answer.npz", asked)) as step,
        pytest.raises(UserError, match="about other/strong/cloudmask, which is not among"),
    ):
        judged(built, step)


def test_no_answer_and_no_checkpoints(kept, tmp_path):
    built, path, folder = kept
    with Retrainer(Answer(None, read_question(path))) as step:
        results, _ = judged(built, step)
    assert results["EVD078"].outcome is results["EVD080"].outcome is Outcome.NOT_CHECKED
    with pytest.raises(UserError, match="no checkpoints"):
        write_answer(read_question(path), tmp_path / "nowhere", tmp_path / "answer.npz")
    (folder / "epoch_0002.npz").unlink()
    with pytest.raises(UserError, match=r"epoch_0002\.npz"):
        write_answer(read_question(path), folder, tmp_path / "answer.npz")
    assert not (tmp_path / "answer.npz").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "organisation": "a", "entry": 5}', "\x00"]
)
def test_what_is_not_a_challenge(tmp_path, text):
    path = tmp_path / "challenge.json"
    path.write_text(text)
    with pytest.raises(UserError, match="Cannot read the challenge"):
        read_question(path)


def test_times_of_a_challenge_are_bounded(kept, tmp_path):
    _, path, _ = kept
    write_question(path, msgspec.structs.replace(read_question(path), due_s=1e300))
    with pytest.raises(UserError, match="Cannot read the challenge"):
        read_question(path)


# ---------------------------------------------------------------- distances


def test_distances_in_lengths_of_the_way():
    before, after = state(1), state(2)
    assert distances(before, after, after) == (0.0, 0.0)
    half = replace(after, weights=(before.weights + after.weights) / 2)
    median, worst = distances(before, after, half)
    assert median == pytest.approx(0.5, rel=1e-3) and worst == pytest.approx(0.5, rel=0.05)
    assert distances(before, after, replace(after, momentum=-after.momentum))[1] == pytest.approx(2)
    assert distances(before, after, replace(after, step=1))[1] == float("inf")


def test_a_foreign_state_is_far_beyond_the_recorded_distance():
    assert distances(state(1), state(2), state(3))[0] > 1 > FAR


@pytest.mark.parametrize(("days", "entropy"), [(float("nan"), None), (14.0, "\udc80"), (14.0, "a\0b")])
def test_odd_days_and_entropy_are_refused(tmp_path, days: float, entropy: str | None):
    with pytest.raises(UserError):
        verb.callback(tmp_path, None, 2, days, tmp_path / "challenge.json", entropy)
    assert not (tmp_path / "challenge.json").exists()
