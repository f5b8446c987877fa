"""What submitters of MLPerf HPC did from v1.0 to v3.0: nobody is accused of it, and what may matter is asked."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

from harness.check import check_all, check_package
from harness.core.errors import UserError
from harness.score.score import score
from rules.model.findings import Severity, Verdict
from tests.rules.cases.edits import find, index
from tests.support import ROOT
from tests.support.command import cloudmask
from tests.support.hpc_builder import HPC, HpcPackage, build_hpc


def errors(verdict: Verdict) -> set[str]:
    return {f.rule for f in verdict.findings if f.severity is Severity.ERROR}


def messages(verdict: Verdict, rule: str) -> list[str]:
    return [f.message for f in verdict.findings if f.rule == rule]


def renumbered(built: HpcPackage, first: int, width: int) -> None:
    for number, log in reversed(list(enumerate(built.logs, start=first))):
        log.rename(log.with_name(f"result_{number:0{width}}.txt"))


def prune(built: HpcPackage, number: int) -> None:
    folder = built.results / "pruned_results"
    folder.mkdir(exist_ok=True)
    (built.results / f"result_{number}.txt").rename(folder / f"result_{number}.txt")


@pytest.fixture
def weak(tmp_path) -> HpcPackage:
    """Seven models of 64 accelerators, beside a time-to-train entry."""
    build_hpc(tmp_path)
    return build_hpc(tmp_path, scaling="weak", system="large", runs=7)


def judged(built: HpcPackage):
    entry = f"{built.system}/{built.scaling}/{built.benchmark}"
    return next((p, v) for p, v in check_all(built.root, HPC) if p.entry == entry)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_numbers_with_and_without_zeros(tmp_path, first, width):
    built = build_hpc(tmp_path, "cosmoflow")
    plain = score(check_package(built.root, HPC)[0], HPC.of("cosmoflow")).time_to_train_s
    renumbered(built, first, width)
    package, verdict = check_package(built.root, HPC)
    assert (verdict.verdict, verdict.findings) == ("compliant", [])
    assert [run.index for run in package.runs] == list(range(first, first + 10))
    assert score(package, HPC.of("cosmoflow")).time_to_train_s == plain
    assert check_package(built.logs[0], HPC)[1].verdict == "compliant"


@pytest.mark.parametrize("power", ["result_{:02}", "result_{}"])
def test_power_folders_are_found_with_and_without_zeros(tmp_path, power):
    built = build_hpc(tmp_path)
    renumbered(built, 1, 2)
    for number in range(1, 6):
        node = built.results / "power" / power.format(number) / "node_0.txt"
        node.parent.mkdir(parents=True)
        node.write_text(':::MLLOG {"key": "power_reading", "value": 1000}\n')
    package, verdict = check_package(built.root, HPC)
    folder = built.results.relative_to(built.root) / "power"
    assert all(len(run.power) == 1 for run in package.runs)
    assert package.power_of(3) == folder / power.format(3)
    assert not messages(verdict, "PKG002") and not messages(verdict, "PWR001")


def test_one_number_twice_is_never_a_silent_choice(tmp_path):
    built = build_hpc(tmp_path)
    shutil.copy(built.logs[2], built.results / "result_02.txt")
    package, verdict = check_package(built.root, HPC)
    assert {"PKG002", "PKG003", "CNV004"} <= errors(verdict) and len(package.runs) == 6
    assert messages(verdict, "PKG002") == ["result_02.txt and result_2.txt are one run by their number"]


def test_a_gap_is_a_question_and_a_pruned_run_is_none(weak):
    prune(weak, 4)
    assert messages(judged(weak)[1], "PKG002") == []
    (weak.results / "result_2.txt").unlink()
    weak.describe(number_of_nodes=str(6 * 16))
    _, verdict = judged(weak)
    assert verdict.verdict == "compliant"
    assert messages(verdict, "PKG002") == ["result_2.txt is missing: was a run left out?"]


def test_pruned_runs_need_not_end_or_converge(weak):
    def stopped(events):
        del events[index(events, "epoch_stop", -1) :]

    def missed(events):
        find(events, "eval_accuracy", -1)["value"] = 0.5

    weak.edit(stopped, slice(2, 3))
    weak.edit(missed, slice(5, 6))
    prune(weak, 2)
    prune(weak, 5)
    package, verdict = judged(weak)
    assert (verdict.verdict, [f.rule for f in verdict.findings]) == ("compliant", [])
    assert (len(package.runs), len(package.pruned)) == (5, 2)
    result = score(package, HPC.of("deepcam")).weak
    assert result is not None and (result.models, result.system_scale) == (5, 7 * 64)


@pytest.mark.parametrize("left", ["", "srun: error: node failure\n", "settings", "cut"])
def test_a_pruned_log_may_stop_anywhere(weak, left):
    log = weak.logs[3]
    text = log.read_text()
    kept = {"settings": "".join(text.splitlines(keepends=True)[:9]), "cut": text[:9000]}
    log.write_text(kept.get(left, left))
    prune(weak, 3)
    package, verdict = judged(weak)
    assert (verdict.verdict, len(package.pruned)) == ("compliant", 1)
    assert {f.rule for f in verdict.findings} <= {"LOG001", "LOG002"}


def test_a_pruned_run_may_have_diverged(weak):
    weak.edit(lambda events: find(events, "eval_accuracy", -1).update(value=float("nan")), slice(3, 4))
    assert judged(weak)[1].verdict == "not_compliant"
    prune(weak, 3)
    assert judged(weak)[1].verdict == "compliant"


def test_pruned_models_fill_the_system_and_few_may_be_missing(weak):
    prune(weak, 6)
    prune(weak, 0)
    assert judged(weak)[1].findings == []  # 5 + 2 models of 16 nodes on 112
    for nodes, asked in (("122", True), ("130", False), ("15", False)):
        weak.describe(number_of_nodes=nodes)
        _, verdict = judged(weak)
        assert (verdict.verdict == "compliant") == asked
        assert "7 models (2 of them pruned) of 64" in messages(verdict, "SYS018")[0]
        assert messages(verdict, "SYS018")[0].endswith("were other models pruned?") == asked


@pytest.mark.parametrize(
    "name",
    ["README.md", "readme.txt", "LICENSE", "cluster/slurm-17.out", "cluster/strong/deepcam/run_1.log"],
)
def test_other_files_among_results_are_a_question(tmp_path, name):
    built = build_hpc(tmp_path)
    (built.root / "results" / name).write_text("x\n")
    _, verdict = check_package(built.root, HPC)
    assert verdict.verdict == "compliant"
    ((found),) = [f for f in verdict.findings if f.rule == "PKG005"]
    assert (found.path, found.message) == (f"results/{name}", "is not a result: should it lie elsewhere?")
    assert "submitter" not in found.fix


@pytest.mark.parametrize("name", [".DS_Store", "._result_0.txt", ".gitkeep", "__MACOSX/result_0.txt"])
def test_what_desktops_and_git_leave_is_not_read(tmp_path, name):
    built = build_hpc(tmp_path)
    path = built.results / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0\5\x16\7")
    package, verdict = check_package(built.root, HPC)
    assert (verdict.verdict, len(package.runs)) == ("compliant", 5)
    assert [(f.rule, f.severity) for f in verdict.findings] == [("PKG006", Severity.WARNING)]


def test_one_run_of_five_may_be_cut_off(tmp_path):
    built = build_hpc(tmp_path)
    for cut, verdict in ((1, "compliant"), (2, "not_compliant")):
        built.edit(lambda events: events.__delitem__(slice(-3, None)), slice(cut, cut + 1))
        package, found = check_package(built.root, HPC)
        assert (found.verdict, sum(not run.converged for run in package.runs)) == (verdict, cut)
        assert messages(found, "LOG003") == ["key run_stop is missing: was the run cut off?"] * cut
    assert "QUA005" in errors(found)


def test_code_of_another_benchmark_is_in_its_place(tmp_path):
    for benchmark in ("oc20", "deepcam"):
        built = build_hpc(tmp_path, benchmark, system=f"of_{benchmark}")
    (built.results.parent / ".ipynb_checkpoints").mkdir()
    assert [v.findings for _, v in check_all(built.root, HPC)] == [[], []]


def test_dot_files_and_links_in_code_only_warn(tmp_path):
    built = build_hpc(tmp_path)
    code = built.root / "benchmarks/deepcam/cluster"
    (code / ".gitignore").write_text("x\n")
    (code / "latest").symlink_to("setup.sh")
    _, verdict = check_package(built.root, HPC)
    assert verdict.verdict == "compliant"
    assert {"PKG007", "PKG008"} <= {f.rule for f in verdict.findings}


def test_a_rank_per_node_is_asked_about(tmp_path):
    built = build_hpc(tmp_path)

    def counted(events):
        find(events, "number_of_nodes")["value"] = 64
        find(events, "accelerators_per_node")["value"] = 1

    built.edit(counted, slice(None))
    _, verdict = check_package(built.root, HPC)
    assert verdict.verdict == "compliant"
    assert len(messages(verdict, "SYS008")) == 10
    assert messages(verdict, "SYS008")[0].endswith("is a node here what a rank is there?")


def test_equal_curves_are_a_question(tmp_path):
    built = build_hpc(tmp_path)
    values = [0.1 + k / 1000 for k in range(3)]

    def same(events):
        for at, value in enumerate(values):
            find(events, "eval_accuracy", at)["value"] = value

    built.edit(same, slice(1, 3))
    _, verdict = check_package(built.root, HPC)
    assert verdict.verdict == "compliant"
    (message,) = messages(verdict, "CNV002")
    assert message.endswith("result_1.txt: were both made, and from two seeds?")


def test_settings_of_every_rank_after_the_start(tmp_path):
    built = build_hpc(tmp_path, "cosmoflow")

    def repeated(events):
        at = index(events, "run_start") + 1
        events[at:at] = [{**find(events, "dropout"), "time_ms": events[at]["time_ms"]} for _ in range(8)]

    built.edit(repeated, slice(None))
    _, verdict = check_package(built.root, HPC)
    assert verdict.verdict == "compliant"
    assert {"LOG004", "LOG016"} <= {f.rule for f in verdict.findings}


def test_layout_of_v07_is_named(tmp_path):
    built = build_hpc(tmp_path, "cosmoflow")
    flat = built.results.parent.parent / "cosmoflow"
    built.results.rename(flat)
    built.results.parent.rmdir()
    for path in (built.root, flat.parent, flat):
        with pytest.raises(UserError, match=r"layout of MLPerf HPC v0\.7: hpc-3\.0\.0 does not judge it"):
            check_all(path, HPC)
    assert check_package(flat / "result_0.txt", HPC)[1].verdict == "compliant"


def test_results_of_other_benchmarks_name_the_rulesets_that_know_them(tmp_path):
    built = build_hpc(tmp_path, "cosmoflow")
    said = "are of cosmoflow; cloudmask-1.1 judges cloudmask only"
    with pytest.raises(UserError, match=said) as refused:
        check_all(built.root)
    assert refused.value.fix == "judge them by --ruleset hpc-3.0.0."
    built.results.rename(built.results.with_name("resnet"))
    with pytest.raises(UserError, match="are of resnet") as refused:
        check_all(built.root)
    assert refused.value.fix == "name a submission of cloudmask."


def test_a_whole_round_names_its_organisations(tmp_path):
    for org in ("B", "A+C"):
        build_hpc(tmp_path, org=org)
    with pytest.raises(UserError, match=r"several organisations: A\+C, B\."):
        check_all(tmp_path, HPC)


def test_a_round_is_judged_one_organisation_after_the_other(tmp_path, capsys):
    alone = []
    for org in ("A+C", "B"):
        built = build_hpc(tmp_path / "round", org=org)
        if org == "B":
            built.edit(lambda events: find(events, "seed").update(value="x"))
        alone.append(cloudmask(capsys, "check", built.root, "--ruleset", HPC.name))
    (tmp_path / "round" / "LICENSE").write_text("beside the packages")
    (tmp_path / "round" / "link").symlink_to(built.root)
    code, said, _ = cloudmask(capsys, "check", tmp_path / "round", "--ruleset", HPC.name)
    assert said == "".join(
        f"=== {org}\n{out}\n" for org, (_, out, _) in zip(("A+C", "B"), alone, strict=True)
    )
    assert [code for code, _, _ in alone] == [0, 1] and code == 1


def test_an_organisation_that_cannot_be_judged_does_not_end_a_round(tmp_path, capsys):
    build_hpc(tmp_path, org="B")
    built = build_hpc(tmp_path, org="A")
    built.results.rename(built.results.parent.parent / "cosmoflow")
    built.results.parent.rmdir()
    code, said, _ = cloudmask(capsys, "check", tmp_path, "--ruleset", HPC.name)
    assert code == 2
    first, second = said.split("=== B\n")
    assert "UNREADABLE" in first and "layout of MLPerf HPC v0.7" in first
    assert "CONSISTENT WITH THE RULES" in second
    assert "several organisations" in cloudmask(capsys, "check", tmp_path, "--format", "json")[1]


def test_a_check_loads_what_few_packages_need_only_for_them(tmp_path):
    built = build_hpc(tmp_path, "cosmoflow")
    command = ["-X", "importtime", "-m", "harness", "check", str(built.root), "--ruleset", HPC.name]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "harness.check.loader" in loaded
    rare = {"numpy", "h5py", "psutil", "pydantic", "rich", "cryptography", "subprocess", "tempfile"}
    assert not loaded & (rare | {"reference.protocol.spec", "harness.untrusted.hdf5_guard"})


def test_strong_and_weak_of_one_system_and_odd_names(tmp_path):
    for scaling in ("strong", "weak"):
        built = build_hpc(tmp_path, scaling=scaling, org="A+B", system="18xR750-2xA100 (80GB)_n4+1,a@b")
    description = json.loads(built.description.read_text())
    built.describe(number_of_nodes=16, submitter="A/B")
    found = check_all(built.root, HPC)
    assert [p.scaling for p, _ in found] == ["strong", "weak"]
    assert description["division"] == "closed" and [v.verdict for _, v in found] == ["compliant"] * 2


@pytest.mark.parametrize("name", ["Result_1.TXT", "result_1.log", "result_1.txt.gz", "result 1"])
def test_results_under_other_names_are_said_to_be(tmp_path, name):
    """Nobody is told to remove a result: why it is not among the runs is what has to be known."""
    built = build_hpc(tmp_path)
    (built.results / name).write_text("x\n")
    _, verdict = check_package(built.root, HPC)
    ((found),) = [f for f in verdict.findings if f.rule == "PKG005" and f.path.endswith(name)]
    assert "another name" in found.message and "emove" not in found.fix


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe:\0:\0:\0M\0L\0L\0O\0G\0", b"\x1b[0m\n"], ids=["empty", "utf16", "ansi"]
)
@pytest.mark.parametrize("number", [0, 2])
def test_a_log_without_a_line_is_accused_of_nothing_else(tmp_path, content, number):
    built = build_hpc(tmp_path)
    built.logs[number].write_bytes(content)
    _, verdict = check_package(built.root, HPC)
    assert {f.rule for f in verdict.findings if f.path and "result_" in f.path} & {
        "SED001",
        "HYP005",
    } == set()
    assert "there is no MLLOG line in this file" in messages(verdict, "LOG003")
    assert ("UTF-16" in str(messages(verdict, "LOG001"))) is content.startswith(b"\xff\xfe")


def test_a_gap_is_named_as_the_files_beside_it(tmp_path):
    built = build_hpc(tmp_path)
    renumbered(built, 1, 2)
    (built.results / "result_03.txt").unlink()
    _, verdict = check_package(built.root, HPC)
    assert any("result_03.txt is missing" in said for said in messages(verdict, "PKG002"))


def test_what_this_user_may_not_read_is_not_missing(tmp_path, monkeypatch):
    """A verdict on the rest would accuse the submitter of the reader's rights."""
    built = build_hpc(tmp_path)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "result_3" not in str(path) and access(path, mode))
    with pytest.raises(UserError, match=r"result_3.txt: Permission denied\.") as caught:
        check_package(built.root, HPC)
    assert "chmod" in caught.value.fix


def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path, monkeypatch):
    built, scandir = build_hpc(tmp_path), os.scandir

    def failing(path="."):
        if str(path) == str(built.results):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(UserError, match=r"results/.*: Stale file handle"):
        check_package(built.root, HPC)


@pytest.mark.parametrize("change", [lambda p: f"{p.stem.upper()}.json", lambda p: f"{p.stem}.JSON"])
def test_a_description_under_almost_the_name_is_named(tmp_path, change):
    built = build_hpc(tmp_path)
    (path,) = (built.root / "systems").glob("*.json")
    path.rename(path.with_name(change(path)))
    assert "differs in case" in messages(check_package(built.root, HPC)[1], "SYS001")[0]
