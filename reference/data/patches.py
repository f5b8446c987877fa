"""From scenes to patches and back: normalisation, crop, inference windows, stitching.

Numbers of the official geometry: 1200 x 1500 scenes, 20 training patches of 256 (after a centre
crop that removes 88 rows and 110 columns on each side), 63 inference patches at stride 176.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.scenes import Scene, label
from reference.protocol.spec import Geometry

CHANNELS = 9
TEMPERATURE_OFFSET_K = 270.0
TEMPERATURE_SCALE_K = 22.0
REFLECTANCE_OFFSET = 0.5
_PIXEL = np.dtype([("refs", "V24"), ("bts", "V12")])  # the 9 float32 of one pixel


@dataclass(frozen=True)
class Patch:
    """Position of a training patch: index of its file, first row and column in the scene."""

    file: int
    row: int
    column: int


# ---------------------------------------------------------------- values


def normalise(refs: np.ndarray, bts: np.ndarray) -> np.ndarray:
    """Model input (..., 9) float32: refs - 0.5, then (bts - 270) / 22. Values that are not finite become 0."""
    shape = (*refs.shape[:-1], CHANNELS)
    out = np.empty(shape, np.float32)
    if refs.dtype == bts.dtype == np.float32:
        normalise_window(np.array(refs, order="C"), np.array(bts, order="C"), out)
        return out
    np.subtract(refs, np.float32(REFLECTANCE_OFFSET), out=out[..., :6], casting="same_kind")
    np.subtract(bts, np.float32(TEMPERATURE_OFFSET_K), out=out[..., 6:], casting="same_kind")
    out[..., 6:] /= np.float32(TEMPERATURE_SCALE_K)
    np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return out


def normalise_window(refs: np.ndarray, bts: np.ndarray, out: np.ndarray) -> None:
    """Normalise float32 arrays (H, W, 6) and (H, W, 3) into `out` (H, W, 9), bit by bit as `normalise` does.

    `refs` and `bts` are overwritten. Arithmetic is done on whole contiguous arrays, then 24 and 12 bytes
    of each pixel are laid side by side: NumPy is slow in runs of 6 and 3 numbers.
    """
    np.subtract(refs, np.float32(REFLECTANCE_OFFSET), out=refs)
    np.subtract(bts, np.float32(TEMPERATURE_OFFSET_K), out=bts)
    np.divide(bts, np.float32(TEMPERATURE_SCALE_K), out=bts)
    pixels = out.view(_PIXEL)[..., 0]
    pixels["refs"] = refs.view("V24")[..., 0]
    pixels["bts"] = bts.view("V12")[..., 0]
    # A sum is finite only if all its terms are: one pass instead of nan_to_num's several.
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.isfinite(out.sum())
    if not whole:
        np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def read_patch(scene: Scene, patch: Patch, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Input (size, size, 9) float32 and label (size, size, 1) uint8 of one patch of an open scene."""
    rows, columns = slice(patch.row, patch.row + size), slice(patch.column, patch.column + size)
    inputs = normalise(scene.read("refs", rows, columns), scene.read("bts", rows, columns))
    return inputs, label(scene.read("bayes", rows, columns))


# ---------------------------------------------------------------- training patches


def crop_offsets(geometry: Geometry) -> tuple[int, int]:
    """Rows and columns cut off at the top and left, so that whole patches remain, centred (88 and 110)."""
    rows = geometry.scene_height - geometry.patch_rows * geometry.patch_size
    columns = geometry.scene_width - geometry.patch_columns * geometry.patch_size
    return rows // 2, columns // 2


def training_patches(files: int, geometry: Geometry) -> list[Patch]:
    """All training patches of `files` scenes, scene by scene, row by row."""
    top, left = crop_offsets(geometry)
    size = geometry.patch_size
    return [
        Patch(file, top + row * size, left + column * size)
        for file in range(files)
        for row in range(geometry.patch_rows)
        for column in range(geometry.patch_columns)
    ]


# ---------------------------------------------------------------- inference patches


def inference_grid(geometry: Geometry) -> tuple[int, int]:
    """Rows and columns of inference patches covering a scene (7 and 9)."""
    return -(-geometry.scene_height // geometry.stride), -(-geometry.scene_width // geometry.stride)


def inference_patches(image: np.ndarray, geometry: Geometry) -> list[np.ndarray]:
    """Overlapping patches (size, size, C), rows * columns of them, of a normalised scene (H, W, C).

    All are views of one copy of the scene, padded with zeros as TensorFlow's SAME padding does:
    (n - 1) * stride + size - length in total, the smaller half first.
    """
    rows, columns = inference_grid(geometry)
    size, stride = geometry.patch_size, geometry.stride
    image = np.pad(
        image, (_padding(image.shape[0], rows, geometry), _padding(image.shape[1], columns, geometry), (0, 0))
    )
    return [
        image[r * stride : r * stride + size, c * stride : c * stride + size]
        for r in range(rows)
        for c in range(columns)
    ]


def stitch(predictions: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Scene (H, W) from predicted patches (rows * columns, size, size[, 1]).

    The margin is cut off on each side of each patch, the remaining tiles (stride x stride) are laid
    side by side (1232 x 1584), and the scene is the centre of the result. Raises ValueError for another
    number or size of patches.
    """
    rows, columns = inference_grid(geometry)
    margin, stride = geometry.margin, geometry.stride
    if predictions.ndim == 4:
        predictions = predictions[..., 0]
    if predictions.shape != (rows * columns, geometry.patch_size, geometry.patch_size):
        raise ValueError(
            f"stitching needs {rows * columns} patches of {geometry.patch_size}, not {predictions.shape}"
        )
    tiles = predictions[:, margin : margin + stride, margin : margin + stride]
    whole = tiles.reshape(rows, columns, stride, stride).transpose(0, 2, 1, 3).reshape(rows * stride, -1)
    top = (whole.shape[0] - geometry.scene_height) // 2
    left = (whole.shape[1] - geometry.scene_width) // 2
    return whole[top : top + geometry.scene_height, left : left + geometry.scene_width]


def _padding(length: int, count: int, geometry: Geometry) -> tuple[int, int]:
    total = max((count - 1) * geometry.stride + geometry.patch_size - length, 0)
    return total // 2, total - total // 2
