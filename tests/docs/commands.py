"""docs/reference/commands.md: the help of every command, as click shows it.

    python -m tests.docs.commands

Made in a process of its own: click keeps the help option of a command as the first caller in a process asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from harness.cli import cli
from harness.rulebook.markdown import MADE_BY

WIDTH = 80
_INTRODUCTION = """\
# Commands

What `cloudmask VERB --help` shows, for every verb. Exit codes and files: [the command line](../cli.md).
"""


def commands(
    command: click.Command = cli, path: tuple[str, ...] = (), above: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its words and context, groups before what they hold."""
    name = path[-1] if path else "cloudmask"
    settings = {**command.context_settings, "terminal_width": WIDTH}
    context = click.Context(command, info_name=name, parent=above, **settings)
    yield " ".join(("cloudmask", *path)), command, context
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            if found is not None and not found.hidden:
                yield from commands(found, (*path, verb), context)


def page() -> str:
    """The document as Markdown."""
    lines = [MADE_BY.format(command="make docs"), "", _INTRODUCTION]
    for words, command, context in commands():
        help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        lines += [f"## {words}", "", "```text", help_text, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
