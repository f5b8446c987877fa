"""Random fields from which natural-looking scenes are composed.

Lengths are in scene heights, so that scenes look alike at every resolution. All fields are periodic,
float32 and (H, W).
"""

from __future__ import annotations

import numpy as np

from reference.data.synthetic.steady import cos, deviation, exp, hypot, power, quantiles, settled, sin

Field = np.ndarray
Shape = tuple[int, int]


def grid(shape: Shape) -> tuple[Field, Field]:
    """Coordinates (y, x) of pixel centres in scene heights."""
    height, width = shape
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / height
    return np.broadcast_to(y[:, None], shape), np.broadcast_to(x[None, :], shape)


def fractal(
    rng: np.random.Generator,
    shape: Shape,
    slope: float,
    longest: float = 1.0,
    shortest: float = 0.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Field:
    """Gaussian field of zero mean and unit deviation, amplitude ~ wavenumber^-slope.

    Structures have lengths from `shortest` to `longest`, and are stretched `stretch` times along `angle`
    (radians).
    """
    height, width = shape
    noise = rng.standard_normal(shape, dtype=np.float32)
    ky = np.fft.fftfreq(height)[:, None] * height
    kx = np.fft.rfftfreq(width)[None, :] * height
    along = kx * cos(angle) + ky * sin(angle)
    across = ky * cos(angle) - kx * sin(angle)
    k2 = (along * stretch) ** 2 + across**2
    amplitude = power(k2 + (1 / longest) ** 2, -slope / 2)
    if shortest > 0:
        amplitude *= exp(-k2 * (shortest / 2) ** 2)
    amplitude[0, 0] = 0.0
    field = _filtered(noise, amplitude)
    return field / max(deviation(field), 1e-12)


def blur(field: Field, length: float) -> Field:
    """Gaussian blur whose standard deviation is `length`."""
    height, width = field.shape
    ky = np.fft.fftfreq(height)[:, None] * height
    kx = np.fft.rfftfreq(width)[None, :] * height
    window = exp(-2 * (np.pi * length) ** 2 * (ky**2 + kx**2))
    return _filtered(field, window)


def _filtered(field: Field, response: Field) -> Field:
    """The field with its waves multiplied by a response (H, W // 2 + 1)."""
    waves = np.fft.rfft2(field.astype(np.float64)) * response
    return settled(np.fft.irfft2(waves, s=field.shape))


def sample(field: Field, y: Field, x: Field) -> Field:
    """The field at other coordinates (scene heights): bilinear interpolation, periodic at the sides."""
    height, width = field.shape
    row, column = y * height - 0.5, x * height - 0.5
    top, left = np.floor(row), np.floor(column)
    fy, fx = (row - top).astype(np.float32), (column - left).astype(np.float32)
    r0, c0 = top.astype(np.int32) % height, left.astype(np.int32) % width
    r1, c1 = (r0 + 1) % height, (c0 + 1) % width
    upper = field[r0, c0] * (1 - fx) + field[r0, c1] * fx
    lower = field[r1, c0] * (1 - fx) + field[r1, c1] * fx
    value: Field = upper * (1 - fy) + lower * fy
    return value


def swirled(
    rng: np.random.Generator, shape: Shape, strength: float, longest: float = 0.5, steps: int = 5
) -> tuple[Field, Field]:
    """Coordinates (y, x) from which a turbulent, divergence-free flow carries the air to each pixel.

    A field that is sampled there is drawn out into filaments and curls.
    """
    stream = fractal(rng, shape, 2.6, longest, shortest=0.04)
    dy, dx = np.gradient(stream)
    scale = strength / steps / max(deviation(hypot(dy, dx)), 1e-12)
    u, v = dy * scale, -dx * scale  # x and y parts of the flow
    y, x = (np.array(c) for c in grid(shape))
    for _ in range(steps):
        y, x = y - sample(v, y, x), x - sample(u, y, x)
    return y, x


def cells(rng: np.random.Generator, y: Field, x: Field, size: float) -> tuple[Field, Field]:
    """Distances to the nearest and second nearest of points scattered `size` apart, in units of `size`."""
    rows = int(np.ceil(1 / size)) + 2
    row, column = np.floor(y / size).astype(np.int32), np.floor(x / size).astype(np.int32)
    offsets = rng.random((rows, 2 * rows, 2), dtype=np.float32)
    first = np.full(y.shape, 9.0, np.float32)
    second = first.copy()
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            r, c = row + dr, column + dc
            point = offsets[r % rows, c % (2 * rows)]
            distance = hypot(y / size - r - point[..., 0], x / size - c - point[..., 1])
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
    return first, second


def rank(field: Field) -> Field:
    """Each value's quantile in [0, 1]: thresholding it at 1 - f covers the share f of the scene."""
    levels = quantiles(field, np.linspace(0, 1, 257))
    return settled(np.interp(field, levels, np.linspace(0, 1, 257)))


def smoothstep(field: Field, low: float, high: float) -> Field:
    """0 below low, 1 above high, smooth in between."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
