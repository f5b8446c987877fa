"""Make a release: version and date in every file that states them, digests of the code, one commit and its tag.

    python -m tests.docs.release VERSION [--prepare] [--date YYYY-MM-DD]

With --prepare only files are written. Without it the checkout has to be clean, and the last step is the tag: until that
is pushed, `git tag -d` and `git reset` take all of it back.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.docs.structure import ROOT

HEAD = "## Unreleased\n"


def dated(text: str, version: str, day: str) -> str:
    """The changelog with a section of that version and day below a new, empty Unreleased.

    A section that was prepared gets the day. Raises ValueError where there is nothing to release, or entries came since
    the section was prepared.
    """
    before, _, after = text.partition(HEAD)
    next_section = re.search(r"^## ", after, re.MULTILINE)
    at = next_section.start() if next_section else len(after)
    waiting, released = after[:at], after[at:]
    heading = f"## {version} - {day}\n"
    prepared = re.compile(rf"^## {re.escape(version)} - .*\n", re.MULTILINE)
    if prepared.search(released):
        if waiting.strip():
            raise ValueError(f"CHANGELOG.md has a section {version}: move what stands under Unreleased there")
        return f"{before}{HEAD}\n{prepared.sub(heading, released)}"
    if not waiting.strip():
        raise ValueError("CHANGELOG.md has nothing under Unreleased")
    return f"{before}{HEAD}\n{heading}{waiting}{released}"


def prepare(root: Path, version: str, day: str) -> None:
    """State version and day everywhere. Raises ValueError for what is no version, or an empty changelog."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise ValueError(f"{version!r} is not a version such as 1.2.0 or 1.2.0rc1")
    date.fromisoformat(day)
    changelog = root / "CHANGELOG.md"
    changelog.write_text(dated(changelog.read_text(encoding="utf-8"), version, day), encoding="utf-8")
    code = root / "harness/__init__.py"
    code.write_text(re.sub(r'(?<=__version__ = ").*(?=")', version, code.read_text(encoding="utf-8")))
    _state(root / "CITATION.cff", f"version: {version}\n", f"date-released: {day}\n")
    _state(root / "codemeta.json", f' "version": "{version}",\n', f' "datePublished": "{day}",\n')


def _state(path: Path, version: str, day: str) -> None:
    """Put the line of the version, and behind it that of the day, in place of those that are there."""
    text = path.read_text(encoding="utf-8")
    for line, instead in ((day, ""), (version, version + day)):
        name = re.escape(line.partition(":")[0])
        text = re.sub(rf"^{name}: .*\n", instead, text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def release(root: Path, version: str, day: str) -> None:
    """Prepare, write the digests, commit and tag. Raises ValueError where the checkout is not ready for that."""
    if _run(root, "git", "status", "--porcelain").strip():
        raise ValueError("the checkout is not clean: commit first, so that the release is what was tested")
    if _run(root, "git", "tag", "--list", f"v{version}").strip():
        raise ValueError(f"v{version} is tagged already")
    prepare(root, version, day)
    _run(root, sys.executable, "-m", "harness", "release-digests")
    _run(root, "git", "commit", "--quiet", "--all", "--message", f"Release {version}")
    _run(root, "git", "tag", "--annotate", f"v{version}", "--message", f"CloudMask Harness {version}")
    _run(root, sys.executable, "-m", "harness", "release-digests", "--check")


def _run(root: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Returns 0, or 2 after one line that says what is not ready."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs.release", description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--prepare", action="store_true", help="write files, and neither commit nor tag")
    parser.add_argument("--date", default=date.today().isoformat(), help="default: today")
    asked = parser.parse_args(arguments)
    try:
        (prepare if asked.prepare else release)(root, asked.version, asked.date)
    except ValueError as error:
        print(f"not released: {error}", file=sys.stderr)
        return 2
    if asked.prepare:
        print(f"{asked.version} is prepared; `make release VERSION={asked.version}` makes it")
    else:
        print(f"v{asked.version} is tagged here. Publish it: git push origin HEAD v{asked.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
