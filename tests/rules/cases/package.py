"""Mutations for PKG rules: files of a package."""

from __future__ import annotations

import os
import shutil
from typing import Any

from tests.rules.cases.edits import edit_record, set_value
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage


def _report(built: BuiltPackage, text: str) -> None:
    path = built.layout.report_dir / "index.html"
    path.parent.mkdir(parents=True)
    path.write_text(f"<!doctype html><title>CloudMask</title><p>{text}")
    built.reseal()


@case("PKG001")
def script_missing(built: BuiltPackage) -> None:
    (built.layout.code_dir / "run_and_time.sh").unlink()
    built.reseal()


@case("PKG001")
def readme_empty(built: BuiltPackage) -> None:
    built.edit_text(built.layout.code_dir / "README.md", lambda text: "")


@case("PKG001")
def no_implementation(built: BuiltPackage) -> None:
    shutil.rmtree(built.root / "benchmarks/cloudmask/implementations")
    built.reseal()


@case("PKG002")
def best_retry(built: BuiltPackage) -> None:
    built.layout.result(4).rename(built.layout.results_dir / "result_best_retry.txt")
    built.reseal()


@case("PKG002")
def leading_zero(built: BuiltPackage) -> None:
    built.layout.result(0).rename(built.layout.results_dir / "result_00.txt")
    built.reseal()


@case("PKG002")
def two_names_of_one_number(built: BuiltPackage) -> None:
    shutil.copy(built.layout.result(3), built.layout.results_dir / "result_03.txt")
    built.reseal()


@case("PKG003", runs=4)
def four_runs(built: BuiltPackage) -> None:
    pass


@case("PKG003", runs=6)
def six_runs(built: BuiltPackage) -> None:
    pass


@case("PKG003")
def no_runs(built: BuiltPackage) -> None:
    for run in range(5):
        built.layout.result(run).unlink()
    built.reseal()


@case("PKG004")
def file_changed_after_packaging(built: BuiltPackage) -> None:
    (built.layout.code_dir / "README.md").write_text("other\n")


@case("PKG004")
def file_added_after_packaging(built: BuiltPackage) -> None:
    (built.layout.code_dir / "extra.sh").write_text("other\n")


@case("PKG004")
def file_removed_after_packaging(built: BuiltPackage) -> None:
    built.run_files(0).output.unlink()


@case("PKG004")
def manifest_missing(built: BuiltPackage) -> None:
    built.layout.manifest.unlink()


@case("PKG004")
def manifest_garbled(built: BuiltPackage) -> None:
    built.layout.manifest.write_bytes(b"\xff\xfe nonsense\n")


@case("PKG004")
def manifest_points_outside(built: BuiltPackage) -> None:
    with built.layout.manifest.open("a") as stream:
        stream.write("0" * 64 + "  ../../etc/passwd\n")


@case("PKG005")
def own_scaling_factor(built: BuiltPackage) -> None:
    (built.layout.results_dir / "scaling.json").write_text('{"scaling_factor": 0.5}')
    built.reseal()


@case("PKG005")
def own_bypass(built: BuiltPackage) -> None:
    (built.layout.results_dir / "package_checker_params").write_text("rcp-bypass\n")
    built.reseal()


@case("PKG005")
def another_benchmark(built: BuiltPackage) -> None:
    folder = built.layout.results_dir.with_name("cloudmusk")
    folder.mkdir()
    (folder / "result_0.txt").write_text("x\n")
    built.reseal()


@case("PKG005", only=True)
def slow_run_set_aside(built: BuiltPackage) -> None:
    folder = built.layout.results_dir / "pruned_results"
    folder.mkdir()
    (folder / "result_0.txt").write_text(built.layout.result(0).read_text())
    built.reseal()


@case("PKG005")
def notes_among_results(built: BuiltPackage) -> None:
    (built.root / "results/README.md").write_text("How these were made\n")
    built.reseal()


@case("PKG006")
def folder_opened_on_macos(built: BuiltPackage) -> None:
    (built.root / "results/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for path in (built.layout.result(0), built.layout.system_json):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")


@case("PKG006")
def notes_at_top(built: BuiltPackage) -> None:
    (built.root / "notes.txt").write_text("x\n")
    built.reseal()


@case("PKG007")
def link_out(built: BuiltPackage) -> None:
    os.symlink("/etc/hostname", built.layout.code_dir / "host")


@case("PKG007")
def linked_result(built: BuiltPackage) -> None:
    built.layout.result(4).unlink()
    os.symlink("result_3.txt", built.layout.result(4))
    built.reseal()


@case("PKG008")
def blank_in_name(built: BuiltPackage) -> None:
    (built.layout.code_dir / "my notes.md").write_text("x\n")
    built.reseal()


@case("PKG008")
def sixty_megabytes(built: BuiltPackage) -> None:
    with (built.layout.code_dir / "container.tar").open("wb") as stream:
        stream.truncate(60_000_000)
    built.reseal()


@case("PKG009")
def record_of_wrong_types(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r.update(duration_s="long"))


@case("PKG009")
def description_not_json(built: BuiltPackage) -> None:
    built.layout.system_json.write_text("{")
    built.reseal()


@case("PKG009")
def recipe_not_yaml(built: BuiltPackage) -> None:
    built.layout.recipe.write_text("a: [")
    built.reseal()


@case("PKG009")
def recipe_with_objects(built: BuiltPackage) -> None:
    built.layout.recipe.write_text("!!python/object/apply:os.system ['true']\n")
    built.reseal()


@case("PKG009")
def timeline_of_text(built: BuiltPackage) -> None:
    built.run_files(1).timeline.write_text("hello\n")
    built.reseal(timeline=False)


@case("PKG010")
def no_timeline(built: BuiltPackage) -> None:
    built.run_files(1).timeline.unlink()
    built.reseal()


@case("PKG010")
def no_plan(built: BuiltPackage) -> None:
    built.layout.plan.unlink()
    built.reseal()


@case("PKG011")
def companion_incomplete(built: BuiltPackage) -> None:
    path = built.layout.companion_json("reference")
    built.edit_json(path, lambda c: c.update(retraining=""))


@case("PKG011")
def companion_missing(built: BuiltPackage) -> None:
    built.layout.companion_json("reference").unlink()
    built.reseal()


@case("PKG012", division="open", runs=2)
def selection_not_stated(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text.replace("best_of: 2\n", ""))


@case("PKG012", division="open", runs=3)
def best_of_fewer(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text.replace("best_of: 3\n", "best_of: 2\n"))


@case("PKG013")
def other_commit(built: BuiltPackage) -> None:
    set_value(built, "submission_github_commit_version", "f" * 40)


@case("PKG013")
def local_changes(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r["software"].update(dirty=True))


@case("PKG014")
def pickled_model(built: BuiltPackage) -> None:
    (built.layout.code_dir / "model.pkl").write_bytes(b"x")
    built.reseal()


@case("PKG016")
def orphan_description(built: BuiltPackage) -> None:
    shutil.copy(built.layout.system_json, built.layout.system_json.with_name("other.json"))
    built.reseal()


@case("PKG019", only=True)
def other_version(built: BuiltPackage) -> None:
    set_value(built, "submission_version", "cloudmask-harness 9.9.9")


@case("PKG020")
def report_without_unverified(built: BuiltPackage) -> None:
    _report(built, "CloudMask Closed: 63.2 s")


@case("PKG020")
def report_that_calls_itself_verified(built: BuiltPackage) -> None:
    _report(built, "CloudMask Closed: 63.2 s, unverified no more: verified by MLCommons")


@case("PKG020")
def report_without_division(built: BuiltPackage) -> None:
    _report(built, "63.2 s, unverified")


@case("PKG030")
def module_from_elsewhere(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["software"].update(code_differs=["reference/tensorflow/training.py"]))


@case("PKG030")
def reference_that_says_nothing(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["software"].update(code_ran=None))


@case("PKG030")
def no_digests_of_the_code(built: BuiltPackage) -> None:
    def strip(record: dict[str, Any]) -> None:
        software = record["software"]
        record["software"] = {n: value for n, value in software.items() if not n.startswith("code_")}

    edit_record(built, strip)


@case("PKG031")
def private_code(built: BuiltPackage) -> None:
    for run in range(built.options.runs):
        edit_record(built, lambda r: r["software"].update(code_reference="0" * 64), run)


@case("PKG032", implementation="mine")
def closed_with_a_command(built: BuiltPackage) -> None:
    built.edit_text(built.layout.recipe, lambda text: text + "command: [python, fast.py]\n")
