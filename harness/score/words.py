"""A score's arithmetic, its interval and the ratio of two scores, in words that every output uses."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from harness.core.wrapping import beside
from harness.score.model import Breakdown, Interval, Ratio, RunScore, Score

# the exact words that the association's messaging guidelines ask for beside a score (docs/sources.md, group Q)
UNVERIFIED = "Result not verified by MLCommons Association."
TOO_FEW = "too few to say"
WHY_DROPPED = {
    "fastest": "left out: the fastest run",
    "slowest": "left out: the slowest run",
    "did not converge": "left out: it did not reach the target, and counts as the slowest",
}


def sum_text(steps: Breakdown) -> str:
    """The whole arithmetic in one line: "(64.53 + 68.23 + 83.12) / 3 = 71.96 s; x 1.25 = 89.95 s"."""
    if steps.mean_s is None or steps.score_s is None:
        return steps.note or "no score"
    times = [f"{run.time_to_train_s:.2f}" for run in steps.counted if run.time_to_train_s is not None]
    listed = " + ".join(times if len(times) <= 8 else [*times[:3], "...", times[-1]])
    mean = f"({listed}) / {len(times)} = {steps.mean_s:.2f} s" if len(times) > 1 else f"{steps.mean_s:.2f} s"
    factor = steps.convergence.factor
    return f"{mean}; × {factor:.5g} = {steps.score_s:.2f} s" if factor != 1 else f"{mean}; factor 1"


def run_text(run: RunScore) -> str:
    """What became of one run in the mean."""
    if run.dropped:
        return WHY_DROPPED.get(run.dropped, f"left out: {run.dropped}")
    return "in the mean" if run.counts else "left out: no time"


def interval_text(interval: Interval | None) -> str:
    """The interval of a score: "71 to 110 s", to the digits that its width allows."""
    if interval is None:
        return TOO_FEW
    width = interval.high_s - interval.low_s
    digits = 0 if width >= 20 else 1 if width >= 0.5 else 2
    return f"{interval.low_s:.{digits}f} to {interval.high_s:.{digits}f} s"


def figures(value: float) -> str:
    """Two significant figures, never in exponents: 1.3, 12, 120, 0.84."""
    text = f"{value:#.2g}"
    return f"{float(text):.0f}" if "e+" in text else text.removesuffix(".")


def ratio_text(found: Ratio | None) -> str:
    """How a score compares with the first one: "1.3x slower (1.1x to 1.6x)", or that nothing can be said."""
    if found is None:
        return "not known"
    if found.low is None or found.high is None:
        return f"{_times(found.value)}; {TOO_FEW} whether that is more than chance"
    if not found.told_apart:
        return f"cannot be told apart ({figures(found.low)}x to {figures(found.high)}x the time)"
    low, high = found.low, found.high
    if found.value < 1:
        low, high = 1 / found.high, 1 / found.low
    return f"{_times(found.value)} ({figures(low)}x to {figures(high)}x)"


def _times(value: float) -> str:
    if 0.95 < value < 1.05:
        return "as fast"
    return f"{figures(value)}x slower" if value > 1 else f"{figures(1 / value)}x faster"


def table(result: Score, width: int = 80) -> list[str]:
    """The arithmetic for a terminal of `width` columns (0: as long as they are): runs, mean, factor, score."""
    steps = result.breakdown
    if steps is None:
        return []
    said = []
    for run in steps.runs:
        time = f"{run.time_to_train_s:9.2f} s" if run.time_to_train_s is not None else "   no time "
        epochs = f"{run.epochs} epochs" if run.epochs is not None else "epochs not known"
        said.append((f"  run {run.index:<3} {time}  {epochs:>9}  ", run_text(run)))
    if steps.mean_s is None or steps.score_s is None:
        said.append(("  no score: ", steps.note or ""))
    else:
        count, few = len(steps.counted), steps.interval and len(steps.runs) < 10
        runs = "1 run" if count == 1 else f"{count} runs"
        factor = steps.convergence
        said += [
            (f"  mean    {steps.mean_s:9.2f} s  ", f"of {runs}" + (f"; {steps.note}" if steps.note else "")),
            (f"  factor  {factor.factor:9.5g}    ", "convergence"),
            (" " * 10, factor.reason),
            (f"  score   {steps.score_s:9.2f} s  ", "unverified"),
            (
                "  95 % interval  ",
                interval_text(steps.interval) + (f" (from {len(steps.runs)} runs: wide)" if few else ""),
            ),
            ("  ", UNVERIFIED),
        ]
    return [line for head, text in said for line in beside(head, text, width).split("\n")]


def record(result: Score) -> dict[str, Any]:
    """The arithmetic as JSON; what is not known is null."""
    steps = result.breakdown
    if steps is None:
        weak = asdict(result.weak) if result.weak else None
        return {"score_s": None, "method": result.method, "note": result.note, "throughput": weak}
    return {
        "score_s": steps.score_s,
        "mean_s": steps.mean_s,
        "method": steps.method,
        "note": steps.note,
        "convergence": asdict(steps.convergence),
        "interval_95": asdict(steps.interval) if steps.interval else None,
        "runs": [{**asdict(run), "in_the_mean": run.counts, "why": run_text(run)} for run in steps.runs],
        "review": "unverified",
        "statement": UNVERIFIED,
    }
