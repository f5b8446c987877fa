"""The site builds strictly (broken links and pages without a place end it), and needs no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.structure import ROOT

pytest.importorskip("material", reason="the extra 'docs' is not installed")
_LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:[^\s\">]+)|<link[^>]*href=\"?(https?:[^\s\">]+)"
)

KNOWN_TAGS = re.compile(  # without i, which a name of one letter would be
    "a|article|body|br|button|code|details|div|em|footer|form|h[1-4]|head|header|html|img|input|label|li|link|main|meta|nav|"
    "ol|p|path|pre|script|small|span|strong|summary|svg|table|tbody|td|th|thead|title|tr|ul"
)


def _build(tree: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = _build(ROOT, out)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.mark.slow
def test_nothing_is_loaded_from_a_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    loaded = {at for page in pages for pair in _LOADED.findall(page.read_text()) for at in pair if at}
    assert {at for at in loaded if "canonical" not in at} == set()


@pytest.mark.slow
def test_search_works_from_the_file_system(site: Path) -> None:
    """A page read from file:// may not fetch or start workers: index and shim have to be scripts beside it."""
    shim = site / "assets/iframe-worker/shim.js"
    assert "window.Worker" in shim.read_text() and shim.with_name("LICENSE.txt").is_file()
    for name, at in [("index.html", "assets/"), ("guides/laptop.html", "../assets/")]:
        assert f'src="{at}iframe-worker/shim.js"' in (site / name).read_text()
    assert (site / "search/search_index.js").is_file()
    assert "TIM001" in (site / "search/search_index.js").read_text()


class _Tags(HTMLParser):
    """Collects the names of tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)


@pytest.mark.slow
def test_names_in_angle_brackets_are_text(site: Path) -> None:
    """As tags they are not seen, and end the search index of their page: titles swallow what follows."""
    for page in site.rglob("*.html"):
        tags = _Tags()
        tags.feed(page.read_text(encoding="utf-8"))
        assert [tag for tag in tags.found if not KNOWN_TAGS.fullmatch(tag)] == [], page.relative_to(site)
    index = json.loads((site / "search/search_index.json").read_text())
    titles = [entry["title"] for entry in index["docs"]]
    assert len(titles) > 500 and [title for title in titles if "<p>" in title or len(title) > 250] == []
    assert "PKG002 Results are result_0.txt to result_&lt;n-1&gt;.txt" in titles


@pytest.mark.slow
def test_prompts_and_output_of_console_blocks_are_not_copied(site: Path) -> None:
    style = (site / "assets/extra.css").read_text()
    assert "[data-md-copying] .gp" in style and "[data-md-copying] .go" in style
    page = (site / "guides/timers.html").read_text()
    assert 'href="../assets/extra.css"' in page and '<span class="gp">$ </span>' in page


@pytest.mark.slow
def test_pages_outside_of_docs_and_linked_files_are_there(site: Path) -> None:
    assert (site / "project/CONTRIBUTING.html").is_file()
    assert (site / "source/tests/support/plain_implementation.py.txt").is_file()
    assert "load_spec" in (site / "reference/api-protocol.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"), [("[x](nowhere.md)", "nowhere.md"), ("[x](index.md#nothing)", "nothing")]
)
def test_a_broken_link_ends_the_build(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# A\n\n{text}\n")
    config = (ROOT / "mkdocs.yml").read_text()
    config = config[: config.index("nav:\n")].replace(
        "tests/docs/site_hooks.py", str(ROOT / "tests/docs/site_hooks.py")
    )
    (tmp_path / "mkdocs.yml").write_text(config)
    done = _build(tmp_path, tmp_path / "out")
    assert done.returncode != 0 and said in done.stderr
