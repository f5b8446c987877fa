"""Scenes are the same on every processor, whatever instructions NumPy finds there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core import _multiarray_umath as numpys

from reference.data.synthetic import steady

# digests of one scene of each kind, by day and at night
PROGRAM = """
import hashlib, numpy as np
from reference.data.synthetic.scene import make_scene
from reference.data.synthetic.style import CONTEXT, SIMPLE
for style in (CONTEXT, SIMPLE):
    for number in (1, 2, 3):
        scene = make_scene(np.random.default_rng([1, number]), (150, 187), number, style)
        print(hashlib.sha256(scene.refs.tobytes() + scene.bts.tobytes() + scene.bayes.tobytes()).hexdigest())
"""


def made_without(features: str) -> str:
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": features}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_scenes_do_not_depend_on_the_processors_instructions() -> None:
    usable = [name for name in numpys.__cpu_dispatch__ if numpys.__cpu_features__.get(name)]
    if not usable:
        pytest.skip("this processor has no instructions that NumPy could do without")
    assert made_without("") == made_without(" ".join(usable))


@pytest.mark.parametrize("name", ["exp", "log", "log10", "log1p", "sin", "cos"])
def test_functions_are_those_of_the_name(name: str) -> None:
    x = np.linspace(0.01, 9, 1001, dtype=np.float32)
    found = getattr(steady, name)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=2e-5, atol=1e-6)


def test_functions_of_two() -> None:
    y, x = np.random.default_rng(1).normal(size=(2, 1000)).astype(np.float32)
    np.testing.assert_allclose(steady.hypot(y, x), np.hypot(y, x), rtol=2e-5)
    np.testing.assert_allclose(steady.arctan2(y, x), np.arctan2(y, x), rtol=2e-5)
    np.testing.assert_allclose(steady.power(np.abs(x), -1.2), np.abs(x) ** -1.2, rtol=2e-5)


def test_sums_do_not_depend_on_their_order() -> None:
    x = np.random.default_rng(1).normal(5, 1, size=(300, 375)).astype(np.float32)
    assert steady.mean(x) == steady.mean(x[::-1, ::-1].copy()) == pytest.approx(5, abs=0.02)
    assert steady.deviation(x) == steady.deviation(x.T.copy()) == pytest.approx(1, abs=0.02)
    assert steady.quantiles(x, 0.5) == steady.quantiles(x.T, 0.5) == pytest.approx(5, abs=0.02)


def test_last_bits_are_not_kept() -> None:
    x = np.random.default_rng(1).normal(size=10_000)
    other = np.nextafter(x, np.inf)
    assert np.array_equal(steady.settled(x), steady.settled(other))
    assert np.max(np.abs(steady.settled(x) / x - 1)) <= 2.0**-16


UNSTEADY = re.compile(
    r"np\.(exp|expm1|log|log10|log1p|log2|sin|cos|tan|tanh|hypot|arctan2|power|std|quantile)\(|\*\* ?[3-9]"
)


def test_the_generator_uses_no_others() -> None:
    """Most processors cannot show the difference, so the source is read."""
    folder = Path(steady.__file__).parent
    for path in folder.glob("*.py"):
        if path.name != "steady.py":
            assert not UNSTEADY.search(path.read_text(encoding="utf-8")), path.name
