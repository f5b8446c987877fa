"""What the panels of a report are built from: the package, its verdict and score, and its telemetry."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.report.drawing.text import clean
from harness.report.model import DatasetCard, Identity
from harness.score.model import RunScore, Score
from harness.telemetry.reader.reader import TelemetryFile
from harness.untrusted.hdf5_guard import Reader
from rules.model.findings import Verdict
from rules.model.package import Package
from rules.model.run_facts import RunFacts

MAX_RUNS = 200
MAX_NODES = 16  # nodes of one run whose telemetry is read
MAX_VALUES = 60_000_000  # readings of all telemetry files together: 500 MB


@dataclass(frozen=True)
class Material:
    """Everything a panel may use. Panels read it and change nothing."""

    package: Package
    verdict: Verdict
    score: Score
    identity: Identity
    dataset: DatasetCard | None
    runs: list[RunFacts]  # the first MAX_RUNS of the package
    shown: RunFacts | None  # the run whose details are shown
    reader: Reader  # of HDF5 files, in a process of its own
    telemetry: dict[int, list[TelemetryFile]] = field(default_factory=dict)  # by run, one file per node

    def score_of(self, run: RunFacts) -> RunScore | None:
        """The result of one run; None when it was not scored."""
        return next((one for one in self.score.runs if one.index == run.index), None)


def representative(runs: list[RunFacts], score: Score) -> RunFacts | None:
    """The run whose details are shown: the median of the scored ones, else the first."""
    kept = [s for s in score.runs if s.time_to_train_s is not None and not s.dropped]
    order = sorted(kept, key=lambda s: (s.time_to_train_s or 0.0, s.index))
    wanted = order[(len(order) - 1) // 2].index if order else None
    return next((run for run in runs if run.index == wanted), runs[0] if runs else None)


def telemetry_paths(run: RunFacts) -> list[Path]:
    """What the samplers of a run wrote, one file per node."""
    return sorted(run.evidence_dir.glob("telemetry_node_*.h5")) if run.evidence_dir else []


def read_telemetry(runs: list[RunFacts], reader: Reader, notes: list[str]) -> dict[int, list[TelemetryFile]]:
    """Telemetry of all runs by index, within one bound on memory. Adds what cannot be read to `notes`."""
    left = MAX_VALUES
    found: dict[int, list[TelemetryFile]] = {run.index: [] for run in runs}
    for run in runs:
        for path in telemetry_paths(run)[:MAX_NODES]:
            if path.is_symlink():
                continue
            try:
                file = reader.telemetry(path, left)
            except ValueError as error:
                notes.append(f"run {run.index}: {clean(error)}")
                continue
            left -= sum(t.size for t in file.times.values()) + sum(s.values.size for s in file.series)
            found[run.index].append(file)
    return found
