"""cloudmask check: judge a package or a log, rule by rule."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from harness.check import check_all, colour_wanted, combine
from harness.check.formats.json_record import json_schema
from harness.check.formats.origin import Origin
from harness.check.formats.registry import FORMATS, render
from harness.check.formats.text import clean
from harness.check.package import AnswerStep, ReplayStep
from harness.check.tree import organisations
from harness.check.watch import Watch
from harness.cli import options
from harness.core.errors import ExitCode, UserError, WrongData
from harness.core.wrapping import width_of
from harness.score.score import describe, score
from rules.model.findings import Verdict
from rules.model.layout import BENCHMARK, beside_of
from rules.model.package import Package
from rules.package.files import readable as READABLE
from rules.ruleset import DEFAULT, load_ruleset

UNWRAPPED = 1_000_000  # columns


@click.command()
@click.argument("path", type=options.PathType)
@options.ruleset
@click.option("--system", default=None, help="One system of the organisation; default: all of them.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@options.json_schema(json_schema, "--format json")
@click.option(
    "--replay",
    is_flag=True,
    help="Compute parts of the runs again (needs TensorFlow): where the weights come from; with --data the "
    "last evaluation, the test scenes and the first epoch too.",
)
@click.option("--data", type=options.PathType, help="The data set of the runs, for --replay and --answer.")
@click.option(
    "--replay-runs",
    type=click.IntRange(min=1),
    help="Of so many runs only, drawn at random, what needs the data is computed again.",
)
@click.option(
    "--answer", type=options.PathType, help="The answer to a challenge (see `cloudmask challenge`)."
)
@click.option("--challenge", type=options.PathType, help="The challenge as you sent it.")
@click.option("--received", type=click.DateTime(), help="When the answer came, UTC; default: what it says.")
@click.option("--roots", type=options.PathType, help="More roots of time stamp authorities, in PEM.")
@click.option("--keys", type=options.PathType, help="Public keys of signers: a PEM file, or a folder.")
def check(
    path: Path,
    ruleset: str | None,
    system: str | None,
    form: str,
    replay: bool,
    data: Path | None,
    replay_runs: int | None,
    answer: Path | None,
    challenge: Path | None,
    received: datetime | None,
    roots: Path | None,
    keys: Path | None,
) -> int:
    """Judge PATH by the rulebook: an organisation's folder, one of its systems, the same packed as
    .tar.gz or .zip, or one result file. A folder of several organisations is judged one by one (as text).

    \b
    cloudmask check submissions/lab                              consistency, in seconds
    cloudmask check submissions/lab --replay                     and lineage: no data needed
    cloudmask check submissions/lab --replay --data data         and an epoch of each run again
    cloudmask check submissions/lab --challenge c.json --answer a.npz --data data

    Exit code 0: consistent with the rules; 1: not consistent; 2: PATH cannot be read. Of several, the worst.
    """
    several = organisations(path) if form == "text" else []
    if several:
        return _one_by_one(several)
    rules = options.ruleset_of(ruleset) if ruleset else None
    _belonging(data, replay, answer or challenge, received, answer)
    names = _known_keys(keys)
    origin, scores, beyond = Origin(), [], _Beyond()
    try:
        with ExitStack() as held:
            inside = held.enter_context(_unpacked(path))
            watch = held.enter_context(_watch()) if replay or answer else Watch()
            replayer = _replayer(held, data, replay, replay_runs, watch)
            retrainer = _retrainer(held, data, answer, challenge, received, watch)
            trusted = _trusted(roots)
            found = check_all(inside, rules, system, replayer, retrainer, trusted)
            scores = list(_scores(found))
            beyond = _statements(path, found, names)
        origin = Origin(found[0][0].root) if inside == path else Origin(archive=str(path))
        verdict = replace(combine([v for _, v in found], str(path)), path=str(path))
    except UserError as error:
        if form == "text" or isinstance(error, WrongData):
            raise
        verdict = _unreadable(ruleset or DEFAULT, path, error)
    click.echo(render(form, verdict, origin, _width(), colour_wanted(sys.stdout.isatty())))
    for line in [*scores, *beyond.lines] if form == "text" else []:
        click.echo(line)
    if beyond.broken and verdict.verdict == "compliant":
        return ExitCode.FINDINGS
    return {"compliant": ExitCode.OK, "not_compliant": ExitCode.FINDINGS}.get(verdict.verdict, ExitCode.USAGE)


def _one_by_one(folders: list[Path]) -> int:
    """What the same command says of each organisation of a round, and the worst of the exit codes."""
    context, worst = click.get_current_context(), 0
    for folder in folders:
        click.echo(clean(f"=== {folder.name}"))
        try:
            worst = max(worst, context.invoke(check, **{**context.params, "path": folder}))
        except WrongData:
            raise
        except UserError as error:
            verdict = _unreadable(context.params["ruleset"] or DEFAULT, folder, error)
            click.echo(render("text", verdict, Origin(), _width(), colour_wanted(sys.stdout.isatty())))
            worst = ExitCode.USAGE
        click.echo()
    return worst


def _width() -> int:
    """Columns of the terminal; to a file or a pipe each finding goes as one line, which can be searched."""
    return width_of(sys.stdout) or UNWRAPPED


def _unpacked(path: Path) -> AbstractContextManager[Path]:
    """The folder or file to check; what is in an archive lies in a temporary folder meanwhile."""
    if path.is_dir():
        return nullcontext(path)
    from harness.untrusted.archives import opened  # loaded only where there may be an archive

    return opened(path)


@contextmanager
def _watch() -> Iterator[Watch]:
    """Lines and a progress bar on standard error."""
    from harness.cli.bars import progress_bar  # a plain check shows none, and starts without it

    with progress_bar() as step:
        yield Watch(
            say=lambda line: click.echo(clean(line), err=True),
            progress=lambda title, done, total: step(clean(title), done, total),
        )


def _belonging(
    data: Path | None, replay: bool, asked: Path | None, received: datetime | None, answer: Path | None
) -> None:
    """Raise UserError for an option that changes nothing without another: it would seem to have been heeded."""
    if data is not None and not replay and asked is None:
        raise UserError("--data belongs to --replay and --answer.", "add --replay.")
    if received is not None and answer is None:
        raise UserError("--received belongs to --answer.", "add --answer FILE.")


def _replayer(
    held: ExitStack, data: Path | None, wanted: bool, runs: int | None, watch: Watch
) -> ReplayStep | None:
    if not wanted:
        if runs is not None:
            raise UserError("--replay-runs belongs to --replay.", "add --replay.")
        return None
    if runs is not None and data is None:
        raise UserError("--replay-runs needs the data set.", "name its folder with --data.")
    from harness.check.replay import Replayer  # psutil loads slowly: only where it is needed

    return held.enter_context(Replayer([data] if data else [], watch, runs))


def _retrainer(
    held: ExitStack,
    data: Path | None,
    answer: Path | None,
    challenge: Path | None,
    received: datetime | None,
    watch: Watch,
) -> AnswerStep | None:
    if answer is None and challenge is None:
        return None
    from harness.check.challenge import Answer, read_question
    from harness.check.retraining import Retrainer

    if answer is not None and not answer.is_file():
        raise UserError(f"{answer} is not a file.", "name what `cloudmask answer` wrote.")
    asked = read_question(challenge) if challenge is not None else None
    came_s = received.replace(tzinfo=timezone.utc).timestamp() if received is not None else None
    return held.enter_context(Retrainer(Answer(answer, asked, came_s), [data] if data else [], watch))


class _Beyond(msgspec.Struct, frozen=True):
    """What is said of signed statements; `broken` when the one beside the package does not stand."""

    lines: list[str] = []
    broken: bool = False


def _statements(path: Path, found: list[tuple[Package, Verdict]], names: dict[str, str]) -> _Beyond:
    """Statements inside the package and beside it. Raises UserError when the latter cannot be read."""
    package, inside = found[0][0], found[0][0].statement
    if inside is None and not beside_of(path).is_file():
        return _Beyond()
    from harness.statement.describing import beside, describe, stands  # loads slowly

    outside = beside(beside_of(path), package.root)
    lines = [clean(line) for s in (inside, outside) if s is not None for line in describe(s, names)]
    return _Beyond(lines, outside is not None and not stands(outside))


def _trusted(roots: Path | None) -> tuple[str, ...]:
    if roots is None:
        return ()
    from harness.cli.witness import read_roots

    return (read_roots(roots),)


def _known_keys(keys: Path | None) -> dict[str, str]:
    if keys is None:
        return {}
    from harness.statement.keys import known_keys

    return known_keys(keys)


def _scores(found: list[tuple[Package, Verdict]]) -> Iterator[str]:
    """One line per entry: what was checked, its verdict and its score; and whether it is an older ruleset's."""
    older = set()
    for package, verdict in found:
        rules = load_ruleset(verdict.ruleset)
        if package.entries:
            result = describe(score(package, rules))
            yield clean(f"{package.entry}: {verdict.words}, {result}")
        if rules.knows(BENCHMARK) and rules.name != DEFAULT:
            older.add(rules.name)
    for name in sorted(older):
        yield f"{name} is an earlier rulebook; --ruleset {DEFAULT} judges by the current one."


def _unreadable(ruleset: str, path: Path, error: UserError) -> Verdict:
    """The verdict on something that is not a package, for programs that read the other formats."""
    finding = READABLE.finding(error.message, path=str(path), fix=error.fix)
    return Verdict(ruleset, str(path), "unreadable", [finding], [])
