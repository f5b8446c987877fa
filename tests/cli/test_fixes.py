"""Advice that can be typed: commands, options, targets and documents that messages name are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import cli
from tests.support import ROOT

HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"  # what a message fills in


def texts() -> Iterator[tuple[str, str]]:
    """(file, text) of every string of the code; f-strings with holes."""
    for top in ("harness", "reference", "rules"):
        for path in sorted((ROOT / top).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield where, node.value
                elif isinstance(node, ast.JoinedStr):
                    parts = [v.value if isinstance(v, ast.Constant) else HOLE for v in node.values]
                    yield where, "".join(str(part) for part in parts)


TEXTS = list(texts())


def commands() -> list[tuple[str, list[str]]]:
    """Every `cloudmask VERB ...` in a text, as words up to the end of the sentence."""
    found = {}
    for where, text in TEXTS:
        for match in re.finditer(r"\bcloudmask ((?:[a-z]+)(?: [^`'\";,:()\n]*)?)", text):
            words = match[1].split()
            if words[0] in ("is", "reference", "on", "of", "harness", "package", "here", "does", "run_"):
                continue
            found[where, " ".join(words)] = words
    return [(f"{where}: {line}", words) for (where, line), words in found.items()]


COMMANDS = [
    (where, words) for where, words in commands() if words[0] in cli.list_commands(click.Context(cli))
]


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 15


@pytest.mark.parametrize(("where", "words"), COMMANDS, ids=[where for where, _ in COMMANDS])
def test_a_command_that_a_message_names_is_there(where: str, words: list[str]) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, words[0])
    assert command is not None, where
    rest = words[1:]
    if isinstance(command, click.Group) and rest and re.fullmatch("[a-z]+", rest[0]):
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"{where}: {words[0]} has no {rest[0]}"
        command, rest = inner, rest[1:]
    known = {"--help"} | {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            known |= {o for p in (inner.params if inner else ()) for o in (*p.opts, *p.secondary_opts)}
    for word in rest:
        option = re.match(r"--[a-z][a-z-]*", word)
        if option:
            assert option[0] in known, f"{where}: no option {option[0]}"


@pytest.mark.parametrize(
    "where_name", sorted({(w, n) for w, t in TEXTS for n in re.findall(r"\bdocs/[a-z-]+\.md", t)})
)
def test_a_document_that_a_message_names_is_there(where_name: tuple[str, str]) -> None:
    assert (ROOT / where_name[1]).is_file(), where_name


def test_variables_that_messages_name_are_read() -> None:
    """CLOUDMASK_... in a text is also a string of its own somewhere: what reads the variable."""
    named = {n for _, t in TEXTS for n in re.findall(r"\bCLOUDMASK_[A-Z_]+[A-Z]\b", t)}
    alone = {t for _, t in TEXTS if re.fullmatch(r"CLOUDMASK_[A-Z_]+", t)}
    scripts = "".join(p.read_text() for p in Path(ROOT / "harness/run/launch/templates").glob("*"))
    assert {name for name in named - alone if name not in scripts} == set()
