"""Quantiles of Student's t distribution, without a statistics library: checking must start at once."""

from __future__ import annotations

import math

_TINY = 1e-300


def t_quantile(probability: float, degrees: float) -> float:
    """The t with P(T <= t) = probability, for 0 < probability < 1 and degrees of freedom > 0.

    Newton's method from 0: right of it the distribution is concave, so that no step goes too far. Absolute error
    below 1e-10 for 0.001 <= probability <= 0.999.
    Raises ValueError outside of the bounds.
    """
    if not 0 < probability < 1 or not degrees > 0:
        raise ValueError("t_quantile needs a probability between 0 and 1 and positive degrees of freedom")
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    log_peak = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    t = 0.0
    for _ in range(200):
        density = math.exp(log_peak - (degrees + 1) / 2 * math.log1p(t * t / degrees))
        step = (probability - t_distribution(t, degrees)) / density
        if step <= 1e-15 * t:
            break
        t += step
    return t


def t_distribution(t: float, degrees: float) -> float:
    """P(T <= t) by the regularised incomplete beta function (Abramowitz and Stegun 26.7.1)."""
    whole = degrees + t * t
    tail = _beta_ratio(degrees / whole, t * t / whole, degrees / 2, 0.5) / 2
    return 1 - tail if t >= 0 else tail


def _beta_ratio(x: float, rest: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b); the side of x where its fraction converges fast.

    `rest` is 1 - x, given apart: where x is all but 1 the difference has no digits left.
    """
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _beta_fraction(rest, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _apart(1 + step * d)
            c = _apart(1 + step / c)
            result *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return result


def _apart(value: float) -> float:
    """The value, kept away from zero so that it can be divided by."""
    return value if abs(value) > _TINY else _TINY
