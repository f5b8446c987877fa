"""One run under the rules: evict caches, start the implementation, watch and record everything.

The run happens in a `.part` folder that is renamed when it is finished, so that a package never
holds half a run, whatever happens to the harness.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.core.files import sha256, write_atomic, write_json
from harness.core.mllog_lines import TOKEN, logger_to
from harness.core.own_code import start_module, tree_files
from harness.core.processes import Child, Line, Overtime, Silence
from harness.core.start_module import TOKEN as CODE_TOKEN
from harness.machine.page_cache import CacheResult
from harness.package.workspace import checkpoint_dir
from harness.plan.resolve import RunPlan
from harness.run.bom import write_bill
from harness.run.environment import Environment, run_environment
from harness.run.folders import (
    FINISHED,
    PART_RESULT,
    RECORD_SCHEMA,
    package_name,
    part_dir,
    place_result,
    set_aside,
)
from harness.run.journal import Journal, open_journal
from harness.run.launch.base import Launcher
from harness.run.launch.nodes import NodeSamplers
from harness.run.progress import Display
from harness.run.secondary import SecondaryFile
from harness.run.software import boot_id, code, loaded_files, software
from harness.witness.witness import Witness
from reference.protocol.log import PROGRESS_TOKEN
from reference.protocol.spec import SPEC_VARIABLE, RunSpec
from rules.model.evidence import RunRecord
from rules.model.layout import RunFiles

LOOK_S = 1.0  # how often the process tree and the utilisation are looked at
LOCKING = "HDF5_USE_FILE_LOCKING"  # read by HDF5; file systems of clusters may have no locks
COMMON_SEED = 1234  # of the examples in many repositories: never drawn


class Stop(threading.Event):
    """Ends a run early when set; `reason` goes into its record."""

    reason = "interrupted by the user"

    def ask(self, reason: str) -> None:
        """End the run for this reason."""
        self.reason = reason
        self.set()


@dataclass(frozen=True)
class Start:
    """What distinguishes one run of a plan from the others."""

    run: int
    seed: int
    launcher: Launcher
    evict: Callable[[], CacheResult]  # makes the data files cold; called once, just before the run
    stop: Stop = field(default_factory=Stop)
    witness: Witness | None = None


@dataclass
class _Outcome:
    """What is known of a run so far; it is kept when the run ends early."""

    status: str = "failed"
    reason: str | None = None
    exit_code: int | None = None
    peak_rss_bytes: int | None = None
    telemetry_problems: list[str] = field(default_factory=list)
    cache: dict[str, Any] = field(default_factory=dict)
    journal: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    outlived: list[str] = field(default_factory=list)
    loaded: dict[str, str] | None = None  # files of this tree that the implementation's process loaded

    def fail(self, reason: str) -> None:
        """The run does not count."""
        self.status, self.reason = "failed", reason


def draw_seed(used: set[int]) -> int:
    """A seed from the operating system's entropy that no run of this entry had (Training rules 5.1)."""
    while True:
        seed = secrets.randbelow(2**31 - 1) + 1
        if seed not in used and seed != COMMON_SEED:
            return seed


def run_once(plan: RunPlan, start: Start, display: Display) -> RunRecord:
    """Do one run, on its own or as one of several at the same time.

    Finished runs are moved into the package, failed ones into failed/; the record's status tells
    which. Raises KeyboardInterrupt after having kept what there is, and OSError when the disk is full
    or cannot be written.
    """
    files = RunFiles(part_dir(plan.layout, start.run))
    if files.root.exists():
        shutil.rmtree(files.root)
    files.root.mkdir(parents=True)
    started_wall_s, started_s = time.time(), time.monotonic()
    outcome, tree = _Outcome(), tree_files()
    spec = plan.spec(start.run, start.seed, files)
    write_atomic(files.spec, spec.to_json())
    interrupted: KeyboardInterrupt | None = None
    display.run_started(start.run, plan.request.runs, start.seed)
    try:
        with open_journal(files.root / PART_RESULT, files.timeline, display.event) as journal:
            if start.witness:
                journal.on_event = start.witness.following(start.run, journal, display.event)
            try:
                _attempt(plan, start, files, journal, outcome, display)
            finally:
                outcome.journal = journal.record()
        _unchanged(journal, outcome)
    except KeyboardInterrupt as interrupt:
        outcome.status, outcome.reason, interrupted = "interrupted", start.stop.reason, interrupt
    duration_s = time.monotonic() - started_s
    record = _record(plan, start, spec, outcome, started_wall_s, duration_s)
    record = structs.replace(record, software={**software(), **code(tree, tree_files(), outcome.loaded)})
    record = _settle(plan, files, record, display.note)
    if start.witness:
        start.witness.close_run(record.run, record.status, record.files)
    display.run_finished(record)
    if interrupted:
        raise interrupted
    return record


def _record(
    plan: RunPlan, start: Start, spec: RunSpec, outcome: _Outcome, started_wall_s: float, duration_s: float
) -> RunRecord:
    return RunRecord(
        schema=RECORD_SCHEMA,
        run=start.run,
        status=outcome.status,
        reason=outcome.reason,
        seed=start.seed,
        command=plan.request.command,
        host=platform.node(),
        boot_id=boot_id(),
        started_wall_s=started_wall_s,
        finished_wall_s=time.time(),
        duration_s=round(duration_s, 6),
        exit_code=outcome.exit_code,
        cache=outcome.cache,
        spec=json.loads(spec.to_json()),
        software={},
        files={},
        peak_rss_bytes=outcome.peak_rss_bytes,
        telemetry_problems=outcome.telemetry_problems,
        journal=outcome.journal,
        environment=outcome.environment,
        outlived=outcome.outlived,
    )


def _unchanged(journal: Journal, outcome: _Outcome) -> None:
    """Refuse a run whose log or timeline is not what the harness wrote."""
    changed = journal.changed()
    if changed:
        outcome.fail(f"{' and '.join(changed)} changed while the run was on: not what the harness wrote")


def _attempt(
    plan: RunPlan, start: Start, files: RunFiles, journal: Journal, outcome: _Outcome, display: Display
) -> None:
    """Evict, start the samplers and the implementation, and follow it to its end."""
    _head(plan, start, journal, outcome)
    launcher = start.launcher
    inherited = run_environment(
        os.environ, plan.recipe.environment.preload, own_command=plan.recipe.command is not None
    )
    outcome.environment = inherited.record(os.environ)
    environment = {
        **inherited.variables,
        **launcher.environment(),
        SPEC_VARIABLE: str(files.spec.absolute()),
        "PYTHONUNBUFFERED": "1",
        LOCKING: os.environ.get(LOCKING, "FALSE"),
    }
    _say_stripped(inherited, display)
    problem = write_bill(files.bill, inherited.kept, plan.request.command[0] == "python")
    if problem:
        display.note(problem)
    command = launcher.command(_started(plan))
    with (
        NodeSamplers(launcher, files, plan.recipe.telemetry.interval_s, inherited.variables) as samplers,
        SecondaryFile(files.output, display.note) as output,
    ):
        with Child(command, environment, output) as child:
            samplers.watch(child.pid)
            try:
                _follow(plan, child, _Sink(journal, output, display, outcome), samplers, start.stop)
                outcome.exit_code = child.wait()
            except (Overtime, Silence) as problem:
                outcome.status, outcome.reason = "timeout", str(problem)
            finally:
                outcome.telemetry_problems = samplers.problems
        outcome.exit_code = child.exit_code
        outcome.peak_rss_bytes = child.peak_rss_bytes if launcher.here else None
        outcome.outlived = child.outlived
    for name in child.outlived:
        display.note(f"{name} was still running when the implementation had ended, and was ended")
    outcome.telemetry_problems = samplers.problems  # those of ending them, too
    for trouble in samplers.problems:
        display.note(f"telemetry of {trouble}")
    if outcome.status != "timeout":
        outcome.status, outcome.reason = _ending(outcome.exit_code, journal.run_status)


def _head(plan: RunPlan, start: Start, journal: Journal, outcome: _Outcome) -> None:
    """The harness' own lines: whose run this is, on which data, and that the data files are cold."""
    logger = logger_to(journal.harness)
    for key, value in plan.identity().items():
        logger.event(key, value)
    logger.event("dataset_digest", plan.described.dataset.digest)
    if plan.described.data.prepared_digest:
        logger.event("prepared_digest", plan.described.data.prepared_digest)
    cleared = start.evict()
    outcome.cache = asdict(cleared)
    details = {key: value for key, value in outcome.cache.items() if key != "cleared"}
    logger.event("cache_clear", cleared.cleared, metadata=details)


def _started(plan: RunPlan) -> list[str]:
    """The words that start the implementation: for the reference, the one of this tree and no other of its name."""
    command = plan.request.command
    if plan.recipe.command is None:
        return start_module("reference", report=True)
    return [sys.executable, *command[1:]] if command[0] == "python" else command


def _say_stripped(inherited: Environment, display: Display) -> None:
    if inherited.stripped:
        display.note(
            f"not passed on to the run: {', '.join(inherited.stripped)} (environment.preload in the recipe declares "
            "what it needs)"
        )


@dataclass
class _Sink:
    """Where the lines of a run go."""

    journal: Journal
    output: SecondaryFile
    display: Display
    outcome: _Outcome


def _follow(
    plan: RunPlan,
    child: Child,
    sink: _Sink,
    samplers: NodeSamplers,
    stop: Stop,
) -> None:
    limits = plan.recipe.limits
    next_look_s = 0.0
    for line in child.lines(limits.run_s, limits.silence_s):
        if line is not None:
            _sort(line, sink)
        if stop.is_set():
            raise KeyboardInterrupt
        now = time.monotonic()
        if now >= next_look_s:
            next_look_s = now + LOOK_S
            for trouble in samplers.look():
                sink.display.note(f"telemetry of {trouble}")
            sink.display.utilisation(samplers.latest())


def _sort(line: Line, sink: _Sink) -> None:
    """MLLOG lines go to the log, progress to the display only, the rest to output.log."""
    if line.text.startswith(TOKEN):
        sink.journal.write(line.text, "child", line.monotonic_s, line.wall_s)
    elif line.text.startswith(CODE_TOKEN):
        sink.outcome.loaded = loaded_files(line.text[len(CODE_TOKEN) :])
    elif line.text.startswith(PROGRESS_TOKEN):
        try:
            progress = json.loads(line.text[len(PROGRESS_TOKEN) :])
        except ValueError:
            return
        if isinstance(progress, dict):
            sink.display.progress(progress)
    else:
        sink.output.write(line.text.encode() + b"\n")


def _ending(exit_code: int | None, run_status: str | None) -> tuple[str, str | None]:
    """Status of a run whose process has ended, and the reason when it failed."""
    if exit_code != 0:
        how = (
            f"was ended by signal {-exit_code}"
            if exit_code is not None and exit_code < 0
            else f"exit code {exit_code}"
        )
        return "failed", f"the implementation failed: {how}"
    if run_status not in FINISHED:
        return "failed", f"the log has no run_stop with status success or aborted (status: {run_status})"
    return run_status, None


def _digest(path: Path, secondary: bool, say: Callable[[str], None]) -> str | None:
    """SHA-256 of a file, read twice where the file system fails; None, with a note, where a secondary one fails again.

    Raises OSError for the others.
    """
    try:
        with contextlib.suppress(OSError):
            return sha256(path)
        return sha256(path)
    except OSError as error:
        if not secondary:
            raise
        say(f"{path.name} cannot be read back ({error.strerror}): run.json has no digest of it")
        return None


def _settle(plan: RunPlan, files: RunFiles, record: RunRecord, say: Callable[[str], None]) -> RunRecord:
    """Digest the evidence, write run.json and move everything to its place."""
    layout, run = plan.layout, record.run
    found = sorted(p for p in files.root.iterdir() if p.is_file() and not p.name.startswith("."))
    digests = {p: digest for p in found if (digest := _digest(p, p.name != PART_RESULT, say))}
    record = structs.replace(record, files={package_name(p.name, layout, run): d for p, d in digests.items()})
    write_json(files.record, structs.asdict(record))
    if record.status in FINISHED:
        files.root.rename(layout.run_dir(run))
        place_result(layout, run)
    else:
        set_aside(layout, files.root)
        if plan.recipe.evidence.checkpoints == "challenge":  # nobody asks for those of a failed attempt
            shutil.rmtree(checkpoint_dir(layout, record.seed), ignore_errors=True)
    return record
