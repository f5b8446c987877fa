"""Mutations for EVD rules: records, timelines, caches and weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness.package.manifest import write_manifest
from tests.rules.cases.edits import edit_record, edit_timeline, find, index
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


def _edit_without_seal(built: BuiltPackage, change: Callable[[Lines], Lines | None]) -> None:
    """An edit that leaves timeline and run.json as they were; only the manifest is made to agree."""
    built.edit_events(2, change, reseal=False)
    write_manifest(built.root)


def _move(rows: Lines, seconds: float) -> None:
    """Move all arrivals on the monotonic clock alone."""
    for row in rows:
        row["monotonic_s"] += seconds


@case("EVD001", only=True)
def record_of_another_run(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(run=4))


@case("EVD001")
def record_says_aborted(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(status="aborted"))


@case("EVD001")
def implementation_crashed(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(exit_code=1))


@case("EVD002")
def one_digit_edited(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        find(events, "eval_loss")["value"] += 1e-6

    _edit_without_seal(built, change)


@case("EVD002")
def one_line_removed(built: BuiltPackage) -> None:
    _edit_without_seal(built, lambda events: events[:-1])


@case("EVD003")
def arrived_a_minute_later(built: BuiltPackage) -> None:
    def change(rows: Any) -> None:
        for row in rows:
            row["wall_s"] += 60
            row["monotonic_s"] += 60

    edit_timeline(built, change)


@case("EVD003")
def arrived_before_written(built: BuiltPackage) -> None:
    edit_timeline(built, lambda rows: rows[50].update(wall_s=rows[50]["wall_s"] - 3))


@case("EVD004")
def run_shorter_than_measured(built: BuiltPackage) -> None:
    def change(rows: Any) -> None:
        for row in rows[50:]:
            row["monotonic_s"] += 30

    edit_timeline(built, change)


@case("EVD005")
def clock_set_back(built: BuiltPackage) -> None:
    run_shorter_than_measured(built)


@case("EVD005")
def arrivals_backwards(built: BuiltPackage) -> None:
    edit_timeline(built, lambda rows: rows[10].update(monotonic_s=rows[9]["monotonic_s"] - 0.5))


@case("EVD006")
def cache_claimed_by_child(built: BuiltPackage) -> None:
    edit_timeline(built, lambda rows: rows[11].update(source="child"))


@case("EVD007", only=True)
def evidence_swapped(built: BuiltPackage) -> None:
    built.run_files(0).output.write_text("other\n")
    write_manifest(built.root)


@case("EVD007")
def evidence_removed(built: BuiltPackage) -> None:
    edit_record(built, lambda r: None)
    built.run_files(1).science.unlink()
    write_manifest(built.root)


@case("EVD008")
def other_weights(built: BuiltPackage) -> None:
    built.run_files(2).weights.write_bytes(b"better weights")
    built.reseal()


@case("EVD008")
def weights_not_logged(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        del events[index(events, "weights_digest")]

    built.edit_events(2, change)


@log_case("EVD012", only=True)
def cache_not_cleared(events: Lines) -> None:
    find(events, "cache_clear")["value"] = False


@log_case("EVD012")
def half_still_resident(events: Lines) -> None:
    find(events, "cache_clear")["metadata"]["resident_bytes_after"] = 50_000_000


@log_case("EVD013")
def half_evicted(events: Lines) -> None:
    find(events, "cache_clear")["metadata"]["files"] = 10


@case("EVD014")
def recipe_edited_after_the_runs(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text + "limits: {run_s: 60}\n")


@case("EVD014")
def fewer_runs_than_planned(built: BuiltPackage) -> None:
    built.edit_json(built.layout.plan, lambda p: p.update(runs=9))


@log_case("EVD015", only=True)
def better_science_in_log(events: Lines) -> None:
    find(events, "result")["value"]["test_accuracy"]["value"] += 0.01


@case("EVD016")
def record_of_last_year(built: BuiltPackage) -> None:
    edit_record(
        built,
        lambda r: r.update(
            started_wall_s=r["started_wall_s"] - 9e6, finished_wall_s=r["finished_wall_s"] - 9e6
        ),
    )


@case("EVD016")
def duration_shortened(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(duration_s=r["duration_s"] / 2))


@case("EVD017")
def another_command(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(command=["python", "fast.py"]))


@case("EVD018")
def many_failures(built: BuiltPackage) -> None:
    for attempt in range(6):
        folder = built.layout.failed_dir(attempt)
        folder.mkdir(parents=True)
        record = {"schema": 1, "run": 0, "status": "interrupted", "reason": "ended", "seed": attempt}
        (folder / "run.json").write_text(json.dumps(record))
    built.reseal()


@case("EVD023", only=False)
def end_of_the_log_cut(built: BuiltPackage) -> None:
    edit_record(
        built,
        lambda r: r.update(finished_wall_s=r["finished_wall_s"] + 600, duration_s=r["duration_s"] + 600),
    )


@case("EVD023")
def an_hour_before_init_start(built: BuiltPackage) -> None:
    edit_record(
        built,
        lambda r: r.update(started_wall_s=r["started_wall_s"] - 3600, duration_s=r["duration_s"] + 3600),
    )


@case("EVD025")
def run_on_top_of_another(built: BuiltPackage) -> None:
    edit_timeline(built, lambda rows: _move(rows, -280))


@case("EVD025")
def run_moved_on_the_wall_clock(built: BuiltPackage) -> None:
    edit_timeline(built, lambda rows: _move(rows, -120))


@case("EVD026", only=True)
def cache_line_made_up(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["cache"].update(resident_bytes_after=90_000_000))


@case("EVD027", only=True)
def attempt_taken_out(built: BuiltPackage) -> None:
    for attempt in (0, 2):
        folder = built.layout.failed_dir(attempt)
        folder.mkdir(parents=True)
        record = {"schema": 1, "run": 1, "status": "interrupted", "reason": "ended", "seed": attempt}
        (folder / "run.json").write_text(json.dumps(record))
    built.reseal()


def _edit_journal(built: BuiltPackage, journal: dict[str, Any]) -> None:
    """Edit the digests that run.json carries on; only the manifest is made to agree."""
    path = built.root / built.run_files(1).record
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "journal": {**record["journal"], **journal} if journal else {}}))
    write_manifest(built.root)


@case("EVD040", only=True)
def log_of_other_digest(built: BuiltPackage) -> None:
    _edit_journal(built, {"result": "0" * 64})


@case("EVD040", only=True)
def timeline_of_other_digest(built: BuiltPackage) -> None:
    _edit_journal(built, {"timeline": "0" * 64})


@case("EVD040", only=True)
def no_digests_of_the_journal(built: BuiltPackage) -> None:
    _edit_journal(built, {})


@case("EVD043", only=True)
def preload_in_the_harness(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["environment"].update(harness=["LD_PRELOAD"]))


@case("EVD043", only=True)
def preload_that_nobody_declared(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["environment"].update(kept={"LD_AUDIT": "/tmp/clock.so"}))


@case("EVD044")
def daemon(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r.update(outlived=["python (4711)"]))


@log_case("EVD074", only=True)
def epoch_without_commitment(events: Lines) -> None:
    del events[index(events, "weights_commitment", 1)]


@log_case("EVD074")
def commitment_without_optimiser(events: Lines) -> None:
    find(events, "weights_commitment")["metadata"].pop("optimizer_digest")
