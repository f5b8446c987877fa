"""Names of hosts and users, home folders and addresses taken out of a package, which stays checkable.

Texts are changed, so their digests are made anew where the package states them: in run.json (`files`), in
timeline.jsonl (of each changed line of a log) and in the manifest. That is what a forger would do as well: the copy
says that it was redacted and lists the digest of every original, so that the owner can show the original to whoever
doubts.
In binary files (telemetry) names of hosts and users are replaced by words of the same length, nothing else; compressed
parts are not seen. Whoever exports has to look at the copy: what counts as a name is found by patterns.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.core.errors import UserError
from harness.export.content import Content, text_of
from harness.export.redact_hdf5 import CERTAIN, pattern, redacted_hdf5

_SAME_LENGTH = ("host", "user", "name")
TEXTS = {".txt", ".json", ".jsonl", ".yaml", ".md", ".sh", ".log"}
NOTICE = "REDACTED.md"
_HOST = re.compile(r'"(?:host|hostname|node|fqdn)": "([A-Za-z0-9][A-Za-z0-9._-]{0,252})"')
_HOME = re.compile(r"(?<![\w.])/(?:home|Users)/([A-Za-z0-9._-]{1,64})")
_PATH = re.compile(r"(?<![\w.:/])/(?:home|Users|root|mnt|scratch|data|gpfs|lustre|work)(?:/[\w.+-]+)+")
_ADDRESSES = (
    ("mail", re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")),
    ("mac", re.compile(r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b")),
    (
        "ip",
        re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"),
    ),
    ("ip", re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}(?![\w:])")),
)
_COMMON = {"localhost", "node", "host", "unknown"}


@dataclass
class Redaction:
    """What was replaced by what, kind by kind; the same name gets the same word in all files."""

    words: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)  # names that are replaced wherever they stand as a word

    def word(self, kind: str, name: str) -> str:
        """The word for a name: path-1, mail-2; h1xxxx for a host."""
        if name not in self.words:
            number = self.counts[kind] = self.counts.get(kind, 0) + 1
            # names of hosts and users keep their length, so that they can be replaced inside binary files
            long = kind not in _SAME_LENGTH
            self.words[name] = f"{kind}-{number}" if long else f"{kind[0]}{number}".ljust(len(name), "x")
            if not long:
                self.plain.append(name)
        return self.words[name]

    def text(self, text: str) -> str:
        """The text with every known name and every address replaced."""
        text = _PATH.sub(lambda m: f"/redacted/{self.word('path', m[0])}/{PurePosixPath(m[0]).name}", text)
        for kind, address in _ADDRESSES:
            text = address.sub(lambda m, kind=kind: self.word(kind, m[0]), text)  # type: ignore[misc]
        for name in sorted(self.plain, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self.words[name], text)
        return text

    def binary(self, name: str, data: bytes) -> bytes:
        """The same for a binary file: names of hosts and users, whose words are as long as they are."""
        same = {n: w for n in sorted(self.plain, key=len, reverse=True) if len(w := self.words[n]) == len(n)}
        found = {n: w for n, w in same.items() if pattern(n.encode()).search(data)}
        if found and PurePosixPath(name).name.startswith("telemetry_"):
            return redacted_hdf5(name, data, found)
        if any(len(word) >= CERTAIN for word in found):
            raise UserError(
                f"{name} holds a name and cannot be redacted.",
                "use --layout hpc, which leaves the evidence out.",
            )
        return data


def redacted(content: Content, names: Iterable[str] = ()) -> tuple[Content, Redaction]:
    """The content without names, with the notice added. `names`: more of them, e.g. of a project.

    Raises UserError for a text that is not UTF-8 and a binary file that keeps a name.
    """
    texts = {
        name: _decoded(name, what) for name, what in content.items() if PurePosixPath(name).suffix in TEXTS
    }
    known = Redaction()
    for text in texts.values():
        for host in _HOST.findall(text):
            if host.lower() not in _COMMON:
                known.word("host", host)
        for user in _HOME.findall(text):
            known.word("user", user)
    for name in names:
        known.word("name", name)
    changed = {name: new for name, text in texts.items() if (new := known.text(text)) != text}
    made: Content = {**content, **{name: text.encode() for name, text in changed.items()}}
    for name in content.keys() - texts.keys():
        before = text_of(content[name])
        if (after := known.binary(name, before)) != before:
            made[name] = after
    _restate(made, content, texts, changed)
    originals = {name: _digest(what) for name, what in content.items() if made[name] is not what}
    recipes = (n for n in content if n.startswith("benchmarks/") and n.endswith("/recipe.yaml"))
    for system in sorted({PurePosixPath(name).parts[2] for name in recipes}):
        made[f"benchmarks/cloudmask/{system}/{NOTICE}"] = _notice(known, originals).encode()
    return made, known


def _digest(what: Path | bytes) -> str:
    return hashlib.sha256(text_of(what)).hexdigest()


def _decoded(name: str, what: Path | bytes) -> str:
    try:
        return text_of(what).decode()
    except UnicodeDecodeError:
        raise UserError(
            f"{name} is not UTF-8 and cannot be redacted.", "leave --redact out, or mend the file."
        ) from None


def _restate(made: Content, content: Content, texts: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """Digests that the package states of what was changed: lines in timelines first, then files in run.json."""
    for record in [name for name in content if name.endswith("/run.json")]:
        folder = PurePosixPath(record).parent.as_posix()
        log = folder.replace("evidence/", "results/", 1) + ".txt"
        timeline = f"{folder}/timeline.jsonl"
        if log in changed and timeline in content:
            made[timeline] = _timeline(text_of(made[timeline]).decode(), texts[log], changed[log]).encode()
        text = text_of(made[record]).decode()
        for name in (log, *(n for n in content if n.startswith(f"{folder}/") and n != record)):
            if name in content and made[name] is not content[name]:
                text = text.replace(_digest(content[name]), _digest(made[name]))
        if text.encode() != text_of(content[record]):
            made[record] = text.encode()


def _timeline(timeline: str, before: str, after: str) -> str:
    """Arrivals with the digests of the changed lines; an arrival whose digest did not fit stays as it was."""
    lines = list(zip(before.splitlines(), after.splitlines(), strict=False))
    made = []
    for row in timeline.splitlines():
        number = json.loads(row)["line"] if row.startswith("{") else 0
        if 0 < number <= len(lines):
            old, new = (hashlib.sha256(line.encode()).hexdigest()[:16] for line in lines[number - 1])
            row = row.replace(f'"digest": "{old}"', f'"digest": "{new}"')
        made.append(row)
    return "\n".join(made) + "\n"


def _notice(known: Redaction, originals: Mapping[str, str]) -> str:
    kinds = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(known.counts.items())) or "none"
    rows = [f"| {name} | {digest} |" for name, digest in sorted(originals.items())]
    return "\n".join(
        [
            "# Redacted",
            "",
            "Names of hosts and users, paths and addresses were replaced in this copy, and the digests that state its",
            f"files were made anew. Replaced: {kinds}.",
            "The owner has the original; its files have these digests:",
            "",
            "| file | SHA-256 of the original |",
            "|---|---|",
            *rows,
            "",
        ]
    )
