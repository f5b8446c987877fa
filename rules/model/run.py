"""What a rule about one run can see: its log, the evidence beside it, and the header of its package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rules.model.evidence import Bill, Pictured, Replay, RunRecord, Telemetry
from rules.model.layout import RunFiles
from rules.model.log import Log, LogSettings, Stated, Timeline
from rules.model.package import PackageHeader


class Run(msgspec.Struct):
    """Everything known of one run while its log is in memory."""

    index: int
    log: Log
    package: PackageHeader
    pruned: bool = False  # weak scaling: trained, not scored (HR 7.2)
    record: RunRecord | None = None
    timeline: Timeline | None = None
    telemetry: list[Telemetry] = []
    science: dict[str, Any] | None = None
    gallery: list[Pictured] | None = None  # what its pictures show
    bill: Bill | None = None  # what was installed (sbom.cdx.json)
    evidence_dir: Path | None = None
    weights_sha256: str | None = None  # of the file in the package
    replay: Replay | None = None  # only when it was asked for
    file_digests: dict[str, str] = {}  # evidence file name -> SHA-256 as it is now
    power: dict[str, Log] = {}  # power/result_<i>/: file name -> readings
    # SHA-256 of the first n lines of log and timeline, for each n that the witness stamped
    log_prefixes: dict[int, str] = {}
    timeline_prefixes: dict[int, str] = {}
    problems: list[str] = []  # evidence that could not be read, one line each

    @property
    def cut_off(self) -> bool:
        """Whether the run was pruned before it ended: its log may stop anywhere."""
        return self.pruned and self.log.last("run_stop") is None

    @property
    def division(self) -> str | None:
        """As logged."""
        value = self.log.value("submission_division")
        return value if isinstance(value, str) else None

    @property
    def settings(self) -> Mapping[str, Stated]:
        """Logged values by MLLOG key; the first statement counts."""
        return LogSettings(self.log)

    @property
    def files(self) -> RunFiles:
        """Where the evidence of the run lies, relative to the package, as findings name it."""
        return self.package.evidence_of(self.index)

    @property
    def path(self) -> str:
        """Of the log, relative to the package."""
        return self.log.path
