"""The command line `cloudmask`: one module per verb, loaded only when its verb is used."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import importlib
import signal
import sys
from pathlib import Path
from typing import Any

import click

from harness import __version__
from harness.cli.streams import Streams
from harness.core.errors import ExitCode, UserError
from harness.core.wrapping import beside, width_of

VERBS = {
    "doctor": "say what works on this machine and what to do about the rest",
    "data": "fetch, make, describe and verify data sets",
    "baselines": "what simple methods reach on a data set, to show beside results",
    "system": "describe this machine, compare it with a description",
    "init": "begin a recipe of your own from one that works",
    "plan": "show what a submit would run",
    "submit": "run, check, package and report: machine to submission",
    "launch": "send a submit to a cluster's batch system (Slurm, LSF)",
    "run": "one trial run, not part of any package",
    "experiment": "try settings of a recipe: grid, random or guided search, on one machine or many",
    "check": "judge a package or a log, rule by rule",
    "score": "show a score step by step: runs, mean, factor, interval",
    "challenge": "draw epochs of a package that its submitter is to show",
    "answer": "answer a challenge with the states that the runs kept",
    "report": "render the HTML report of a package",
    "times": "where the time of every run went, phase by phase",
    "export": "a package in another layout, as tables or as a crate; redacted, if wanted",
    "import": "file results of upstream's own program as an open, unverified entry",
    "generalise": "leave one group of scenes out: how a model does on what it never saw",
    "rcp": "record and list reference convergence points",
    "leaderboard": "build the leaderboard of packages that pass",
    "review": "say what becomes of a result on a board: objection, verified, withdrawn",
    "sign": "sign a package and its verdict",
    "witness": "an outside clock for the runs: try an authority, relay for nodes without a network",
    "rules": "list and explain the rules",
    "monitor": "watch the machine",
    "completion": "complete verbs and options in bash, zsh, fish",
    "release-digests": "digests by which a released code is recognised",
    "power": "energy of whole nodes: show it, import a meter's log",
}
# what an interruption leaves, and how the verb goes on
KEPT = {
    "submit": "; finished runs are kept: continue with --resume",
    "generalise": "; finished runs are kept: the same command goes on",
    "fetch": "; what has arrived is kept: the same command goes on",
}

MODULES = {"import": "import_logs"}  # where a verb is a word of Python

# shown at the end of a verb's help, unless its own text has examples
EXAMPLES = {
    "doctor": ("cloudmask doctor", "cloudmask doctor --json"),
    "data": (
        "cloudmask data synthesize --profile quick",
        "cloudmask data verify --profile official",
        "cloudmask data preview --gallery submissions/my-lab/evidence/local/strong/cloudmask/result_0/gallery.h5",
    ),
    "baselines": ("cloudmask baselines --profile quick", "cloudmask baselines --profile smoke --json"),
    "system": ("cloudmask system detect", "cloudmask system verify submissions/my-lab/systems/local.json"),
    "plan": ("cloudmask plan --system local",),
    "submit": ("cloudmask submit --system local", "cloudmask submit --system local --org my-lab --resume"),
    "launch": ("cloudmask launch --system a100 --org my-lab",),
    "run": ("cloudmask run --system local",),
    "check": (
        "cloudmask check submissions/examples",
        "cloudmask check submissions/examples --system local-smoke --format json",
    ),
    "report": ("cloudmask report submissions/examples --system local-smoke",),
    "challenge": ("cloudmask challenge submissions/lab --epochs 3 --days 14 --out lab.json",),
    "answer": ("cloudmask answer lab.json --checkpoints submissions/.checkpoints/lab",),
    "release-digests": ("cloudmask release-digests --check",),
    "rcp": ("cloudmask rcp list",),
    "leaderboard": ("cloudmask leaderboard", "cloudmask leaderboard --org examples --out build/site"),
    "rules": ("cloudmask rules list --group CNV", "cloudmask rules explain CNV010"),
    "monitor": ("cloudmask monitor", "cloudmask monitor --once"),
    "power": ("cloudmask power show submissions/examples",),
}


# Looking for cycles takes a tenth of a check, whose records hold none: seldom while it runs, and not when it ends.
gc.set_threshold(100_000)
atexit.register(gc.freeze)


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = MODULES.get(name, name.replace("-", "_"))
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{module}"), module)
        if name in EXAMPLES and not command.epilog:
            command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        near = difflib.get_close_matches(args[0], VERBS, 1)
        if args[0] not in VERBS and near:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cloudmask")
def cli() -> None:
    """Run, measure, check and report the MLCommons Science CloudMask benchmark.

    Start with `cloudmask submit --system local`: the whole of it in minutes, on synthetic scenes.

    \b
    Exit codes: 0 done or compliant, 1 findings, 2 wrong usage, data or machine, 3 a run or job failed,
    69 a service does not answer, 70 a defect of the harness, 74 standard output is closed or full,
    130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ends the process with a code of ExitCode; only a defect shows a traceback."""
    streams = Streams()
    _take_signals(streams)
    code = _run(arguments, streams)
    if streams.output_fails() and code == ExitCode.OK:
        code = ExitCode.OUTPUT
        if not streams.reader_left:
            _said("standard output is closed or full: not all could be shown.", None, code)
    sys.exit(code)


def _run(arguments: list[str] | None, streams: Streams) -> int:
    """The exit code of the command; what went wrong is said on standard error."""
    try:
        result: Any = cli.main(args=arguments, prog_name="cloudmask", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except UserError as error:
        return _said(error.message, error.fix, error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        said = sys.argv[1:] if arguments is None else arguments
        kept = next((KEPT[word] for word in said if word in KEPT), "")
        return _said(f"interrupted{kept}", None, ExitCode.INTERRUPTED)
    except MemoryError:
        return _said("There is not enough memory.", "end other programs.", ExitCode.USAGE)
    except OSError as error:
        return _said(*_system_error(error), ExitCode.USAGE)
    except Exception:
        import traceback  # only for defects

        with contextlib.suppress(OSError):
            traceback.print_exc()
        return _said("This is a defect of the harness.", "report it with the lines above.", ExitCode.DEFECT)


def _take_signals(streams: Streams) -> None:
    """SIGTERM of batch systems and the hang-up of a terminal do what Ctrl-C does: what is done is kept.

    A signal that the caller ignores (nohup) stays ignored.
    """

    taken: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        if number == signal.SIGHUP:
            streams.leave_terminals()
        taken.append(number)
        if len(taken) == 1:  # often one follows the other, while what is done is kept
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def _system_error(error: OSError) -> tuple[str, str | None]:
    if isinstance(error, FileNotFoundError):
        try:
            Path.cwd()
        except FileNotFoundError:
            return (
                "The current folder no longer exists: it was deleted or moved.",
                "change to one that does (cd).",
            )
    where = f" ({error.filename})" if error.filename else ""
    fixes = {
        errno.ENOSPC: "free some space, then continue with --resume.",
        errno.EDQUOT: "free some of your quota, then continue with --resume.",
        errno.EROFS: "choose a place that can be written with --submissions or --data-dir.",
        errno.ENOENT: "see whether it is there; `mkdir -p` makes a folder.",
        errno.EACCES: "see who may read and write there (ls -ld), or name another place.",
    }
    return f"{error.strerror or error}{where}.", fixes.get(error.errno or 0)


def _said(message: str, fix: str | None, code: int) -> int:
    """Say it on standard error, and return the code."""
    with contextlib.suppress(OSError):  # standard error may be gone, too
        width = width_of(sys.stderr)
        head = "error: " if code != ExitCode.INTERRUPTED else "\n"
        click.echo(beside(head, message, width) if "\n" not in message else head + message, err=True)
        if fix:
            click.echo(beside("fix: ", fix, width), err=True)
    return code
