"""The facts of a run: computed once, while its log is in memory.

`FactsMaker` makes them for the runs of one package, and lets equal parts of different runs share one
object: settings, data set, software and command hardly differ between ten thousand runs.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeVar

from msgspec.structs import replace

from reference.protocol.keys import COMMITMENT_KEY
from rules.facts.curves import learning_curve, phase_spans
from rules.facts.log_reading import (
    converged,
    durations,
    evaluations,
    run_start,
    run_stop,
    status,
    time_ms,
)
from rules.facts.node_energy import READING, run_energy
from rules.facts.run_clock import RunClock, run_clock
from rules.model.evidence import RunRecord
from rules.model.log import Event, Log, Statement
from rules.model.run import Run
from rules.model.run_facts import ClockSpan, Evaluated, PowerFile, RunFacts, Seed, Settings, Timed
from rules.model.values import is_int, is_number
from rules.ruleset import Ruleset

T = TypeVar("T")
MAX_TEXT = 200  # characters of a logged value that are kept
MAX_PARTS = 200  # entries of a mapping or a command that are kept
EDGE_EPOCHS = 8  # at either end of a run, whose losses are compared with those of other runs
DIGITS = 32  # of a digest: 128 bits
FEW_READINGS = 5  # of a meter: fewer may be equal by chance


class FactsMaker:
    """Makes the facts of the runs of one package, by one ruleset."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._shared: dict[str, Any] = {}

    def facts(self, run: Run) -> RunFacts:
        """Everything that rules about packages, the score and the report will ask of this run."""
        log, ruleset = run.log, self._ruleset
        clock = run_clock(log, run.timeline, ruleset)
        accuracies = evaluations(log, ruleset.quality.key)
        result = log.last("result")
        return RunFacts(
            index=run.index,
            path=run.path,
            log_sha256=log.sha256,
            settings=Settings(run.path, self._statements(log)),
            timed=_timed(log),
            status=status(log),
            converged=converged(log, ruleset),
            time_to_train_s=clock.time_to_train_s,
            timed_by=clock.name,
            ran_s=_ran_s(clock),
            last_evaluation=_evaluated(accuracies[-1]) if accuracies else None,
            seeds=seeds_of(log),
            first_accuracies=_first_accuracies(log, ruleset),
            first_evaluation_line=accuracies[0].event.line if accuracies else None,
            first_losses=_first_losses(log, ruleset),
            edge_losses=_edge_losses(log, ruleset),
            edge_states=_edge_states(log),
            epoch_times_ms=tuple(took for _, took in durations(log, "epoch") if took is not None),
            test_metrics=_test_metrics(result),
            result_line=result.line if result else None,
            clock=_clock(run),
            record=self._record(run),
            telemetry=tuple(run.telemetry),
            packages=self._share(run.bill.packages if run.bill else None),
            science=_overall(run.science),
            evidence_dir=run.evidence_dir,
            weights_sha256=run.weights_sha256,
            power=tuple(_power_file(name, file) for name, file in run.power.items()),
            energy=run_energy(run),
            problems=tuple(run.problems),
            samples_per_s=_samples_per_s(clock),
            seconds_per_scene=_seconds_per_scene(result),
            curve=learning_curve(clock, ruleset.quality.key),
            phases=phase_spans(clock),
        )

    def _statements(self, log: Log) -> dict[str, Statement]:
        """What the log states under the keys of the ruleset."""
        found = ((key, log.stated(key)) for key in self._ruleset.keys)
        return {
            key: self._share((_bounded(statement[0]), statement[1]))
            for key, statement in found
            if statement is not None
        }

    def _record(self, run: Run) -> RunRecord | None:
        """What is asked of run.json when the run is over: not its spec, its files and its cache."""
        record = run.record
        if record is None:
            return None
        return replace(
            record,
            reason=_bounded(record.reason),
            host=_bounded(record.host),
            boot_id=_bounded(record.boot_id),
            command=self._share([_bounded(word) for word in record.command[:MAX_PARTS]]),
            software=self._share(_bounded_parts(record.software)),
            cache={},
            spec={},
            files={},
            telemetry_problems=[],
            journal={},
            environment={},
            outlived=[],
        )

    def _share(self, value: T) -> T:
        """The first value that was equal to this one in type and content."""
        shared: T = self._shared.setdefault(repr(value), value)
        return shared


def _bounded(value: Any) -> Any:
    """A logged value; a long one as its beginning and a digest, so that equal ones stay equal."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, (list, dict)) else ""
    if isinstance(value, int) and abs(value) >= 2**64:
        text = hex(value)
    elif len(text) <= MAX_TEXT:
        return value
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{text[:MAX_TEXT]}... ({len(text)} characters, SHA-256 {digest}...)"


def _bounded_parts(values: dict[str, Any]) -> dict[str, Any]:
    """The first entries of an untrusted mapping, each bounded."""
    return {_bounded(name): _bounded(value) for name, value in list(values.items())[:MAX_PARTS]}


def _overall(science: Any) -> dict[str, Any] | None:
    """The numbers over all test scenes; None where there is no science.json."""
    if not isinstance(science, dict):
        return None
    overall = science.get("overall")
    numbers = overall.items() if isinstance(overall, dict) else ()
    return {"overall": {name: value for name, value in list(numbers)[:MAX_PARTS] if is_number(value)}}


def _evaluated(found: Any) -> Evaluated:
    return Evaluated(found.epoch, found.value, found.event.line)


def _timed(log: Log) -> Timed:
    start, stop = run_start(log), run_stop(log)
    return Timed(time_ms(start), time_ms(stop), start.line if start else None)


def seeds_of(log: Log) -> tuple[Seed, ...]:
    """Logged seeds; "7" and 7.0 are not integers (SED002), but seed what 7 seeds."""
    found = ((meant_seed(e.value), e.line) for e in log.all("seed"))
    return tuple(Seed(value, line) for value, line in found if value is not None)


def meant_seed(value: Any) -> int | None:
    """The integer that a logged seed stands for; None when there is none."""
    if is_int(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**64:
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*\d{1,20}\s*", value) else None


def _first_accuracies(log: Log, ruleset: Ruleset) -> tuple[float, ...]:
    """Accuracies of as many epochs as are compared, rounded; empty where there are fewer."""
    convergence = ruleset.convergence
    values = [e.value for e in evaluations(log, ruleset.quality.key) if e.value is not None]
    if len(values) < convergence.cut_epochs:
        return ()
    return tuple(round(v, convergence.digits) for v in values[: convergence.cut_epochs])


def _first_losses(log: Log, ruleset: Ruleset) -> tuple[tuple[str, float], ...]:
    """First losses of a run, in full precision, so that two random runs do not agree by chance."""
    marks: list[tuple[str, float]] = []
    found = [e.value for e in evaluations(log, ruleset.quality.loss_key)][:1]
    marks += [("eval", v) for v in found if v is not None]
    for loss in _train_losses(log.all("tracked_stats")[:1]):
        if is_number(loss):
            marks.append(("train", float(loss)))
    return tuple((kind, v) for kind, v in marks if v != round(v, 4))


def _edge_losses(log: Log, ruleset: Ruleset) -> tuple[float, ...]:
    """Losses of the first and the last epochs that are not round numbers."""
    found: list[Any] = []
    for series in (
        [e.value for e in log.all(ruleset.quality.loss_key)],
        _train_losses(log.all("tracked_stats")),
    ):
        known = [loss for loss in series if is_number(loss) and loss != round(loss, 4)]
        found += dict.fromkeys([*known[:EDGE_EPOCHS], *known[-EDGE_EPOCHS:]])
    return tuple(found)


def _edge_states(log: Log) -> tuple[tuple[str, int], ...]:
    """What was committed in the first and the last epochs: weights and optimiser together, shortened."""
    made = [
        (f"{e.value[:DIGITS]} {optimiser[:DIGITS]}", e.line)
        for e in log.all(COMMITMENT_KEY)
        if isinstance(e.value, str) and isinstance(optimiser := e.metadata.get("optimizer_digest"), str)
    ]
    return tuple(dict.fromkeys([*made[:EDGE_EPOCHS], *made[-EDGE_EPOCHS:]]))


def _train_losses(stats: list[Event]) -> list[Any]:
    return [e.value.get("train_loss") for e in stats if isinstance(e.value, dict)]


def _test_metrics(result: Event | None) -> tuple[tuple[str, float], ...]:
    """Metrics on the test scenes that are not round numbers."""
    stated = result.value.items() if result and isinstance(result.value, dict) else ()
    found: list[tuple[str, float]] = []
    for name, entry in stated:
        value = entry.get("value") if isinstance(entry, dict) else None
        if name.startswith("test_") and is_number(value) and value != round(value, 3):
            found.append((name, value))
    return tuple(sorted(found))


def _clock(run: Run) -> ClockSpan | None:
    if not run.timeline:
        return None
    first, last = run.timeline[0], run.timeline[-1]
    return ClockSpan(first.monotonic_s, last.monotonic_s, first.wall_s - first.monotonic_s)


def _power_file(name: str, log: Log) -> PowerFile:
    values = [e.value for e in log.all(READING) if is_number(e.value)]
    constant = len(values) < FEW_READINGS or len(set(values)) == 1
    fingerprint = None if constant else hashlib.sha256(repr(values).encode()).hexdigest()
    return PowerFile(name, log.path, fingerprint)


def _ran_s(clock: RunClock) -> tuple[float, float] | None:
    start, stop = clock.at_s(run_start(clock.log)), clock.at_s(run_stop(clock.log))
    return None if clock.timeline is None or start is None or stop is None else (start, stop)


def _samples_per_s(clock: RunClock) -> float | None:
    """Training patches per second of the timed run, evaluation included."""
    last, time_s = clock.log.last("epoch_stop"), clock.time_to_train_s
    samples = last.metadata.get("samples_count") if last else None
    return samples / time_s if is_int(samples) and 0 < samples < 2**53 and time_s else None


def _seconds_per_scene(result: Event | None) -> float | None:
    entry = result.value.get("seconds_per_scene") if result and isinstance(result.value, dict) else None
    value = entry.get("value") if isinstance(entry, dict) else None
    return float(value) if is_number(value) and 0 < value < 1e9 else None
