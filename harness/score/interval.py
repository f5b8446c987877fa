"""How sure a score is: its confidence interval from the spread of its runs, and that of the ratio of two.

Runs that start from seeds drawn apart are independent samples of one distribution, so the spread of all of
them, s / sqrt(n), tells how much a mean of n would move. The interval is Student's t with n - 1 degrees of
freedom around the score: the runs that the score leaves out stay in the spread. Drawn 200,000 times with the
epochs of the recorded reference runs, intervals of five runs hold the true score in 89 % (smoke) and 93 %
(quick) of the cases, with normal and log-normal times in 94 to 95 %; the winsorised interval of a trimmed mean
(Tukey and McLaughlin 1963) holds it in 63, 74 and 94 %, for three kept runs of as many epochs look equal.

The ratio of two scores is compared on a logarithmic scale with Welch's degrees of freedom (Biometrika 34,
1947, pp. 28-35), rounded down; two equal systems are told apart in 5 to 7 % of the cases. A convergence
factor counts as a constant. With fewer than three runs nothing is said, nor where one did not converge: its
time is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import stdev

from harness.score.model import Interval, Ratio
from rules.facts.student_t import t_quantile

CONFIDENCE = 0.95
FEWEST = 3  # runs


def mean_interval(mean_s: float, times_s: Sequence[float | None]) -> Interval | None:
    """The interval of a mean, in seconds, from the times of all runs; None for fewer than three.

    A time is None where the run did not converge, which makes the interval None.
    """
    known = [time for time in times_s if time is not None and math.isfinite(time)]
    if len(known) < FEWEST or len(known) < len(times_s):
        return None
    error = stdev(known) / math.sqrt(len(known))
    reach = quantile(len(known) - 1) * error
    return Interval(max(0.0, mean_s - reach), mean_s + reach, error, len(known) - 1)


def scaled(interval: Interval | None, factor: float) -> Interval | None:
    """The interval of a mean that is multiplied by a constant."""
    if interval is None:
        return None
    return Interval(
        interval.low_s * factor, interval.high_s * factor, interval.error_s * factor, interval.degrees
    )


def ratio(base_s: float, base: Interval | None, other_s: float, other: Interval | None) -> Ratio | None:
    """How many times longer `other_s` is than `base_s`; None where a time is zero.

    Without both intervals the ratio has no bounds, and nothing can be told apart.
    """
    if not base_s > 0 or not other_s > 0:
        return None
    value = other_s / base_s
    if base is None or other is None:
        return Ratio(value, None, None)
    one, two = (base.error_s / base_s) ** 2, (other.error_s / other_s) ** 2
    if one + two == 0:
        return Ratio(value, value, value)
    degrees = (one + two) ** 2 / (one**2 / base.degrees + two**2 / other.degrees)
    reach = quantile(max(1, math.floor(degrees + 1e-9))) * math.sqrt(one + two)
    return Ratio(value, value * math.exp(-reach), value * math.exp(reach))


@lru_cache(maxsize=256)
def quantile(degrees: int) -> float:
    """Half-width of a two-sided interval in standard errors."""
    return t_quantile((1 + CONFIDENCE) / 2, degrees)
