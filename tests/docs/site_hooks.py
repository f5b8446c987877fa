"""What the site needs beyond docs/: pages at the top of the tree, and files that pages link to.

A link that works in a checkout works in the site: to CONTRIBUTING.md and its like as pages, to any other file of
the tree as a copy under source/. MkDocs loads this file by its path (mkdocs.yml), so it imports nothing of the tree.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(\[[^\]]*\]\()(?!https?:|mailto:|#)([^)#\s]+)([^)]*\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages at the top of the tree."""
    for name in PAGES:
        files.append(File.generated(config, f"project/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites links that lead out of docs/, or stand in a page from outside of it."""
    here = page.file.src_uri
    lies = posixpath.basename(here) if here.startswith("project/") else f"docs/{here}"

    def rewritten(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(lies), link[2]))
        place = _place(target, config, files)
        return link[0] if place is None else f"{link[1]}{_from(here, place)}{link[3]}"

    parts = _FENCE.split(markdown)
    return "".join(part if i % 2 else _LINK.sub(rewritten, part) for i, part in enumerate(parts))


def _from(page: str, place: str) -> str:
    return posixpath.relpath(place, posixpath.dirname(page) or ".")


def _place(target: str, config: MkDocsConfig, files: Files) -> str | None:
    """Where a file of the tree lies in the site; None for one that does not exist: MkDocs reports it."""
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target in PAGES:
        return f"project/{target}"
    if target == "README.md":
        return "index.md"
    path = ROOT / target
    if not path.is_file() or ROOT not in path.resolve().parents:
        return None
    place = f"source/{target}" + ("" if path.suffix in {".png", ".svg", ".csv", ".txt"} else ".txt")
    if files.get_file_from_path(place) is None:
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return place
