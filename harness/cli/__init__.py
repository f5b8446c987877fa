"""The command line `cloudmask`: one module per verb, loaded only when its verb is used."""

from __future__ import annotations

import errno
import importlib
import signal
import sys
from typing import Any

import click

from harness import __version__
from harness.core.errors import ExitCode, UserError

VERBS = {
    "doctor": "say what works on this machine and what to do about the rest",
    "data": "fetch, make, describe and verify data sets",
    "system": "describe this machine, compare it with a description",
    "plan": "show what a submit would run",
    "submit": "run, check, package and report: machine to submission",
    "launch": "send a submit to a cluster's batch system (Slurm, LSF)",
    "run": "one trial run, not part of any package",
    "check": "judge a package or a log, rule by rule",
    "report": "render the HTML report of a package",
    "rcp": "record and list reference convergence points",
    "leaderboard": "build the leaderboard of packages that pass",
    "rules": "list and explain the rules",
    "monitor": "watch the machine",
    "power": "energy of whole nodes: show it, import a meter's log",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cloudmask")
def cli() -> None:
    """Run, measure, check and report the MLCommons Science CloudMask benchmark.

    Start with `cloudmask submit --system local`: the whole of it in minutes, on synthetic scenes.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point: a UserError becomes one or two lines, Ctrl-C (and SIGTERM) exit code 130."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result: Any = cli.main(args=arguments, prog_name="cloudmask", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else ExitCode.OK)
    except UserError as error:
        _fail(error.message, error.fix, error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; finished runs are kept: continue with --resume", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:
        if error.errno == errno.EPIPE:
            sys.exit(ExitCode.OK)
        _fail(*_system_error(error), ExitCode.USAGE)


def _interrupt(number: int, frame: Any) -> None:
    """Batch systems end a job with SIGTERM: what is done is kept just as after Ctrl-C."""
    raise KeyboardInterrupt


def _system_error(error: OSError) -> tuple[str, str | None]:
    where = f" ({error.filename})" if error.filename else ""
    fixes = {
        errno.ENOSPC: "free some space, then continue with --resume.",
        errno.EDQUOT: "free some of your quota, then continue with --resume.",
        errno.EROFS: "choose a place that can be written with --submissions or --data-dir.",
        errno.EACCES: "choose a place that can be written with --submissions or --data-dir.",
    }
    return f"{error.strerror or error}{where}.", fixes.get(error.errno or 0)


def _fail(message: str, fix: str | None, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    if fix:
        click.echo(f"fix: {fix}", err=True)
    sys.exit(code)
