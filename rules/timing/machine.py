"""TIM: speeds and untimed work held against the machine that is described and was sampled."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import durations, stated, time_ms
from rules.facts.needs import system_of, telemetry_of
from rules.facts.quantities import described_threads, frequency_hz, largest, of_name, threads
from rules.model.evidence import Telemetry
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import System
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.timing.plausible import epoch_work

FEWEST_READINGS = 5  # of processor use: a mean of fewer depends on which second was read


@rule(
    "TIM020",
    "Epochs do not take less time than the described machine needs",
    Scope.RUN,
    source="64 GFLOP per patch of 256 x 256 forward and backward (measured); sources W11, H11; data sheets",
    fix="Describe the machine that ran; run again; do not edit times.",
)
def roofline(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The arithmetic of an epoch over its time is a speed; no machine is faster than its processors, times
    their clock, times what a core computes per cycle, or than the peak of its accelerators."""
    operations, nodes, accelerators = epoch_work(run, ruleset)
    each = _accelerator_peak(run, ruleset) if accelerators else _host_peak(run, ruleset)
    peak = nodes * (accelerators or 1) * each
    needed_s = operations / peak
    for span, took_ms in durations(run.log, "epoch"):
        if took_ms is not None and 0 < took_ms < 1000 * needed_s - 1:
            speed = operations / (took_ms / 1000)
            yield self.at(
                run,
                span.stop,
                f"epoch {span.epoch} took {took_ms / 1000:.3f} s: {speed:.3g} operations per second, the "
                f"described machine can do {peak:.3g}",
                expected=f">= {needed_s:.3f} s",
                actual=took_ms / 1000,
            )
            return


def _precision(run: Run) -> str:
    found = stated(run.settings, "lowest_numerical_precision_in_linear")
    return str(found.value) if found is not None else ""


def _accelerator_peak(run: Run, ruleset: Ruleset) -> float:
    """Operations per second of one accelerator in the precision of the run. Raises NotChecked."""
    model = str(system_of(run).fields.get("accelerator_model_name", ""))
    for name, peaks in ruleset.clock.accelerator_peaks.items():
        if name.lower() in model.lower().replace("-", " ").split():
            precision = _precision(run)
            known = peaks.get(precision, max(peaks.values()))
            # TF32 is what float32 convolutions use unless it was switched off (HYP009 asks)
            return max(known, peaks.get("tf32", 0.0)) if precision == "fp32" else known
    raise NotChecked(f"the peak of {show(model)} is not in the ruleset (clock.accelerator_peaks)")


def _host_peak(run: Run, ruleset: Ruleset) -> float:
    """Operations per second of one node. Raises NotChecked where threads or clock are not known."""
    count = max((threads(t) for t in run.telemetry), default=0) or described_threads(system_of(run).fields)
    if not count:
        raise NotChecked("the number of processors is not known")
    return count * _thread_peak(run, ruleset)


def _thread_peak(run: Run, ruleset: Ruleset) -> float:
    """Operations per second of one hardware thread in the precision of the run. Raises NotChecked."""
    per_cycle = ruleset.clock.core_flop_per_cycle.get(_precision(run))
    if per_cycle is None:
        raise NotChecked("what processors compute per cycle in the precision of the run is not known")
    return per_cycle * _frequency(run, system_of(run), ruleset)


def _frequency(run: Run, system: System, ruleset: Ruleset) -> float:
    """The highest clock that was sampled or described, in Hz; a described one may be without its boost."""
    sampled = [
        q.maximum * 1e6
        for t in run.telemetry
        for q in of_name(t.quantities, "cpu_frequency", "node")
        if q.maximum
    ]
    described = frequency_hz(system.fields.get("host_processor_frequency"))
    boost = 1.0 if sampled else ruleset.clock.boost
    known = [*sampled, *([described * boost] if described else [])]
    return min(max(known, default=ruleset.clock.fastest_hz), ruleset.clock.fastest_hz)


@rule(
    "TIM021",
    "The first epoch lies inside the clock",
    Scope.RUN,
    source="TR 11; sources C2 (cross-check of this rulebook)",
    fix="Log run_start before any data is read, and train all of the first epoch after it.",
)
def first_epoch(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The first epoch reads cold files and compiles, so it is the longest: one that is much shorter than any
    other was trained in part before run_start."""
    times = [took / 1000 for _, took in durations(run.log, "epoch") if took is not None and took > 0]
    if len(times) < 2:
        raise NotApplicable("a single epoch")
    share, least = ruleset.clock.first_epoch_share, min(times[1:])
    if times[0] < share * least and least - times[0] > ruleset.clock.first_epoch_slack_s:
        yield self.finding(
            f"epoch 1 took {times[0]:.3f} s, the shortest of the others {least:.3f} s",
            severity=Severity.ERROR if run.division != "open" else Severity.WARNING,
            path=run.path,
            expected=f">= {share * least:.3f} s",
            actual=times[0],
        )


@rule(
    "TIM022",
    "Initialisation does not compute as much as training does",
    Scope.RUN,
    source="TR 11; sources C2, C3 (cross-check of this rulebook)",
    fix="Train after run_start; warm up by a few steps on made-up data only.",
)
def work_before(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Initialisation loads libraries and compiles. Processor and accelerator seconds before run_start that
    come near those of an epoch are training that was left off the clock."""
    start, begin = time_ms(run.log.first("run_start")), time_ms(run.log.first("init_start"))
    stop, epochs = time_ms(run.log.last("run_stop")), len(run.log.all("epoch_stop"))
    if start is None or begin is None or stop is None or not epochs:
        raise NotApplicable("init_start, run_start, run_stop or epochs are missing")
    during_s, clock = (stop - start) / 1000, ruleset.clock
    for what, name, scope in (("processor", "cpu", "process_tree"), ("accelerator", "gpu_utilization", None)):
        spent_s = trained_s = parts = 0.0
        for sampled in telemetry_of(run):
            series = of_name(sampled.quantities, name, scope)
            before = {q.scope: q for q in of_name(sampled.before, name, scope)}
            parts += threads(sampled) if what == "processor" else len(series)
            for q in series:
                trained_s += (q.mean or 0.0) / 100 * during_s
                early, spacing_s = before.get(q.scope), during_s / max(q.samples, 1)
                if early is not None:
                    covered_s = min((start - begin) / 1000, early.samples * spacing_s)
                    spent_s += (early.mean or 0.0) / 100 * covered_s
        work_s = clock.init_work_s[what] + clock.init_all_s[what] * parts
        allowed_s = work_s + clock.init_work_epochs * trained_s / epochs
        if trained_s > 0 and spent_s > allowed_s:
            yield self.finding(
                f"{spent_s:.0f} {what} seconds before run_start, {trained_s / epochs:.0f} in an epoch",
                severity=Severity.ERROR if run.division != "open" else Severity.WARNING,
                path=run.path,
                expected=f"<= {allowed_s:.0f} s",
                actual=round(spent_s, 3),
            )


@rule(
    "TIM024",
    "The run used the processor time that its arithmetic needs",
    Scope.RUN,
    source="64 GFLOP per patch of 256 x 256 forward and backward (measured); sources W11, H11; data sheets",
    fix="Package the telemetry that was sampled while this run trained; describe the machine that ran.",
)
def processor_work(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Without accelerators, processors do all of the arithmetic, and the kernel counts their seconds for the
    processes of the run: who trained so many epochs has used them, however the clock was set."""
    operations, nodes, accelerators = epoch_work(run, ruleset)
    epochs = sum(1 for _, took_ms in durations(run.log, "epoch") if took_ms is not None)
    start, stop = time_ms(run.log.first("run_start")), time_ms(run.log.last("run_stop"))
    if accelerators:
        raise NotApplicable("accelerators compute")
    if not epochs or start is None or stop is None or stop <= start:
        raise NotApplicable("run_start, run_stop or epochs are missing")
    percent = sum(_own_percent(sampled, ruleset) for sampled in telemetry_of(run))
    if len(run.telemetry) != nodes:
        raise NotChecked(f"{len(run.telemetry)} of {nodes} nodes were sampled")
    used_s = percent / 100 * (stop - start) / 1000
    needed_s = ruleset.clock.processor_share * epochs * operations / _thread_peak(run, ruleset)
    if used_s < needed_s:
        yield self.finding(
            f"the run's processes used {used_s:.1f} processor seconds for {epochs} epochs, whose arithmetic takes "
            f"{needed_s:.1f} or more",
            path=run.telemetry[0].path,
            expected=f">= {needed_s:.1f} s",
            actual=round(used_s, 3),
        )


def _own_percent(sampled: Telemetry, ruleset: Ruleset) -> float:
    """Processor use of the processes that trained, 100 being one processor. Raises NotChecked.

    What a scheduler starts (srun, a container's service) is not below the harness: then only a small
    program is seen, which holds less memory than any that trains.
    """
    used = of_name(sampled.quantities, "cpu", "process_tree")
    held = largest(sampled.quantities, "rss", "process_tree")
    if not used or used[0].mean is None or used[0].samples < FEWEST_READINGS:
        raise NotChecked("the processor use of the run's processes was not sampled, or too rarely")
    if held is None or held < ruleset.evidence.rss_minimum:
        raise NotChecked("the processes that were sampled are not those that trained")
    return used[0].mean
