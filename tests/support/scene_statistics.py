"""What scenes look like, in numbers: how ragged their mask is, and how their spectra fall."""

from __future__ import annotations

import numpy as np

LARGE = 24  # pixels: wavelengths from here on are large scales
SMALL = (4, 16)  # wavelengths of small scales, pixels


def edge_density(mask: np.ndarray) -> float:
    """Share of pairs of neighbouring pixels that differ, mean over rows and columns, of a mask (H, W)."""
    called = mask > 0
    return 0.5 * float((called[1:] != called[:-1]).mean() + (called[:, 1:] != called[:, :-1]).mean())


def slopes(field: np.ndarray) -> tuple[float, float]:
    """Exponents of the power spectrum at large and at small scales, mean over rows and columns of (H, W).

    Lines are tapered (Hann), their spectra averaged, and a line is fitted to logarithms in equal bins.
    """
    found = [_slopes(field), _slopes(field.T)]
    return float(np.mean([one[0] for one in found])), float(np.mean([one[1] for one in found]))


def _slopes(field: np.ndarray) -> tuple[float, float]:
    length = field.shape[1]
    tapered = (field - field.mean(axis=1, keepdims=True)) * np.hanning(length)
    power = (np.abs(np.fft.rfft(tapered, axis=1)) ** 2).mean(axis=0)
    wavenumber = np.fft.rfftfreq(length)
    return (
        _exponent(wavenumber, power, 2.5 / length, 1 / LARGE),
        _exponent(wavenumber, power, 1 / SMALL[1], 1 / SMALL[0]),
    )


def _exponent(wavenumber: np.ndarray, power: np.ndarray, low: float, high: float) -> float:
    at = (wavenumber >= low) & (wavenumber <= high)
    x, y = np.log(wavenumber[at]), np.log(power[at] + 1e-12)
    place = np.minimum((8 * (x - x.min()) / (np.ptp(x) + 1e-9)).astype(int), 7)
    bins = [place == number for number in range(8) if (place == number).any()]
    return float(np.polyfit([x[b].mean() for b in bins], [y[b].mean() for b in bins], 1)[0])
