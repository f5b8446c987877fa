"""EVD070 to EVD077, EVD082 and EVD083: what the rules make of where weights came from and of what was repeated."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from harness.check import check_all
from harness.check.claims import what_stands
from reference.tensorflow.model import PARAMETERS
from rules.facts.lineage_bounds import FAR, Band, LineageBounds, Repeat, load_bounds, profile_of
from rules.model.claims import Claim, Standing
from rules.model.evidence import (
    EpochAgain,
    KernelMove,
    Likeness,
    Lineage,
    PictureDifference,
    Replay,
    ScenesAgain,
)
from rules.model.findings import Outcome, Severity
from rules.ruleset import DEFAULT, load_ruleset
from tests.rules.cases.edits import find, set_value
from tests.support.scene_counts import measured, write_counts

SIZES = (
    2592,
    9216,
    18432,
    36864,
    73728,
    147456,
    294912,
    589824,
    442368,
    147456,
    110592,
    36864,
    27648,
    9216,
    32,
)
MORE = 14e-3  # root mean square of a way: too long on processors, by the bounds below, not on accelerators
KERNELS = tuple(KernelMove(size, 0.98, 8e-3, 0.04, -0.01, 0.02, 12.0) for size in SIZES)


@pytest.fixture(autouse=True)
def bounds(monkeypatch):
    """Bounds with which the builder's packages can be judged, whatever is recorded."""
    made = LineageBounds(
        schema=1,
        source="this test",
        profiles=["quick"],
        precisions=["fp32"],
        learning_rate=1e-3,
        runs=3,
        steps=[10, 1000],
        moved=[Band([4.0, 8.0], [6.0, 12.0]) for _ in SIZES],
        drift=Band([-0.03, -0.03], [0.03, 0.03]),
        moved_margin=1.5,
        drift_margin=0.1,
        repeats={"quick": {"fp32": Repeat(1e-4, 0.01, 0.05)}},
        loss_margin=5.0,
        repeat_margin=5.0,
    )
    monkeypatch.setattr("rules.facts.lineage_bounds.load_bounds", lambda name: made)
    return made


def judged(built, id, change=lambda replay, run: replay):
    """Outcome and findings of one rule; `change` gets what was computed again of run 2."""
    verdict = verdict_of(built, change)
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    result = next(r for r in verdict.rules if r.id == id)
    return result, [f for f in verdict.findings if f.rule == id]


def verdict_of(built, change):
    """The verdict on a package whose runs were all computed again."""

    def step(run):
        science = run.science
        stats = run.log.first("tracked_stats").value
        committed = run.log.last("weights_commitment")
        replay = Replay(
            accuracy=run.log.last("eval_accuracy").value,
            loss=run.log.last("eval_loss").value,
            lineage=Lineage(
                KERNELS,
                Likeness(0, 0.05) if run.index else None,
                committed and committed.value,
                None,
                PARAMETERS,
                Likeness(0, 0.15) if run.index else None,
            ),
            epoch=EpochAgain(stats["train_loss"], stats["train_accuracy"]),
            scenes=ScenesAgain(science, (PictureDifference("a", "probability", 0.0, 2),)),
        )
        return change(replay, run) if run.index == 2 else replay

    return check_all(built.root, replay=step)[0][1]


def kernels(**changes):
    """A change that gives every kernel of run 2 other numbers."""
    made = tuple(replace(kernel, **changes) for kernel in KERNELS)
    return lambda replay, run: replace(replay, lineage=replace(replay.lineage, kernels=made))


@pytest.mark.parametrize("id", [*(f"EVD{number:03}" for number in range(70, 78)), "EVD082", "EVD083"])
def test_an_honest_package_passes(fresh, id):
    result, findings = judged(fresh(), id)
    assert result.outcome is Outcome.PASS and findings == []


@pytest.mark.parametrize("id", [f"EVD{number:03}" for number in (70, 71, 72, 75, 76, 77, 82, 83)])
def test_without_replay_nothing_passes(fresh, id):
    _, verdict = check_all(fresh().root)[0]
    assert next(r for r in verdict.rules if r.id == id).outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (kernels(cosine=0.0), "do not descend"),
        (kernels(moved=0.0, cosine=1.0), "not trained"),
        (kernels(farthest=50.0), "moved by 50"),
        (kernels(bias_farthest=50.0), "moved by 50"),
    ],
)
def test_foreign_untrained_and_too_far(fresh, change, said):
    result, findings = judged(fresh(), "EVD070", change)
    assert result.outcome is Outcome.FAIL and said in findings[0].message


@pytest.mark.parametrize(
    "change", [kernels(moved=41e-3), kernels(moved=1e-4), kernels(drift=-0.6), kernels(moved=float("nan"))]
)
def test_mixtures_and_noise(fresh, change):
    result, findings = judged(fresh(), "EVD071", change)
    assert result.outcome is Outcome.FAIL and "from the seed" in findings[0].message


def test_one_kernel_from_elsewhere(fresh):
    def change(replay, run):
        mixed = (*KERNELS[:7], replace(KERNELS[7], cosine=0.0, moved=41e-3, drift=-0.7), *KERNELS[8:])
        return replace(replay, lineage=replace(replay.lineage, kernels=mixed))

    result, findings = judged(fresh(), "EVD071", change)
    assert result.outcome is Outcome.FAIL and "kernel 8 " in findings[0].message


@pytest.mark.parametrize(
    "options", [{"accelerators_per_node": 4, "precision": "bfloat16"}, {"precision": "bfloat16"}]
)
@pytest.mark.parametrize(("id", "change"), [("EVD071", {"moved": 41e-3}), ("EVD083", {"alignment": 1.3})])
def test_what_was_not_recorded_is_not_judged(fresh, options, id, change):
    result, _ = judged(fresh(**options), id, kernels(**change))
    assert result.outcome is Outcome.NOT_CHECKED
    assert "no bounds recorded for" in (result.reason or "") and "tests.bench.lineage" in (
        result.reason or ""
    )


@pytest.mark.parametrize("alignment", [1.02, float("nan")])
def test_noise_is_warned_of_where_nothing_was_recorded(fresh, alignment):
    result, findings = judged(fresh(precision="bfloat16"), "EVD083", kernels(alignment=alignment))
    assert result.outcome is Outcome.WARN and "no direction" in findings[0].message


def test_float16_on_several_replicas_shows_no_seed(fresh, bounds, monkeypatch):
    """How that repeats was not recorded, and to say so costs nothing: a warning, not silence."""
    made = replace(bounds, repeat_on_one_device=["fp32"], other_kernels={"quick": 0.01})
    monkeypatch.setattr("rules.facts.lineage_bounds.load_bounds", lambda name: made)
    built = fresh()
    set_value(built, "number_of_ranks", 2)
    assert judged(built, "EVD075", off_by(1.02))[0].outcome is Outcome.WARN


def test_further_than_on_processors(fresh):
    assert judged(fresh(), "EVD071", kernels(moved=MORE))[0].outcome is Outcome.FAIL


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize(
    ("id", "change", "outcome"),
    [
        ("EVD070", {}, Outcome.PASS),
        ("EVD071", {}, Outcome.PASS),
        ("EVD083", {}, Outcome.PASS),
        ("EVD071", {"moved": MORE}, Outcome.PASS),
        ("EVD071", {"moved": 28e-3}, Outcome.FAIL),
        ("EVD071", {"drift": -0.2}, Outcome.PASS),
        ("EVD071", {"drift": -0.3}, Outcome.FAIL),
        # a fifth of the seed's beginning, added to weights from elsewhere: descends, computes, was never trained
        ("EVD070", {"cosine": 0.2, "moved": 0.2, "drift": -0.6, "alignment": 1.0}, Outcome.PASS),
        ("EVD071", {"cosine": 0.2, "moved": 0.2, "drift": -0.6, "alignment": 1.0}, Outcome.FAIL),
        ("EVD083", {"cosine": 0.2, "moved": 0.2, "drift": -0.6, "alignment": 1.0}, Outcome.FAIL),
    ],
)
def test_runs_on_accelerators_are_judged_by_wider_bounds(fresh, precision, id, change, outcome):
    built = fresh(accelerators_per_node=4, precision=precision)
    assert judged(built, id, kernels(**change))[0].outcome is outcome


@pytest.mark.parametrize(
    ("key", "value"),
    [("opt_base_learning_rate", 1e-3 * (1 + 5e-10)), ("lowest_numerical_precision_in_linear", "tf32")],
)
def test_words_do_not_lead_around_the_bounds(fresh, key, value):
    """What other rules take for the same value, and TF32 on processors, which have none."""
    built = fresh()
    set_value(built, key, value)
    for id, change in (("EVD071", {"moved": 41e-3}), ("EVD083", {"alignment": 0.9})):
        assert judged(built, id, kernels(**change))[0].outcome is Outcome.FAIL
    assert judged(built, "EVD075", off_by(1.2))[0].outcome is Outcome.FAIL


def test_a_known_data_set_has_its_own_name():
    ruleset = load_ruleset()
    digest, profile = next(iter(ruleset.data.synthetic.digests.items()))

    def named(digest):
        return SimpleNamespace(dataset=SimpleNamespace(digest=digest, profile="my-scenes"))

    assert profile_of(named(digest), ruleset) == profile
    assert profile_of(named("0" * 64), ruleset) == "my-scenes"
    assert profile_of(SimpleNamespace(dataset=None), ruleset) is None


def test_weights_that_only_descend_from_the_seed_do_not_show_it(fresh):
    """A learning rate of one's own was not recorded: EVD070 alone passes mixtures, so the claim stays asserted."""
    built = fresh(division="open")

    def seed():
        return {c.claim: c for c in what_stands(verdict_of(built, kernels()))}[Claim.SEED]

    assert "EVD071" in seed().rules and "EVD070" not in seed().rules
    set_value(built, "opt_base_learning_rate", 2e-3)
    assert seed().standing is Standing.ASSERTED


def test_a_copied_run(fresh):
    def change(replay, run):
        return replace(replay, lineage=replace(replay.lineage, likest=Likeness(1, 0.999)))

    result, findings = judged(fresh(), "EVD072", change)
    assert result.outcome is Outcome.FAIL and "those of run 1" in findings[0].message


def test_the_way_of_another_run(fresh):
    def change(replay, run):
        return replace(replay, lineage=replace(replay.lineage, likest_way=Likeness(1, 0.97)))

    result, findings = judged(fresh(), "EVD072", change)
    assert result.outcome is Outcome.FAIL and "the way of run 1" in findings[0].message


@pytest.mark.parametrize(
    ("alignment", "outcome"),
    [(2.1, Outcome.PASS), (1.9, Outcome.FAIL), (0.0, Outcome.FAIL), (float("nan"), Outcome.FAIL)],
)
def test_noise_as_long_as_training(fresh, alignment, outcome):
    result, findings = judged(fresh(), "EVD083", kernels(alignment=alignment))
    assert result.outcome is outcome
    assert outcome is Outcome.PASS or "no direction" in findings[0].message


@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_model_of_a_quarter_of_the_size_is_claimed(fresh, division):
    built = fresh(division=division)
    set_value(built, "model_parameters_count", 487_969)
    result, findings = judged(built, "EVD082")
    assert result.outcome is Outcome.FAIL and len(findings) == 5
    assert "487969, the weights in the package are 1948609" in findings[0].message


def test_exchanged_after_the_last_commitment(fresh):
    def change(replay, run):
        return replace(replay, lineage=replace(replay.lineage, weights_digest="0" * 64))

    result, findings = judged(fresh(), "EVD073", change)
    assert result.outcome is Outcome.FAIL and findings[0].line


@pytest.mark.parametrize(
    ("loss", "outcome"), [(1.0004, Outcome.PASS), (1.0006, Outcome.FAIL), (float("nan"), Outcome.FAIL)]
)
def test_the_first_epoch(fresh, loss, outcome):
    def change(replay, run):
        return replace(replay, epoch=replace(replay.epoch, loss=replay.epoch.loss * loss))

    assert judged(fresh(), "EVD075", change)[0].outcome is outcome


@pytest.mark.parametrize(("factor", "shown"), [(1.0, True), (1.002, True), (1.02, False)])
def test_a_loss_that_only_rounding_excuses_shows_neither_seed_nor_code(
    fresh, bounds, monkeypatch, factor, shown
):
    """Within 6 %, as allowed on quick data, lie the first losses of half the seeds: so may a number that was typed."""
    made = replace(bounds, repeats={"quick": {"fp32": Repeat(0.02, 0.01, 0.05)}}, loss_margin=3.0)
    monkeypatch.setattr("rules.facts.lineage_bounds.load_bounds", lambda name: made)
    verdict = verdict_of(fresh(), off_by(factor))
    outcome = next(result.outcome for result in verdict.rules if result.id == "EVD075")
    noted = [finding.severity for finding in verdict.findings if finding.rule == "EVD075"]
    assert outcome is Outcome.PASS and noted == ([] if shown else [Severity.INFO])
    by = {stands.claim: stands.rules for stands in what_stands(verdict)}
    assert ("EVD075" in by[Claim.CODE]) is ("EVD075" in by[Claim.SEED]) is shown


def off_by(factor):
    return lambda replay, run: replace(replay, epoch=replace(replay.epoch, loss=replay.epoch.loss * factor))


@pytest.mark.parametrize(
    ("options", "factor", "outcome"),
    [
        ({}, 1.0004, Outcome.PASS),
        ({}, 1.04, Outcome.WARN),  # other kernels do that
        ({}, 1.08, Outcome.FAIL),
        ({}, float("nan"), Outcome.FAIL),
        ({"accelerators_per_node": 4}, 1.0, Outcome.NOT_CHECKED),
        ({"accelerators_per_node": 4}, 1.04, Outcome.NOT_CHECKED),
        ({"accelerators_per_node": 4}, 1.08, Outcome.WARN),
        ({"accelerators_per_node": 4, "precision": "tf32"}, 1.08, Outcome.WARN),
    ],
)
def test_the_first_epoch_by_other_kernels(fresh, bounds, monkeypatch, options, factor, outcome):
    made = replace(bounds, other_kernels={"quick": 0.01})
    monkeypatch.setattr("rules.facts.lineage_bounds.load_bounds", lambda name: made)
    result, _ = judged(fresh(**options), "EVD075", off_by(factor))
    assert result.outcome is outcome
    assert outcome is not Outcome.NOT_CHECKED or "off by" in (result.reason or "")


@pytest.mark.parametrize(
    "options", [{"precision": "bfloat16"}, {"precision": "tf32", "accelerators_per_node": 4}]
)
def test_the_first_epoch_that_was_not_recorded_says_how_far_it_is(fresh, options):
    result, _ = judged(fresh(**options), "EVD075")
    assert result.outcome is Outcome.NOT_CHECKED and "off by 0.00%" in (result.reason or "")


def test_better_science(fresh):
    def change(replay, run):
        overall = {**run.science["overall"], "accuracy": run.science["overall"]["accuracy"] - 0.02}
        return replace(replay, scenes=replace(replay.scenes, science={**run.science, "overall": overall}))

    result, findings = judged(fresh(), "EVD076", change)
    assert result.outcome is Outcome.FAIL and "overall.accuracy" in findings[0].message


def test_science_of_pixels_that_the_test_scenes_do_not_have(fresh):
    def change(replay, run):
        groups = {"land": {"accuracy": 0.9, "pixels": 4000}}
        again = {**run.science, "by_surface": groups}
        run.science["by_surface"] = {**groups, "desert": {"accuracy": 0.9987, "pixels": 3}}
        return replace(replay, scenes=replace(replay.scenes, science=again))

    result, findings = judged(fresh(), "EVD076", change)
    assert result.outcome is Outcome.FAIL
    assert findings[0].message == "by_surface has 'desert', of which the test scenes have no pixel"


def test_science_that_leaves_a_number_out(fresh):
    def change(replay, run):
        return replace(
            replay,
            scenes=replace(replay.scenes, science={**run.science, "by_daylight": {"day": {"f1": 0.9}}}),
        )

    assert judged(fresh(), "EVD076", change)[0].outcome is Outcome.FAIL


def scenes_again(change):
    """Run 2 states schema 2; `change` edits what the weights give."""

    def edit(replay, run):
        again = json.loads(json.dumps(run.science))
        change(again)
        return replace(replay, scenes=replace(replay.scenes, science=again))

    return edit


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda s: None, Outcome.PASS),
        (lambda s: s["per_scene"][0].update(fp=s["per_scene"][0]["fp"] + 3), Outcome.PASS),  # rounding
        (lambda s: s["per_scene"][0].update(fp=s["per_scene"][0]["fp"] + 3000), Outcome.FAIL),
        (lambda s: s["per_scene"][0]["histogram"]["clear"].__setitem__(0, 0), Outcome.FAIL),
        (lambda s: s.update(scenes=s["scenes"] + 1), Outcome.FAIL),
        (lambda s: s["per_scene"].append(s["per_scene"][0]), Outcome.FAIL),
    ],
)
def test_counts_of_scenes_may_move_by_rounding_only(fresh, change, outcome):
    built = fresh()
    write_counts(built)
    assert judged(built, "EVD076", scenes_again(change))[0].outcome is outcome


@pytest.mark.parametrize(("stated", "outcome"), [({}, Outcome.PASS), ({"auc": 0.9999}, Outcome.FAIL)])
def test_a_file_of_schema_1_is_not_asked_for_counts(fresh, stated, outcome):
    """The weights give schema 2 today; what schema 1 had, and what else is stated, is still compared."""
    newer = measured(2, (60, 75))

    def change(replay, run):
        older = {**newer["overall"], **run.science["overall"]}
        again = {**newer, "overall": older, "scenes": run.science["scenes"]}
        lists = (
            "calibration",
            "precision_recall",
            "by_daylight",
            "by_surface",
            "by_cloud_fraction",
            "per_scene",
        )
        run.science.update({name: _older(newer[name]) for name in lists})
        run.science["overall"] = {**_older(older), **stated}
        return replace(replay, scenes=replace(replay.scenes, science=again))

    result, findings = judged(fresh(), "EVD076", change)
    assert result.outcome is outcome, findings
    assert all("auc" in finding.message for finding in findings)


def _older(value):
    new = {
        "tp",
        "fp",
        "fn",
        "tn",
        "false_alarm_rate",
        "true_skill_score",
        "auc",
        "valid",
        "boundary",
        "histogram",
    }
    if isinstance(value, dict):
        return {name: _older(inner) for name, inner in value.items() if name not in new}
    return [_older(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "pictures",
    [
        {"pictures": (PictureDifference("a", "probability", 0.2, 2),)},
        {"pictures": (PictureDifference("a", "bayes", 0.02, 2),)},
        {"pictures": None, "pictures_problem": "gallery.h5 shows other scenes"},
    ],
)
def test_pictures_of_something_else(fresh, pictures):
    def change(replay, run):
        return replace(replay, scenes=replace(replay.scenes, **pictures))

    assert judged(fresh(), "EVD077", change)[0].outcome is Outcome.FAIL


def test_another_program_may_commit_to_nothing(fresh):
    built = fresh()

    def without(events):
        return [e for e in events if e["key"] != "weights_commitment"]

    for run in range(5):
        built.edit_events(run, without, reseal=False)
        built.edit_json(built.run_files(run).record, lambda r: r.update(command=["./train"]), reseal=False)
    built.reseal()
    assert judged(built, "EVD074")[0].outcome is Outcome.NOT_CHECKED
    assert judged(built, "EVD073")[0].outcome is Outcome.NOT_APPLICABLE


def test_commitments_are_not_asked_of_old_packages(fresh):
    built = fresh()
    built.edit_events(2, lambda events: events.remove(find(events, "weights_commitment")))
    _, verdict = check_all(built.root, load_ruleset("cloudmask-1.0"))[0]
    assert next(r for r in verdict.rules if r.id == "EVD074").outcome is Outcome.NOT_APPLICABLE


# ---------------------------------------------------------------- the recorded bounds


def test_recorded_bounds_are_whole():
    recorded = load_bounds.__wrapped__(DEFAULT)
    assert recorded is not None and recorded.runs >= 3
    assert len(recorded.moved) == len(SIZES) and recorded.steps == sorted(set(recorded.steps))
    for band in (*recorded.moved, recorded.drift):
        assert len(band.low) == len(band.high) == len(recorded.steps)
        assert all(low <= high for low, high in zip(band.low, band.high, strict=True))
    assert {precision for known in recorded.repeats.values() for precision in known} == set(
        recorded.precisions
    )
    for profile, precisions in recorded.repeats.items():
        for precision in precisions:
            allowed = recorded.repeat(profile, precision, 1)
            assert allowed is not None and allowed.loss < 0.1 and allowed.distance <= FAR


def test_nothing_is_repeated_where_it_was_not_recorded(bounds):
    assert bounds.repeat("quick", "fp32", 2) == Repeat(5e-4, 0.05, 0.25)
    assert (
        bounds.repeat("smoke", "fp32", 1)
        is bounds.repeat("quick", "fp16", 1)
        is bounds.repeat(None, "fp32", 1)
        is None
    )
    on_one = replace(bounds, repeat_on_one_device=["fp32"])
    assert on_one.repeat("quick", "fp32", 1) is not None and on_one.repeat("quick", "fp32", 2) is None


def test_bounds_between_recorded_steps(bounds):
    assert bounds.moved_within(0, 10) == pytest.approx((4 / 1.5, 9))
    assert bounds.moved_within(0, 100) == pytest.approx((6 / 1.5, 13.5))
    assert bounds.moved_within(0, 1000) == pytest.approx((8 / 1.5, 18))
    assert bounds.drift_within(100) == pytest.approx((-0.13, 0.13))


def test_elsewhere_nothing_repeats_as_recorded(bounds):
    wider = replace(bounds, other_kernels={"quick": 0.02}).elsewhere()
    assert wider.repeat("quick", "fp32", 1) is wider.repeat("quick", "tf32", 1) is None
    assert wider.loss_by_other_kernels("quick") == pytest.approx(0.1)
    assert wider.loss_by_other_kernels("smoke") is bounds.loss_by_other_kernels("quick") is None
    assert wider.moved_within(0, 10) == pytest.approx((4 / 2.25, 13.5))
