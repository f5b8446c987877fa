"""A file that the sampler recorded on a real H100: 20 s idle, then 30 s of load (tests/support/fixtures/h100)."""

import numpy as np
import pytest

from harness.telemetry.reader.energy import energies
from harness.telemetry.reader.reader import read
from tests.support import SUPPORT

FILE = SUPPORT / "fixtures/h100/telemetry_node_0.h5"


def test_power_utilisation_and_energy_of_a_real_gpu():
    file = read(FILE)
    series = {(s.scope, s.name): s for s in file.series}
    power, used = series["gpu0", "gpu_power"], series["gpu0", "gpu_utilization"]
    assert 60 < np.nanmin(power.values) < 150 and 650 < np.nanmax(power.values) < 850
    assert np.nanmin(used.values) == 0 and np.nanmax(used.values) == 100
    assert np.median(np.diff(power.wall_s)) == pytest.approx(0.1, abs=0.01)


def test_counter_and_power_of_a_real_gpu_agree_over_both_phases():
    file = read(FILE)
    times = next(s.wall_s for s in file.series if s.name == "gpu_power")
    found = energies(file.series, times[5], times[-5])
    gpu = {e.method: e for e in found if e.scope == "gpu0"}
    assert set(gpu) == {"counter", "right_rectangle", "trapezoid"}
    assert all(e.joule is not None and e.joule > 20_000 for e in gpu.values())
    assert not any(e.disagrees for e in gpu.values())
    assert abs(gpu["trapezoid"].difference) < 0.02


def test_the_counter_keeps_to_a_window_that_ends_at_the_step_of_load():
    """It was read every 1.5 s: evenly divided between two readings, it was 8 % off here."""
    series = read(FILE).series
    power = next(s for s in series if s.name == "gpu_power")
    step_s = power.wall_s[np.argmax(power.values > 200)]
    for window in ((power.wall_s[5], step_s), (step_s, power.wall_s[-5])):
        gpu = {e.method: e for e in energies(series, *window) if e.scope == "gpu0"}
        assert abs(gpu["trapezoid"].difference) < 0.025, gpu
