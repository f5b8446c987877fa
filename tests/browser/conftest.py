"""Headless Chromium on pages made here; everything skips, with the reason, where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.check import check_package
from harness.experiment.page import build_page
from harness.experiment.table import gathered
from harness.leaderboard import build_leaderboard
from harness.report import build_report
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.support.experiment_tables import fill, found_in, trial
from tests.support.report_builders import enrich
from tests.support.waiting import HANG_S

NOW = 1_795_000_000.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing (pip install playwright)"
    )
    found = os.environ.get("CHROMIUM") or next((p for n in NAMES if (p := shutil.which(n))), None)
    if found is None:
        pytest.skip("Chromium is missing (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        # the sandbox needs privileges that containers lack; the pages are our own
        running = driver.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=HANG_S * 1000)
        yield running
        running.close()


@dataclass
class Visit:
    """An open page, and everything it did that it should not."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def foreign(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def go(path: Path, width: int = 1280, scheme: str = "light", part: str = "", **options: Any) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, **options
        )
        context.set_default_timeout(HANG_S * 1000)
        contexts.append(context)
        seen = Visit(context.new_page())
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.goto(path.as_uri() + part)
        return seen

    yield go
    for context in contexts:
        context.close()


@dataclass(frozen=True)
class Site:
    """index.html of a compliant report, one that is not, one with GPUs, pages of a leaderboard, an experiment."""

    good: Path
    bad: Path
    gpu: Path
    board: Path
    experiment: Path

    @property
    def compare(self) -> Path:
        return self.board.with_name("compare.html")

    @property
    def system(self) -> Path:
        return self.board.parent / "system" / "Beta" / "fast.html"

    @property
    def method(self) -> Path:
        return self.board.with_name("method.html")

    @property
    def systems(self) -> Path:
        return self.board.with_name("systems.html")


# what enrich() makes up is not consistent enough for later rulebooks, and pages look the same by any
RULES = load_ruleset("cloudmask-1.0")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("site")
    submissions = root / "submissions"
    good = enrich(build_package(submissions, org="Alpha", system="box"), gpus=0, scenes=2)
    gpus = {"accelerators_per_node": 2, "precision": "bfloat16"}
    fast = build_package(
        submissions, org="Beta", system="fast", seeds=(11, 8_222, 43_333, 504_444, 6_155_555), **gpus
    )
    enrich(fast, gpus=2, scenes=1)
    free = build_package(
        submissions,
        org="Gamma",
        system="free",
        division="open",
        seeds=(121, 9_242, 53_363, 604_484, 7_155_655),
        **gpus,
    )
    enrich(free, gpus=2, scenes=1)
    bad = enrich(build_package(submissions, org="Hasty", system="rushed"), scenes=1)
    bad.edit_events(2, lambda events: [e for e in events if e["key"] != "seed"])
    pages = []
    for built in (good, bad, fast):
        package, verdict = check_package(built.root, RULES)
        out = root / "reports" / built.options.system
        pages.append(build_report(package, verdict, score(package, RULES), out, NOW))
    _, board = build_leaderboard(submissions, root / "board", RULES, NOW)
    trials = [trial(n, None if n == 5 else 10.0 + n, reason="too low" if n == 5 else "") for n in range(12)]
    table = gathered(fill(found_in(root / "tried"), trials), [])
    return Site(*pages, board, build_page(table, root / "experiment", NOW, synthetic=True))


@pytest.fixture(scope="session")
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
