"""The word that pictures of synthetic scenes carry, so that nobody takes them for satellite images."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORD = "SYNTHETIC"


def stamped(picture: np.ndarray, dark: int, light: int) -> np.ndarray:
    """The picture (h, w) or (h, w, 3) as uint8 with the word in its corner, light on dark."""
    words = Image.new("L", (62, 13), 0)
    ImageDraw.Draw(words).text((3, 1), WORD, fill=255, font=ImageFont.load_default(10))
    stamp = np.where(np.asarray(words)[: picture.shape[0], : picture.shape[1]] > 127, light, dark)
    result = np.array(picture, np.uint8)
    height, width = stamp.shape
    result[:height, :width] = stamp if result.ndim == 2 else stamp[..., None]
    return result
