"""Statistics of scenes, on fields whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest

from reference.data.synthetic.fields import fractal
from tests.support.scene_statistics import edge_density, slopes


def test_edges_are_counted_along_rows_and_columns() -> None:
    half = np.zeros((10, 10), np.uint8)
    half[:, 5:] = 1
    assert edge_density(half) == pytest.approx(0.5 * 10 / 90)
    assert edge_density(np.indices((8, 8)).sum(axis=0) % 2) == 1.0
    assert edge_density(np.ones((8, 8))) == 0.0


@pytest.mark.parametrize("amplitude", [1.2, 1.8])
def test_a_fractal_field_has_the_slope_it_was_made_with(amplitude: float) -> None:
    """Amplitude ~ k^-s in two dimensions is power ~ k^-(2 s - 1) along a line."""
    field = fractal(np.random.default_rng(3), (512, 512), amplitude, 4.0)
    large, small = slopes(field)
    assert small == pytest.approx(1 - 2 * amplitude, abs=0.25)
    assert large == pytest.approx(1 - 2 * amplitude, abs=0.5)
