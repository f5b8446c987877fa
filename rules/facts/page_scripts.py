"""Scripts of an HTML page against the digests that its policy allows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html.parser import HTMLParser

DATA_TYPES = ("application/json", "application/ld+json")  # shown to scripts, run by nobody


class _Scripts(HTMLParser):
    """Collects the scripts of a page: their text, and where they load others from."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "script" and known.get("src") is not None:
            self.loaded.append(str(known["src"]))
        elif tag == "script" and known.get("type") not in DATA_TYPES:
            self._open = True
            self.inline.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inline[-1] += data


def foreign_scripts(text: str, policy: str) -> Iterator[str]:
    """One line for each script that is loaded, or whose digest the policy of the page does not list."""
    page = _Scripts()
    page.feed(text)
    for source in page.loaded:
        yield f"it loads a script: {source[:80]!r}"
    for script in page.inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        if digest not in policy:
            yield f"a script is not the one that its policy names: {script.strip()[:60]!r}"
