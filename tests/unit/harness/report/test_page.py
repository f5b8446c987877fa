"""The page: order, wording, safety, stability. A browser looks at it in tests/browser."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.check import check_package
from harness.core.errors import UserError
from harness.report import build_report
from harness.report.data import report_data
from harness.report.page import report_page
from harness.report.site import ticked
from harness.score.model import Score
from harness.score.score import score
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.model.log import Event, Log
from rules.model.package import Package
from rules.ruleset import DEFAULT, load_ruleset
from tests.support.builders import build_package
from tests.support.chart_boxes import collisions, crossings, drawings
from tests.support.hpc_builder import build_hpc
from tests.support.report_builders import enrich, hand_score, hand_verdict
from tests.support.runs import load, make_facts, make_package

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)
VOID = {"meta", "link", "br", "img", "input", "hr", "col"}
SVG_VOID = {"line", "rect", "circle", "path"}
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}\u202e\N{PILE OF POO}שלום"


class Balance(HTMLParser):
    """Fails on tags that do not close in order, and collects what a test asks about."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        assert tag in VOID | SVG_VOID, tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.seen if name == tag)


def parse(page: Path) -> Balance:
    parser = Balance()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return parser


def words(parsed: Balance) -> str:
    return " ".join(" ".join(parsed.text).split())


def test_the_page_says_what_it_must(page: Path) -> None:
    said = words(parse(page))
    for phrase in (
        "Unofficial CloudMask results",
        "Result not verified by MLCommons Association.",
        "CloudMask Closed",
        "this rulebook's own profile",
        "SYNTHETIC data, profile quick",
        "unverified",
        "MLCommons has neither reviewed nor verified",
        "Energy was not measured",
        "no NVIDIA GPU can be read",
        "2026-11-22 18:00:00 UTC",
    ):
        assert phrase in said, phrase
    assert "MLPerf result" not in said.replace("MLPerf® result", "")
    assert "None" not in said and "nan" not in said.lower().split()


def test_every_number_of_the_score_has_its_unit(package: Package, page: Path) -> None:
    time_s = hand_score(package).time_to_train_s
    assert f"{time_s:.2f} s unverified" in words(parse(page))
    said = words(parse(page))
    assert "1.51 s per scene" in said
    assert "33.4 patches/s over the whole timed run, evaluations included" in said


def test_hollow_marks_and_dashed_curves_are_explained_where_runs_are_left_out(package: Package) -> None:
    report = report_data(package, hand_verdict(package), hand_score(package), NOW).report
    for why in ("fastest", ""):
        runs = [run.model_copy(update={"dropped": why}) for run in report.runs]
        text = report_page(report.model_copy(update={"runs": runs}), NOW)
        for words in ("a hollow one is left out of the mean", "Dashed: runs left out of the mean."):
            assert (words in text) == bool(why)


def test_sections_come_in_the_order_of_the_design(page: Path) -> None:
    wanted = [
        "review",
        "standing",
        "claims",
        "runs",
        "pace",
        "learning",
        "machine",
        "energy",
        "science",
        "baselines",
        "gallery",
        "system",
        "rules",
        "reproduce",
    ]
    sections = [attrs.get("id") for tag, attrs in parse(page).seen if tag == "section"]
    assert sections == wanted
    links = {attrs["href"] for tag, attrs in parse(page).seen if tag == "a" and attrs.get("href")}
    assert {f"#{name}" for name in wanted[1:]} <= links


def test_ids_are_unique_and_links_lead_somewhere(page: Path) -> None:
    seen = parse(page).seen
    ids = [attrs["id"] for _, attrs in seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in seen:
        target = attrs.get("href") or ""
        if target.startswith("#"):
            assert target[1:] in ids
        elif not target.startswith("data:") and target:
            assert (page.parent / target).is_file(), target


def test_pictures_exist_and_are_described(page: Path) -> None:
    images = [attrs for tag, attrs in parse(page).seen if tag == "img"]
    assert len(images) == 8 + 2  # four pictures of two scenes, and where the runs err
    for attrs in images:
        assert (page.parent / str(attrs["src"])).is_file() and attrs["alt"]
        assert attrs["width"] == "50" and attrs["height"] == "40"


def test_nothing_comes_from_a_network_and_policy_forbids_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parsed = parse(page)
    for _, attrs in parsed.seen:
        for name in ("src", "href", "action", "srcset"):
            assert not re.match(r"(?:[a-z]+:)?//", attrs.get(name) or ""), attrs
        assert not [name for name in attrs if name.startswith("on")], "inline handler"
        assert "style" not in attrs
    policy = next(
        a["content"] or "" for t, a in parsed.seen if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'") and "http" not in policy and "unsafe" not in policy
    for tag, count in (
        ("style", 2),
        ("script", 1),
    ):  # the second style is of this page alone: its running head
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(content) == count
        digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in content)
        assert f"{tag}-src " + " ".join(f"'sha256-{digest}'" for digest in digests) in policy
    assert "url(" not in text.replace("url(#inside)", "") and "@import" not in text


def test_tables_have_headings_with_scope(page: Path) -> None:
    parsed = parse(page)
    assert parsed.count("table") >= 7
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in parsed.seen if tag == "th")


def test_same_input_same_bytes(package: Package, page: Path, tmp_path: Path) -> None:
    again = build_report(package, hand_verdict(package), hand_score(package), tmp_path, NOW)
    first = {p.name: p.read_bytes() for p in page.parent.iterdir()}
    second = {p.name: p.read_bytes() for p in again.parent.iterdir()}
    assert first == second


def test_writing_again_leaves_no_stale_pictures_and_no_temporary_files(
    package: Package, tmp_path: Path
) -> None:
    (tmp_path / "scene-99-bayes.png").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("mine")
    build_report(package, hand_verdict(package), hand_score(package), tmp_path, NOW)
    names = {p.name for p in tmp_path.iterdir()}
    assert "scene-99-bayes.png" not in names and "notes.txt" in names
    assert not [name for name in names if name.startswith(".")]


def test_unwritable_place_is_a_user_error(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="Cannot write"):
        build_report(package, hand_verdict(package), hand_score(package), tmp_path / "file" / "out", NOW)


def test_a_replay_is_offered_where_weights_are_stored_with_real_paths(
    package: Package, tmp_path: Path
) -> None:
    said = words(parse(build_report(package, asked_for_replay(package), hand_score(package), tmp_path, NOW)))
    command = "cloudmask check submissions/ExampleLab --replay --data data/quick"
    assert said.count(command) == 2, "in three minutes, and how to reproduce"
    assert "PACKAGE" not in said and "can never be computed again" not in said


def test_no_replay_is_offered_where_no_weights_are_stored(tmp_path: Path) -> None:
    package = load(build_package(tmp_path / "p", runs=1, weights=False).root)
    verdict = asked_for_replay(package)
    said = words(parse(build_report(package, verdict, hand_score(package), tmp_path / "out", NOW)))
    assert "--replay" not in said and said.count("can never be computed again") == 1
    assert (
        "evidence that this package does not hold : EVD008 The stored weights are the logged ones, EVD019"
        in said
    )
    assert "It needs the weights, which the package does not hold" in said


def asked_for_replay(package: Package) -> Verdict:
    verdict = hand_verdict(package)
    verdict.rules += [
        RuleResult("EVD008", Outcome.NOT_CHECKED, "no weights were stored"),
        RuleResult("EVD019", Outcome.NOT_CHECKED, "replay was not asked for (--replay)"),
    ]
    verdict.rules = [rule for rule in verdict.rules if rule.id != "EVD004"]
    return verdict


# ---------------------------------------------------------------- not compliant, empty, hostile


def test_reasons_come_first_when_not_compliant(package: Package, tmp_path: Path) -> None:
    finding = Finding(
        "HYP001",
        Severity.ERROR,
        "learning rate is 0.0005",
        path="result_0.txt",
        line=7,
        expected=0.001,
        actual=0.0005,
        fix="Use 0.001.",
    )
    page = build_report(package, hand_verdict(package, [finding]), hand_score(package), tmp_path, NOW)
    said = words(parse(page))
    for phrase in (
        "Breaks the rules",
        "learning rate is 0.0005",
        "result_0.txt:7",
        "Use 0.001.",
        "does not count",
    ):
        assert phrase in said, phrase
    assert said.index("learning rate is 0.0005") < said.index("What makes it official")
    assert "score 5" not in said, "a result that does not count has no line in the chart"


def test_errors_come_before_warnings_and_what_was_not_checked(package: Package, tmp_path: Path) -> None:
    found = [
        Finding(f"{severity.value[:3].upper()}00{n}", severity, f"m{n}")
        for severity, count in ((Severity.ERROR, 5), (Severity.WARNING, 2))
        for n in range(count)
    ]
    page = build_report(package, hand_verdict(package, found), hand_score(package), tmp_path, NOW)
    said = words(parse(page))
    assert "breaks 5 rules , 2 warnings , 1 rule not checked" in said
    assert "<b>breaks 5 rules</b>" in page.read_text() and "<b>1 rule not checked" not in page.read_text()
    assert "and 2 more errors, 2 warnings" in said


def test_long_open_entries_stay_small(tmp_path: Path) -> None:
    """60 runs of 400 epochs: charts are thinned, tables bounded, the data complete."""
    epochs = [
        Event(10_000 + 900 * n, "POINT_IN_TIME", "eval_accuracy", 0.5, {"epoch_num": n}, "", n)
        for n in range(1, 401)
    ]
    starts = [
        Event(9_500 + 900 * n, "INTERVAL_START", "epoch_start", None, {"epoch_num": n}, "", n)
        for n in range(1, 401)
    ]
    start = Event(10_000, "INTERVAL_START", "run_start", None, {}, "", 1)
    runs = [make_facts(Log(f"result_{i}.txt", [start, *starts, *epochs]), i) for i in range(60)]
    package = make_package(runs)
    page = build_report(package, hand_verdict(package), Score(None, "", []), tmp_path, NOW)
    assert len(page.read_bytes()) < 3_000_000
    assert "The first 2000 of 24000 rows" in words(parse(page))


def test_pages_need_no_framework() -> None:
    code = "import harness.report, harness.leaderboard, sys; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_empty_package_has_a_page(tmp_path: Path) -> None:
    empty = make_package([], system_name=None, unreadable=["results: permission denied"])
    verdict = Verdict("cloudmask-1.1", "gone", "unreadable", [], [])
    said = words(
        parse(build_report(empty, verdict, Score(None, "", [], note="there are no runs"), tmp_path, NOW))
    )
    for phrase in (
        "Cannot be read",
        "permission denied",
        "no score",
        "there are no runs",
        "The package holds no run.",
    ):
        assert phrase in said, phrase


def test_hostile_strings_everywhere_are_harmless(tmp_path: Path) -> None:
    built = enrich(build_package(tmp_path / "p", runs=1, division="open"), scenes=1, shape=(40, 50))

    def spoil(events: list[dict[str, object]]) -> None:
        for event in events:
            if event["key"] in ("submission_platform", "submission_status", "seed", "submission_division"):
                event["value"] = HOSTILE
            if event["key"] == "lowest_numerical_precision_in_linear":
                event["value"] = {"<b>": [HOSTILE] * 3}
            if event["key"] == "run_stop":
                event["metadata"]["status"] = HOSTILE  # type: ignore[index]

    built.edit_events(0, spoil)
    built.edit_json(built.layout.system_json, lambda fields: dict.fromkeys(fields, HOSTILE * 200))
    built.edit_json(
        built.run_files(0).science,
        lambda s: s | {"by_surface": {HOSTILE: {"accuracy": 0.5}}, "per_scene": [{"name": HOSTILE}]},
    )
    package = load(built.root)
    package.org, package.system_name = HOSTILE, "x" * 10_000
    finding = Finding(
        HOSTILE, Severity.ERROR, HOSTILE * 100, path=HOSTILE, expected=[HOSTILE], actual=None, fix=HOSTILE
    )
    page = build_report(package, hand_verdict(package, [finding]), hand_score(package), tmp_path / "out", NOW)
    parsed = parse(page)
    assert parsed.count("script") == 2, "the page's own and the data of its timeline"
    assert parsed.count("b") < 60
    assert not any(name.startswith("on") for _, attrs in parsed.seen for name in attrs)
    said = "".join(parsed.text)
    assert "<script>alert(1)</script>" in said, "shown as text"
    assert "{{7*7}}" in said and "\u202e" not in page.read_text(encoding="utf-8")
    assert len(page.read_bytes()) < 600_000
    assert "\u202e" not in (page.parent / "data.json").read_text()


def test_page_of_another_benchmark(tmp_path: Path) -> None:
    """A package that another ruleset judges gets that ruleset's score and curve, and no word about CloudMask."""
    rules = load_ruleset("hpc-3.0.0")
    built = build_hpc(tmp_path, benchmark="cosmoflow")
    package, verdict = check_package(built.root, rules)
    content = report_data(package, verdict, score(package, rules), NOW)
    text = report_page(content.report, NOW)
    assert content.report.identity.division_name == "CosmoFlow Closed"
    assert content.report.score.time_to_train_s is not None
    assert all(run.curve for run in content.report.runs)
    assert "CosmoFlow Closed" in text and not re.search("CloudMask (Closed|Open)|Science CloudMask", text)


def test_a_report_of_five_runs_is_light(tmp_path: Path) -> None:
    """Judged by all rules of the newest rulebook, with telemetry of a processor and pictures of four scenes."""
    built, rules = enrich(build_package(tmp_path), scenes=4), load_ruleset(DEFAULT)
    package, verdict = check_package(built.root, rules)
    page = build_report(package, verdict, score(package, rules), tmp_path / "out", NOW)
    assert len(verdict.rules) > 200
    assert len(page.read_bytes()) <= 200_000


def test_no_label_of_a_chart_meets_another(page: Path) -> None:
    drawn = drawings(page.read_text(encoding="utf-8"))
    assert len(drawn) > 12
    assert [said for one in drawn for said in (*collisions(one), *crossings(one))] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run `cloudmask check <x>` & look.", "Run <code>cloudmask check &lt;x&gt;</code> &amp; look."),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("one ` alone <b>", "one ` alone &lt;b&gt;"),
        ("`<script>`{{7*7}}", "<code>&lt;script&gt;</code>{{7*7}}"),
    ],
)
def test_commands_between_backticks_are_code_and_all_else_is_text(text: str, shown: str) -> None:
    assert ticked(text) == shown
