"""Functions whose results are the same on every processor, so that equal seeds give equal files everywhere.

Libraries compute exponentials, powers and Fourier transforms by other instructions on other processors, and the last
bits differ. Here they are computed in double precision, and 16 significant bits are kept: far more than an image
shows, and so few that differences in the last of 53 practically never reach them. Sums, products, quotients and square
roots need no such care: IEEE 754 defines every bit of them.
"""

from __future__ import annotations

import numpy as np

Numbers = np.ndarray | float
_SPLIT = 2.0**37 + 1  # of 53 bits, 16 stay (Veltkamp's splitting; Dekker 1971, doi:10.1007/BF01397083)


def settled(values: Numbers) -> np.ndarray:
    """The values, of any shape, with 16 significant bits, as float32."""
    exact = np.asarray(values, np.float64)
    scaled = exact * _SPLIT
    kept: np.ndarray = (scaled - (scaled - exact)).astype(np.float32)
    return kept


def exp(x: Numbers) -> np.ndarray:
    """e to the power of x."""
    return settled(np.exp(np.asarray(x, np.float64)))


def log(x: Numbers) -> np.ndarray:
    """Natural logarithm of x > 0."""
    return settled(np.log(np.asarray(x, np.float64)))


def log10(x: Numbers) -> np.ndarray:
    """Decadic logarithm of x > 0."""
    return settled(np.log10(np.asarray(x, np.float64)))


def log1p(x: Numbers) -> np.ndarray:
    """Natural logarithm of 1 + x."""
    return settled(np.log1p(np.asarray(x, np.float64)))


def power(x: Numbers, exponent: float) -> np.ndarray:
    """x >= 0 to the power of a number."""
    return settled(np.power(np.asarray(x, np.float64), exponent))


def sin(x: Numbers) -> np.ndarray:
    """Sine of x in radians."""
    return settled(np.sin(np.asarray(x, np.float64)))


def cos(x: Numbers) -> np.ndarray:
    """Cosine of x in radians."""
    return settled(np.cos(np.asarray(x, np.float64)))


def arctan2(y: Numbers, x: Numbers) -> np.ndarray:
    """Angle of the point (y, x), radians."""
    return settled(np.arctan2(np.asarray(y, np.float64), np.asarray(x, np.float64)))


def hypot(y: Numbers, x: Numbers) -> np.ndarray:
    """Distance of the point (y, x) from the origin."""
    return settled(np.sqrt(np.square(y, dtype=np.float64) + np.square(x, dtype=np.float64)))


def mean(x: Numbers) -> float:
    """Mean of all values."""
    return float(settled(np.mean(x, dtype=np.float64)))


def deviation(x: Numbers) -> float:
    """Standard deviation of all values."""
    return float(settled(np.std(x, dtype=np.float64)))


def quantiles(x: np.ndarray, shares: Numbers) -> np.ndarray:
    """Values below which these shares of all values lie; in the shape of the shares."""
    return settled(np.quantile(np.asarray(x, np.float64), shares))
