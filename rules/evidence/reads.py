"""EVD: a data set that was evicted is read again, from disk or over the network."""

from __future__ import annotations

from collections.abc import Iterator

from rules.evidence.caches import shard_bytes
from rules.facts.log_reading import run_start, run_stop, stated, time_ms
from rules.facts.needs import dataset_of, telemetry_of
from rules.facts.quantities import of_name
from rules.model.evidence import Telemetry
from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.run import Run
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

LEAST_READINGS = 3  # one a second; what is read after the last one of a run lies outside of it


@rule(
    "EVD052",
    "What was evicted is read again",
    Scope.RUN,
    source="TR 6.1; sources C8, C9; evidence of this rulebook",
    fix="Let the harness evict the data before each run, and let nothing read it until run_start.",
)
def read_again(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Training opens each scene (or shard) once at least: on empty caches its bytes come from a disk or
    through the network while the clock runs. A machine that read nothing had them in memory. Where the
    storage reaches a node past both counters (RDMA), that is all that is known, and a warning."""
    event = run.log.last("cache_clear")
    if event is None or event.value is not True:
        raise NotApplicable("no eviction is claimed")
    if run.package.scaling == WEAK:
        raise NotApplicable(
            "models that train at the same time read the same files: one of them pays for all"
        )
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    dataset = dataset_of(run)
    if start is None or stop is None or stop <= start:
        raise NotApplicable("run_start or run_stop is missing")
    sums = [_read_bytes(t, (stop - start) / 1000) for t in telemetry_of(run)]
    known = [s for s in sums if s is not None]
    if len(known) < len(sums):
        raise NotChecked("telemetry has no counters of disks")
    if any(
        q.samples < LEAST_READINGS
        for t in telemetry_of(run)
        for q in of_name(t.quantities, "disk_read", "node")
    ):
        raise NotChecked(f"fewer than {LEAST_READINGS} readings of disks lie in the timed run")
    sharded = stated(run.settings, "prepared_digest") is not None
    size = sum(shard_bytes(dataset)) if sharded else sum(f.size_bytes for f in dataset.train)
    needed = ruleset.evidence.read_share * size
    if sum(known) < needed:
        yield self.finding(
            f"{sum(known) / 1e6:.1f} MB were read during the run, its training data has {size / 1e6:.1f} MB",
            severity=Severity.WARNING if _remote(run, ruleset) else Severity.ERROR,
            path=run.telemetry[0].path,
            expected=f">= {needed / 1e6:.1f} MB",
            actual=round(sum(known)),
        )


def _read_bytes(sampled: Telemetry, window_s: float) -> float | None:
    """Bytes from disks and network within the run; None without counters. The first reading of a rate
    covers the time since the one before, so that the readings together cover the run."""
    disks = of_name(sampled.quantities, "disk_read", "node")
    if not disks:
        return None
    network = of_name(sampled.quantities, "network_receive", "node")
    return sum((q.mean or 0.0) * (window_s + window_s / max(q.samples, 1)) for q in [*disks, *network])


def _remote(run: Run, ruleset: Ruleset) -> bool:
    """Whether the description names storage that a node may reach past its counters."""
    fields = run.package.system.fields if run.package.system else {}
    text = f"{fields.get('host_storage_type', '')} {fields.get('host_networking', '')}".lower()
    return any(word in text for word in ruleset.evidence.remote_storage)
