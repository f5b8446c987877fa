"""The whole package, and ways to change it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.package.manifest import write_manifest
from rules.model.layout import RESULT_PATTERN, PackageLayout, RunFiles
from tests.support.builders.evidence import seal_record, write_evidence, write_timeline
from tests.support.builders.files import Lines, events_of, mllog_text, sha256, write, write_json
from tests.support.builders.header import make_dataset, make_plan, write_code, write_system
from tests.support.builders.log import LogWriter, log_inference, log_settings, log_submission, log_training
from tests.support.builders.options import BASE_WALL_S, RUN_PITCH_S, PackageOptions, RunOptions
from tests.support.builders.telemetry import write_power
from tests.support.builders.witness import WitnessWriter, witnessed_seeds


class BuiltPackage:
    """Where the package is, and ways to spoil it."""

    def __init__(self, layout: PackageLayout, options: PackageOptions) -> None:
        self.layout = layout
        self.options = options

    @property
    def root(self) -> Path:
        """The folder of the organisation."""
        return self.layout.root

    def run_files(self, run: int) -> RunFiles:
        """Paths of the evidence of a run."""
        return RunFiles(self.layout.run_dir(run))

    def events(self, run: int) -> Lines:
        """The events of a log."""
        return events_of(self.layout.result(run).read_text().splitlines())

    def edit_events(self, run: int, change: Callable[[Lines], Lines | None], reseal: bool = True) -> None:
        """Rewrite one log; `change` edits the list in place or returns a new one."""
        events = self.events(run)
        result = change(events)
        events = events if result is None else result
        self.layout.result(run).write_text(mllog_text(events))
        if reseal:
            self.reseal()

    def edit_text(self, path: Path, change: Callable[[str], str], reseal: bool = True) -> None:
        """Rewrite a text file."""
        path.write_text(change(path.read_text()))
        if reseal:
            self.reseal()

    def edit_json(self, path: Path, change: Callable[[Any], Any], reseal: bool = True) -> None:
        """Rewrite a JSON file; `change` edits the value in place or returns a new one."""
        value = json.loads(path.read_text())
        result = change(value)
        path.write_text(json.dumps(value if result is None else result, indent=1))
        if reseal:
            self.reseal(timeline=False)

    def reseal(self, timeline: bool = True) -> None:
        """Make timeline, run.json's digests and the manifest agree with the logs as they are now."""
        for path in sorted(self.layout.results_dir.glob("result_*.txt")):
            match = RESULT_PATTERN.match(path.name)
            files = self.run_files(int(match[1])) if match else None
            if files is None or path.is_symlink() or not files.record.exists():
                continue
            if timeline and files.timeline.exists():
                write_timeline(files.timeline, path.read_text(errors="replace").splitlines())
            seal_record(files, path)
        write_manifest(self.root)


def build_package(root: Path, options: PackageOptions | None = None, **changes: Any) -> BuiltPackage:
    """Write a compliant package to root/<org>; keyword arguments change single options."""
    options = replace(options or PackageOptions(), **changes)
    layout = PackageLayout(root / options.org, options.system)
    dataset = make_dataset(options)
    write_json(layout.dataset, {"schema": 1, **asdict(dataset)})
    write_system(layout, options)
    recipe = write_code(layout, options)
    write_json(layout.plan, make_plan(options, recipe, dataset))
    witness = WitnessWriter(layout.witness) if options.witness else None
    if witness:
        options = replace(options, seeds=witnessed_seeds(witness.register(layout.plan), options.runs))
    for run in range(options.runs):
        one = RunOptions(options, dataset, run)
        _write_run(layout, one)
        if witness:
            witness.run(layout, run, one.seed, run)
    if witness:
        witness.package(layout, BASE_WALL_S + options.runs * RUN_PITCH_S)
    write_manifest(layout.root)
    return BuiltPackage(layout, options)


def _write_run(layout: PackageLayout, run: RunOptions) -> None:
    rng = random.Random(f"{run.seed}-{run.number}")
    files = RunFiles(layout.run_dir(run.number))
    log = LogWriter(round(run.started_wall_s * 1000), rng)
    log_submission(log, run)
    harness_lines = len(log.lines)
    log_settings(log, run)
    log_training(log, run, rng)
    if run.options.weights:
        weights = f"weights of run {run.number} of {run.options.system} from seed {run.seed}\n"
        write(files.weights, weights)
        log.event("weights_digest", sha256(weights))
    result_line, scores = log_inference(log, run, rng)
    result = layout.result(run.number)
    write(result, "".join(line + "\n" for line in log.lines))
    if run.options.power:
        write_power(layout, run, log.lines)
    write_evidence(files, run, log, harness_lines, {**result_line, "overall": scores})
    seal_record(files, result)
