"""EVD: what the program wrote beside its log, and the memory that it took."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.facts.log_reading import integer
from rules.facts.needs import record_of
from rules.facts.quantities import capacity_bytes, largest
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotChecked, Rule, rule
from rules.ruleset import Ruleset

_STAMP = re.compile(
    r"[IWEF]0000 00:00:(\d{10}\.\d{6}) "
)  # absl, before it is initialised: seconds since 1970
READ_BYTES = 1 << 20  # of either end of output.log


@rule(
    "EVD054",
    "The program's own output does not contradict the entry",
    Scope.RUN,
    source="evidence of this rulebook; sources L18 (what else a measurement has to show)",
    fix="See what the line means, and explain it in the README; or run again.",
    severity=Severity.WARNING,
)
def output(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Libraries and programs say what they do: that weights were loaded, that memory ran out, that an
    exception was raised, that no accelerator was found where some are declared; and when. A reviewer should see such
    a line beside the verdict."""
    path, patterns = run.files.output.as_posix(), list(ruleset.evidence.output_words)
    if integer(run.settings, "accelerators_per_node"):
        patterns += ruleset.evidence.idle_words
    if run.evidence_dir is None or run.files.output.name not in run.file_digests:
        raise NotChecked("there is no output.log")
    try:
        with (run.evidence_dir / run.files.output.name).open("rb") as file:
            text = file.read(READ_BYTES)
            size = file.seek(0, 2)
            file.seek(max(len(text), size - READ_BYTES))
            text += file.read(READ_BYTES)
    except OSError as error:
        raise NotChecked(f"output.log cannot be read: {error.strerror}") from None
    lines, whole = text.decode("utf-8", "replace").splitlines(), size <= 2 * READ_BYTES
    for pattern in patterns:
        wanted = re.compile(pattern, re.IGNORECASE)
        said = next(((n, line) for n, line in enumerate(lines, 1) if wanted.search(line[:500])), None)
        if said is not None:
            yield self.finding(f"it says {show(said[1])}", path=path, line=said[0] if whole else None)
    for number, away_s in _foreign_times(run, lines, ruleset.evidence.output_clock_s):
        yield self.finding(
            f"it has a line of {away_s:+.0f} s from the start of the run",
            path=path,
            line=number if whole else None,
        )


def _foreign_times(run: Run, lines: list[str], limit_s: float) -> Iterator[tuple[int, float]]:
    """The first line whose stamp, which TensorFlow's logging library makes itself, is outside of the life of the run.

    Line, and seconds from the start of the run.
    """
    if run.record is None:
        return
    begin_s, end_s = run.record.started_wall_s, run.record.finished_wall_s
    for number, line in enumerate(lines, 1):
        stamp = _STAMP.match(line)
        if stamp and not begin_s - limit_s <= float(stamp[1]) <= end_s + limit_s:
            yield number, float(stamp[1]) - begin_s
            return


@rule(
    "EVD055",
    "The run took as much memory as its processes were seen to hold",
    Scope.RUN,
    source="evidence of this rulebook (cross-check of run.json and telemetry)",
    fix="Package run.json and telemetry as the harness wrote them; correct host_memory_capacity.",
    severity=Severity.WARNING,
)
def memory(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness records the largest process, the sampler the sum of all: a peak of a few kilobytes, or
    one beyond the memory of the machine, was not measured."""
    peak = record_of(run).peak_rss_bytes
    if peak is None:
        raise NotChecked("run.json has no peak_rss_bytes")
    where = {"path": run.files.record.as_posix(), "actual": peak}
    fields = run.package.system.fields if run.package.system else {}
    limit = capacity_bytes(fields.get("host_memory_capacity"))
    if limit is not None and peak > limit:
        yield self.finding(
            f"peak memory is {peak} bytes, the machine has {show(fields['host_memory_capacity'])}", **where
        )
    known = [
        (held, largest(t.quantities, "processes", "process_tree") or 1.0)
        for t in run.telemetry
        if (held := largest(t.quantities, "rss", "process_tree")) is not None
    ]
    least = max(
        (held / max(count, 1.0) for held, count in known), default=float(ruleset.evidence.rss_minimum)
    )
    if peak < ruleset.evidence.rss_share * least:
        yield self.finding(
            f"peak memory is {peak} bytes, the largest process held at least {least:.0f}", **where
        )
