"""Views of one picture: the plain one, and others turned, cropped and tinted by seed."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from lesionlab.imaging.preprocessing import Preprocessing

VIEW_VERSION = 1
"""Raised whenever the same seed would give another view."""
SMALLEST_CROP = 0.75
"""Smallest area of a crop, as a share of the picture's."""
STRONGEST_LIGHT = 0.1
"""Most that brightness is scaled up or down."""
STRONGEST_TINT = 0.05
"""Most that each colour channel is scaled up or down beside."""


def draw_view(
    rgb: np.ndarray, view: int, *, preprocessing: Preprocessing, seed: int, image_key: str
) -> np.ndarray:
    """View `view` of a picture, (S, S, 3) uint8; view 0 is the one that prediction sees.

    Args:
        rgb: (H, W, 3) uint8.
        view: number of the view.
        preprocessing: the size, and how view 0 is made.
        seed: of the recipe.
        image_key: what the picture is known by; with seed and view it decides every draw, so a
            view does not depend on the order of work.
    """
    if view == 0:
        return preprocessing.apply(rgb)
    digest = hashlib.sha256(f"{VIEW_VERSION}/{seed}/{view}/{image_key}".encode()).digest()
    generator = np.random.default_rng(np.frombuffer(digest, np.uint64))
    square = _crop(rgb, preprocessing.size_px, generator)
    square = np.rot90(square, int(generator.integers(4)))
    square = square[:, ::-1] if generator.random() < 0.5 else square
    return np.ascontiguousarray(_tint(square, generator))


def _crop(rgb: np.ndarray, size_px: int, generator: np.random.Generator) -> np.ndarray:
    """A random crop of the picture's own shape, squeezed into the square."""
    height, width = rgb.shape[:2]
    scale = np.sqrt(generator.uniform(SMALLEST_CROP, 1))
    left, top = generator.uniform(0, 1 - scale, 2) * (width, height)
    picture = Image.fromarray(rgb).resize(
        (size_px, size_px), Image.Resampling.BILINEAR,
        box=(left, top, left + scale * width, top + scale * height))
    return np.asarray(picture)


def _tint(rgb: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Brightness and channels scaled at random, by one table a channel."""
    light = 1 + generator.uniform(-STRONGEST_LIGHT, STRONGEST_LIGHT)
    channels = light * (1 + generator.uniform(-STRONGEST_TINT, STRONGEST_TINT, 3))
    tables = np.clip(np.arange(256) * channels[:, None], 0, 255).round().astype(np.uint8)
    return np.stack([tables[c][rgb[..., c]] for c in range(3)], axis=-1)
