"""Commands that pages show, in blocks and in sentences, run or not: their verbs, options and make targets exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import cli
from tests.docs.structure import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^ *(```+|~~~+)[^\n]*\n(.*?)^ *\1 *$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
COMMAND = re.compile(r"^(?:\$ |> )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/|build/env/bin/)?(cloudmask|make) (.+)$")
TARGETS = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
SETTINGS = {*re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE)}
SETTINGS |= {
    *re.findall(r"\$\((?:if|or) \$\(([A-Z]+)\)", (ROOT / "Makefile").read_text()),
    "RESUME",
    "REPLACE",
}


def shown(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Program and words of every command, from blocks (whole lines) and from code inside sentences."""
    text = page.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        for line in re.sub(r"\\\n(> )?\s*", " ", fence[2]).splitlines():
            yield from _commands(line.strip())
    for code in INLINE.finditer(FENCE.sub("", text)):
        yield from _commands(code[1].replace("\n", " "))


def _commands(line: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r" (?:&&|\|\||\||;) ", re.sub(r"(?:^| )#( .*)?$", "", line)):
        found = COMMAND.match(part)
        if found:
            try:
                yield found[1], shlex.split(re.sub(r"[\[\]]", " ", found[2]).replace("'", ""))
            except ValueError:  # a sentence of output
                continue


def problem(program: str, words: list[str]) -> str | None:
    """What of a command does not exist."""
    if program == "make":
        names = [word for word in words if re.fullmatch(r"[a-z-]+", word)]
        sets = [word.partition("=")[0] for word in words if re.match(r"[A-Z_]+=", word)]
        wrong = [*({*names} - TARGETS), *({*sets} - SETTINGS - {"PYTHON", "ARGS"})]
        return f"no target or setting {wrong}" if wrong else None
    command, context = cli, click.Context(cli, info_name="cloudmask")
    words = list(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        verbs = words.pop(0)
        found = [command.get_command(context, verb) for verb in re.split(r"[|/]", verbs)]
        if None in found:
            return None if verbs.isupper() or verbs.endswith("...") else f"no command {verbs}"
        command = next(one for one in found if one is not None)
    known = {
        name
        for parameter in command.get_params(context)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    given = {
        option
        for word in words
        if word.startswith("--")
        for option in re.split(r"[|/]", word.partition("=")[0])
    }
    wrong = sorted(given - known)
    return f"{command.name} has no {', '.join(wrong)}" if wrong else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_is_shown_exists(page: Path) -> None:
    found = [(f"{program} {' '.join(words)}", problem(program, words)) for program, words in shown(page)]
    assert [(command, what) for command, what in found if what] == []


def test_what_does_not_exist_is_found() -> None:
    for line, said in (
        ("cloudmask judge x", "no command judge"),
        ("cloudmask check x --weight", "check has no --weight"),
        ("cloudmask data verify --profil=x", "verify has no --profil"),
        ("make everything", "no target"),
        ("make submit NODE=x", "no target"),
    ):
        ((program, words),) = _commands(line)
        assert said in str(problem(program, words))
    assert sum(1 for page in PAGES for _ in shown(page)) > 300
