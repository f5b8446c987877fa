"""Pictures of scenes: false colour by day, thermal by night; masks, probabilities and disagreement."""

from __future__ import annotations

import numpy as np

# Red, green and blue as mixtures of S1..S6: water clouds are white, ice and snow pale cyan, plants green.
COLOURS = np.array(
    [(0, 0.45, 0, 0, 0.55, 0), (0.3, 0.2, 0.5, 0, 0, 0), (1, 0, 0, 0, 0, 0)],
    np.float32,
)
GAMMA = 1.65
COLDEST_K, WARMEST_K = 215.0, 300.0
CLOUD_RGB, CLEAR_RGB = (244, 247, 250), (22, 46, 79)
# Cloud called clear; clear called cloud. They differ in lightness and along the blue-orange axis, which all
# common kinds of colour blindness keep apart.
MISSED_RGB, FALSE_RGB = (255, 176, 32), (46, 134, 255)


def false_colour(refs: np.ndarray, bts: np.ndarray, daylight: bool) -> np.ndarray:
    """RGB (H, W, 3) uint8 of a scene (refs (H, W, 6), bts (H, W, 3) in K).

    By day, mixtures of the solar channels. At night, brightness temperature of S8, where cold is bright,
    with an ochre tint where S7 is colder than S8, as over fog and low water cloud.
    """
    if daylight:
        rgb = np.nan_to_num(refs) @ COLOURS.T / 0.78
        return _bytes(np.clip(rgb, 0, 1) ** (1 / GAMMA))
    s7, s8 = np.nan_to_num(bts[..., 0]), np.nan_to_num(bts[..., 1])
    filled = s8 <= 0
    warmest = min(WARMEST_K, float(np.percentile(s8[~filled], 99))) if not filled.all() else WARMEST_K
    cold = np.clip((warmest - s8) / (warmest - COLDEST_K), 0, 1)[..., None]
    low_cloud = np.clip((s8 - s7 - 0.8) / 3.0, 0, 1)[..., None] * (1 - cold) ** 2
    rgb = cold**0.8 * np.array([0.93, 0.97, 1.0]) * (1 - 0.35 * cold) * 1.5
    rgb = rgb + low_cloud * np.array([0.34, 0.29, 0.16]) + np.array([0.02, 0.035, 0.08])
    rgb[filled] = 0
    return _bytes(rgb)


def mask_picture(mask: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8 of a mask (H, W) of 0 and 1: cloud is white, clear dark blue."""
    return np.where(mask[..., None] > 0, np.array(CLOUD_RGB, np.uint8), np.array(CLEAR_RGB, np.uint8))


def probability_picture(probability: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8 of probabilities (H, W) in [0, 1], between the colours of clear and cloud."""
    p = np.clip(probability, 0, 1)[..., None]
    picture: np.ndarray = np.rint(np.array(CLEAR_RGB) * (1 - p) + np.array(CLOUD_RGB) * p).astype(np.uint8)
    return picture


def disagreement_picture(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8: a dimmed mask where both agree, missed cloud in amber, false cloud in blue."""
    picture = (mask_picture(truth) * 0.45).astype(np.uint8)
    picture[(truth > 0) & (predicted == 0)] = MISSED_RGB
    picture[(truth == 0) & (predicted > 0)] = FALSE_RGB
    return picture


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """An image (H, W[, C]) reduced by block averages so that its longer side is at most `longest` pixels."""
    factor = -(-max(image.shape[:2]) // longest)
    if factor <= 1:
        return image
    height, width = (side // factor * factor for side in image.shape[:2])
    blocks = image[:height, :width].reshape(
        height // factor, factor, width // factor, factor, *image.shape[2:]
    )
    mean = blocks.mean(axis=(1, 3), dtype=np.float32)
    shrunk: np.ndarray = (np.rint(mean) if image.dtype.kind in "ui" else mean).astype(image.dtype)
    return shrunk


def _bytes(rgb: np.ndarray) -> np.ndarray:
    quantised: np.ndarray = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return quantised
