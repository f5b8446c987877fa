"""Where the parts of an experiment lie: one folder, named by the experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rules.model.layout import PackageLayout

EXPERIMENTS = "experiments"  # folder in the workspace's data folder
_TRIAL = "trial_"


@dataclass(frozen=True)
class Places:
    """Paths of one experiment on one machine, or on a file system that several share."""

    root: Path
    system: str

    @property
    def header(self) -> Path:
        """What all trials have in common."""
        return self.root / "experiment.json"

    @property
    def sqlite(self) -> Path:
        """Optuna's storage on one machine."""
        return self.root / "study.sqlite"

    @property
    def journal(self) -> Path:
        """Optuna's storage on a shared file system."""
        return self.root / "study.journal"

    @property
    def lock(self) -> Path:
        """Held while a trial is begun or ended."""
        return self.root / ".lock"

    def trial(self, number: int) -> PackageLayout:
        """A trial's log and evidence, laid out as a package."""
        return PackageLayout(self.root / "trials" / f"{_TRIAL}{number:04d}", self.system)

    def trial_lock(self, number: int) -> Path:
        """Held as long as a trial is on."""
        return self.trial(number).root / ".lock-trial"

    def record(self, number: int) -> Path:
        """What came of a trial."""
        return self.trial(number).root / "trial.json"


def trial_records(root: Path) -> list[Path]:
    """The records of all trials in an experiment's folder, in order."""
    return sorted((root / "trials").glob(f"{_TRIAL}*/trial.json"))
