"""One run under the rules: evict caches, start the implementation, watch and record everything.

The run happens in a `.part` folder that is renamed when it is finished, so that a package never
holds half a run, whatever happens to us.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from harness import __version__
from harness.core.files import sha256, write_atomic, write_json
from harness.core.mllog_lines import TOKEN, logger_to
from harness.core.processes import Child, Line, Overtime, Silence
from harness.machine.detect import tensorflow_version
from harness.machine.page_cache import CacheResult
from harness.plan.plan import RunPlan, identity, source_state
from harness.run.launch import Launcher, launcher_for
from harness.run.launch.nodes import NodeSamplers, evict_on_all
from harness.run.progress import Display
from reference.protocol.spec import SPEC_VARIABLE
from rules.model.evidence import RunRecord
from rules.model.layout import PackageLayout, RunFiles

PROGRESS = ":::PROGRESS "
REFERENCE = ["python", "-u", "-m", "reference"]  # python: the interpreter we run in
PACKAGES = ("keras", "numpy", "h5py", "mlperf-logging", "psutil", "nvidia-ml-py")
PART_RESULT = "result.txt"  # the log, until its run is finished
FINISHED = ("success", "aborted")  # runs that count; everything else is kept as failed


@dataclass
class _Journal:
    """Writes result.txt and timeline.jsonl line by line and remembers what the log said last."""

    result: IO[str]
    timeline: IO[str]
    on_event: Callable[[dict[str, Any]], None]
    lines: int = 0
    run_status: str | None = None
    seeds: list[Any] = field(default_factory=list)

    def write(self, text: str, source: str, monotonic_s: float, wall_s: float) -> None:
        self.lines += 1
        self.result.write(text + "\n")
        self.result.flush()
        arrival = {
            "line": self.lines,
            "monotonic_s": round(monotonic_s, 6),
            "wall_s": round(wall_s, 6),
            "source": source,
            "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
        }
        self.timeline.write(json.dumps(arrival) + "\n")
        self.timeline.flush()
        self._look(text)

    def harness(self, text: str) -> None:
        self.write(text, "harness", time.monotonic(), time.time())

    def _look(self, text: str) -> None:
        try:
            event = json.loads(text[len(TOKEN) :])
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        if event.get("key") == "run_stop" and isinstance(event.get("metadata"), dict):
            self.run_status = event["metadata"].get("status")
        self.on_event(event)


@contextmanager
def _journal(files: RunFiles, result: Path, on_event: Callable[[dict[str, Any]], None]) -> Iterator[_Journal]:
    with result.open("w", encoding="utf-8") as log, files.timeline.open("w", encoding="utf-8") as timeline:
        yield _Journal(log, timeline, on_event)


@dataclass
class _Outcome:
    status: str = "failed"
    reason: str | None = None
    exit_code: int | None = None
    peak_rss_bytes: int | None = None
    telemetry_problems: list[str] = field(default_factory=list)
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """One of several models trained at the same time: what differs from a run on its own."""

    launcher: Launcher  # its part of the nodes
    seed: int
    cleared: CacheResult  # once for all: evicting again would take data from those that read already
    stop: threading.Event  # set when all are to end


def draw_seed(used: set[int]) -> int:
    """A seed from the operating system's entropy that no run of this package had (Training rules 5.1)."""
    while True:
        seed = secrets.randbelow(2**31 - 1) + 1
        if seed not in used and seed != 1234:
            return seed


def run_once(
    plan: RunPlan, run: int, used_seeds: set[int], display: Display, instance: Instance | None = None
) -> RunRecord:
    """Do run number `run`, on its own or as one instance of several.

    Finished runs are moved into the package, failed ones into failed/. The record says
    which. Raises KeyboardInterrupt after having kept what there is, and OSError when the disk is full
    or cannot be written.
    """
    part = RunFiles(plan.layout.evidence_dir / f"result_{run}.part")
    if part.root.exists():
        shutil.rmtree(part.root)
    part.root.mkdir(parents=True)
    result = part.root / PART_RESULT
    seed = instance.seed if instance else draw_seed(used_seeds)
    command = plan.recipe.command or REFERENCE
    launcher = instance.launcher if instance else launcher_for(plan.recipe)
    started_wall_s, started_s = time.time(), time.monotonic()
    outcome = _Outcome()
    spec = plan.spec(run, seed, part)
    write_atomic(part.spec, spec.to_json())
    interrupted: KeyboardInterrupt | None = None
    display.run_started(run, plan.recipe.runs, seed)
    try:
        with _journal(part, result, display.event) as journal:
            _attempt(plan, launcher, command, part, journal, outcome, display, instance)
    except KeyboardInterrupt as interrupt:
        outcome.status, outcome.reason, interrupted = "interrupted", "interrupted by the user", interrupt
    record = RunRecord(
        schema=1,
        run=run,
        status=outcome.status,
        reason=outcome.reason,
        seed=seed,
        command=command,
        host=platform.node(),
        boot_id=_boot_id(),
        started_wall_s=started_wall_s,
        finished_wall_s=time.time(),
        duration_s=round(time.monotonic() - started_s, 6),
        exit_code=outcome.exit_code,
        cache=outcome.cache,
        spec=json.loads(spec.to_json()),
        software=software(),
        files={},
        peak_rss_bytes=outcome.peak_rss_bytes,
        telemetry_problems=outcome.telemetry_problems,
    )
    record = _settle(plan, part, record)
    display.run_finished(record)
    if interrupted:
        raise interrupted
    return record


def _attempt(
    plan: RunPlan,
    launcher: Launcher,
    command: list[str],
    files: RunFiles,
    journal: _Journal,
    outcome: _Outcome,
    display: Display,
    instance: Instance | None,
) -> None:
    logger = logger_to(journal.harness)
    for key, value in identity(plan.recipe, plan.layout).items():
        logger.event(key, value)
    logger.event("dataset_digest", plan.described.dataset.digest)
    if plan.described.data.prepared_digest:
        logger.event("prepared_digest", plan.described.data.prepared_digest)
    cleared = instance.cleared if instance else evict_on_all(launcher, plan.scenes)
    outcome.cache = asdict(cleared)
    logger.event(
        "cache_clear", cleared.cleared, metadata={k: v for k, v in outcome.cache.items() if k != "cleared"}
    )
    environment = {
        **os.environ,
        **launcher.environment(),
        SPEC_VARIABLE: str(files.spec.absolute()),
        "PYTHONUNBUFFERED": "1",
    }
    with (
        NodeSamplers(launcher, files, plan.recipe.telemetry.interval_s) as samplers,
        files.output.open("wb") as output,
    ):
        with Child(launcher.command(_resolved(command)), environment, output) as child:
            samplers.watch(child.pid)
            try:
                _follow(plan, child, journal, output, display, samplers, instance)
                outcome.exit_code = child.wait()
            except (Overtime, Silence) as problem:
                outcome.status, outcome.reason = "timeout", str(problem)
            finally:
                outcome.telemetry_problems = samplers.problems
        outcome.exit_code = child.exit_code
        outcome.peak_rss_bytes = child.peak_rss_bytes if launcher.here else None
    outcome.telemetry_problems = samplers.problems  # those of ending them, too
    for trouble in samplers.problems:
        display.note(f"telemetry of {trouble}")
    if outcome.status != "timeout":
        outcome.status, outcome.reason = _judge(outcome.exit_code, journal.run_status)


def _resolved(command: list[str]) -> list[str]:
    return [sys.executable, *command[1:]] if command[0] == "python" else command


def _follow(
    plan: RunPlan,
    child: Child,
    journal: _Journal,
    output: IO[bytes],
    display: Display,
    samplers: NodeSamplers,
    instance: Instance | None,
) -> None:
    limits = plan.recipe.limits
    next_look_s = 0.0
    for line in child.lines(limits.run_s, limits.silence_s):
        if line is not None:
            _sort(line, journal, output, display)
        if instance and instance.stop.is_set():
            raise KeyboardInterrupt
        now = time.monotonic()
        if now >= next_look_s:
            next_look_s = now + 1.0
            child.remember_tree()
            display.utilisation(samplers.latest())


def _sort(line: Line, journal: _Journal, output: IO[bytes], display: Display) -> None:
    """MLLOG lines are the result; progress is shown and forgotten; the rest is output."""
    if line.text.startswith(TOKEN):
        journal.write(line.text, "child", line.monotonic_s, line.wall_s)
    elif line.text.startswith(PROGRESS):
        try:
            progress = json.loads(line.text[len(PROGRESS) :])
        except ValueError:
            return
        if isinstance(progress, dict):
            display.progress(progress)
    else:
        output.write(line.text.encode() + b"\n")
        output.flush()


def _judge(exit_code: int | None, run_status: str | None) -> tuple[str, str | None]:
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


def _settle(plan: RunPlan, part: RunFiles, record: RunRecord) -> RunRecord:
    """Digest the evidence, write run.json and move everything to its place."""
    names = sorted(p for p in part.root.iterdir() if p.is_file() and not p.name.startswith("."))
    digests = {_package_name(p.name, record.run): sha256(p) for p in names}
    record = RunRecord(**{**asdict(record), "files": digests})
    write_json(part.record, asdict(record))
    if record.status in FINISHED:
        part.root.rename(plan.layout.run_dir(record.run))
        place_result(plan.layout, record.run)
    else:
        set_aside(plan.layout, part.root)
    return record


def _package_name(name: str, run: int) -> str:
    return f"result_{run}.txt" if name == PART_RESULT else name


def place_result(layout: PackageLayout, run: int) -> None:
    """Move a finished run's log from its evidence to results/ (again harmless)."""
    log = layout.run_dir(run) / PART_RESULT
    if log.exists():
        layout.result(run).parent.mkdir(parents=True, exist_ok=True)
        os.replace(log, layout.result(run))


def set_aside(layout: PackageLayout, folder: Path) -> Path:
    """Keep an unfinished run under failed/, marked by its number."""
    attempt = 0
    layout.failed_dir(attempt).parent.mkdir(parents=True, exist_ok=True)
    while True:
        target = layout.failed_dir(attempt)
        attempt += 1
        if target.exists():
            continue
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another instance was faster
                continue
            raise
        return target


def software() -> dict[str, Any]:
    """Versions that matter, and the state of our own source."""
    versions: dict[str, Any] = {
        "python": platform.python_version(),
        "cloudmask-harness": __version__,
        "tensorflow": tensorflow_version(),  # under any of its distribution names
    }
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {**versions, **source_state()}


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
