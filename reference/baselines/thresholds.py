"""Threshold tests of single pixels, by day and at night: how clouds were found first.

Each test gives 0 at its clear value, 0.5 at its threshold and 1 at its cloudy value, linearly in between; a
pixel is as cloudy as its most convinced test says. Nothing is learnt from scenes.

Tests and constants follow the scheme of the MODIS cloud mask (MOD35; Ackerman et al. 1998, "Discriminating
clear sky from clouds with MODIS"), as the threshold tables of a public port of it to the MERSI instrument state
them. Neither that article nor the product's theoretical basis document was at hand when they were written down;
where only a single threshold is known, the ramp to either side of it is ours. The channels of SLSTR stand for
the nearest ones of MODIS. Whether a pixel is land or water is not among the benchmark's data: pixels whose
near infrared is no brighter than their red count as water, which thick cloud does, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.baselines.base import Sample, measured
from reference.baselines.features import View

WATER_NDVI = 0.05


@dataclass(frozen=True)
class Ramp:
    """Clear value, threshold and cloudy value of one test, rising or falling."""

    clear: float
    middle: float
    cloud: float

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """Confidence 0 to 1 that each value is cloud's."""
        sign = 1.0 if self.cloud > self.clear else -1.0
        places = [sign * self.clear, sign * self.middle, sign * self.cloud]
        confidence: np.ndarray = np.interp(sign * field, places, [0.0, 0.5, 1.0]).astype(np.float32)
        return confidence


RED = Ramp(0.16, 0.20, 0.24)  # S2, off snow
NEAR_INFRARED = Ramp(0.03, 0.045, 0.06)  # S3, over water
CIRRUS = Ramp(0.02, 0.03, 0.04)  # S4
COLD = Ramp(273.0, 270.0, 267.0)  # S8, off snow
SPLIT_WINDOW = Ramp(2.5, 3.0, 3.5)  # S8 - S9: thin cirrus
DAY_WATER = Ramp(14.0, 16.0, 18.0)  # S7 - S8 by day: sunlit water cloud
DAY_SNOW = Ramp(5.0, 7.0, 9.0)
NIGHT_LOW = Ramp(0.25, 0.75, 1.25)  # S8 - S7 at night: low water cloud
NIGHT_HIGH = Ramp(5.0, 10.0, 15.0)  # S7 - S9 at night: thin high cloud


class Thresholds:
    """Ramps around fixed thresholds, and the most convinced of them."""

    name = "thresholds"
    title = "threshold tests"
    version = 1
    needs = "nothing"

    def fit(self, sample: Sample) -> None:
        """Nothing is learnt."""

    def predict(self, view: View) -> np.ndarray:
        """The most convinced test of each pixel."""
        tests = _by_day(view) if view.day else _at_night(view)
        return measured(view, np.max(np.stack(tests), axis=0))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


def is_snow(view: View) -> np.ndarray:
    """Pixels (...) bool with the colour and warmth of snow by day: not tested for brightness or cold."""
    bright = (view.column("NDSI") > 0.4) & (view.column("S3") > 0.11)
    low: np.ndarray = bright & (view.column("S8") < 280) & (view.column("S4") < 0.0525)
    return low


def _by_day(view: View) -> list[np.ndarray]:
    snow, water = is_snow(view), view.column("NDVI") < WATER_NDVI
    warmer = view.column("S7-S8")
    return [
        RED(view.column("S2")) * ~snow,
        NEAR_INFRARED(view.column("S3")) * (water & ~snow),
        CIRRUS(view.column("S4")),
        COLD(view.column("S8")) * ~snow,
        SPLIT_WINDOW(view.column("S8-S9")),
        DAY_WATER(warmer) * (water & ~snow),
        DAY_SNOW(warmer) * snow,
    ]


def _at_night(view: View) -> list[np.ndarray]:
    return [
        COLD(view.column("S8")),
        SPLIT_WINDOW(view.column("S8-S9")),
        NIGHT_LOW(-view.column("S7-S8")),
        NIGHT_HIGH(view.column("S7") - view.column("S9")),
    ]
