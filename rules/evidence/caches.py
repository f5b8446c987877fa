"""EVD: the data set was evicted from the page cache before each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.log_reading import stated
from rules.facts.needs import dataset_of, record_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Dataset
from rules.model.run import Run
from rules.model.values import is_int, is_number, same, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "EVD012",
    "Caches were cleared before the run, and it was verified",
    Scope.RUN,
    source="TR 6.1; SP 6.1; sources C8, C9, B10, W14, case 15",
    fix="Keep the data on durable storage (not tmpfs); let nothing else read it; give drop_caches if needed.",
)
def cache_cleared(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Data that is still in memory from the run before need not be read again. Upstream's check cannot fail."""
    for event in run.log.all("cache_clear"):
        where: dict[str, Any] = {"path": run.path, "line": event.line}
        if event.value is None and ruleset.evidence.cache_null:
            yield self.finding("cache_clear has no value", severity=Severity.WARNING, expected=True, **where)
            continue
        if event.value is not True:
            note = event.metadata.get("note")
            yield self.finding(
                f"cache_clear is {show(event.value)}{f': {show(note)}' if isinstance(note, str) else ''}",
                expected=True,
                actual=event.value,
                **where,
            )
            continue
        if not ruleset.evidence.cache_verified:
            continue
        size, left = event.metadata.get("bytes"), event.metadata.get("resident_bytes_after")
        if left is None:
            yield self.finding("eviction could not be verified", severity=Severity.WARNING, **where)
        elif not is_number(left) or not is_number(size) or left > ruleset.evidence.resident_share * size:
            yield self.finding(
                f"{show(left)} of {show(size)} bytes were still in memory",
                expected=f"<= {ruleset.evidence.resident_share:.0%}",
                actual=left,
                **where,
            )


@rule(
    "EVD013",
    "The whole data set was evicted",
    Scope.RUN,
    source="TR 6.1; sources C8",
    fix="Let the harness evict every data file of the run.",
)
def all_evicted(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Evicting half of the files leaves the other half warm. Prepared shards have to go too: one for
    each training scene."""
    dataset, event = dataset_of(run), run.log.first("cache_clear")
    files = [*dataset.train, *dataset.test]
    expected = [len(files), sum(f.size_bytes for f in files)]
    if stated(run.settings, "prepared_digest") is not None:
        shards = shard_bytes(dataset)
        expected = [len(files) + len(shards), expected[1] + sum(shards)]
    if event is None or event.value is not True:
        return  # EVD012 asks for the eviction
    actual = [event.metadata.get("files"), event.metadata.get("bytes")]
    if actual != expected:
        yield self.at(
            run,
            event,
            f"{show(actual[0])} files of {show(actual[1])} bytes were evicted, the data set has "
            f"{expected[0]} of {expected[1]}",
            expected=expected,
            actual=actual,
        )


def shard_bytes(dataset: Dataset) -> list[int]:
    """Sizes of the prepared shards: the patches of one training scene each, 9 float32 and a label a pixel."""
    height, width, patch = (dataset.geometry.get(n) for n in ("scene_height", "scene_width", "patch_size"))
    if not (is_int(height) and is_int(width) and is_int(patch) and patch > 0):
        raise NotChecked("the geometry in dataset.json is incomplete")
    patches = (height // patch) * (width // patch)
    return [patches * patch**2 * (9 * 4 + 1)] * len(dataset.train)


@rule(
    "EVD026",
    "run.json and the log agree on the cache",
    Scope.RUN,
    source="TR 6.1; sources C8, W14; the run protocol",
    fix="Package log and run.json of the same run.",
)
def one_cache(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness writes down twice what it evicted: a cache line that was made up does not agree."""
    cache, event = record_of(run).cache, run.log.last("cache_clear")
    if event is None:
        raise NotApplicable("no cache_clear is logged")
    for name in ("method", "files", "bytes", "resident_bytes_after"):
        recorded, logged = cache.get(name), event.metadata.get(name)
        if not same(recorded, logged):
            yield self.at(
                run,
                event,
                f"cache_clear says {name} {show(logged)}, run.json {show(recorded)}",
                expected=recorded,
                actual=logged,
            )
