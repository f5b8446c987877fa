"""EVD: the speed of inference that is stated is the one of the log."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import time_ms
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import is_int, is_number
from rules.registry import NotChecked, Rule, rule
from rules.ruleset import Ruleset

SHORT_S = 0.2  # lines are written in milliseconds, pictures of the last scene after its time was taken


@rule(
    "EVD093",
    "Seconds per scene fit the time that inference took",
    Scope.RUN,
    source="sources C1, H11 (cross-check of this rulebook)",
    fix="Package science.json as the run wrote it; measure from one finished scene to the next.",
    severity=Severity.WARNING,
)
def scene_time(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """From one finished scene to the next, all scenes together take about the time between inference_start and
    inference_stop: a speed of inference that is quoted has to be that of this time."""
    seconds = run.science.get("seconds_per_scene") if run.science else None
    mean_s = seconds.get("mean") if isinstance(seconds, dict) else None
    scenes = run.science.get("scenes") if run.science else None
    start, stop = time_ms(run.log.last("inference_start")), time_ms(run.log.last("inference_stop"))
    if not is_number(mean_s) or not is_int(scenes) or start is None or stop is None:
        raise NotChecked("seconds per scene, their number or the interval of inference are not stated")
    took_s, share = (stop - start) / 1000, ruleset.evidence.inference_share
    if not share * (took_s - SHORT_S) <= mean_s * scenes <= took_s + SHORT_S:
        yield self.finding(
            f"{scenes} scenes of {mean_s:.4g} s are {mean_s * scenes:.3g} s, inference took {took_s:.3f} s",
            path=run.files.science.as_posix(),
            expected=f"{share * (took_s - SHORT_S):.3g} to {took_s + SHORT_S:.3g} s",
            actual=round(mean_s * scenes, 6),
        )
