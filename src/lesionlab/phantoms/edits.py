"""What is done to the pixels of a file: marks, casts, blur, crops."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from lesionlab.phantoms.dermatoscope import (
    add_dark_corners,
    add_hair,
    add_ruler,
    find_grid,
)
from lesionlab.phantoms.wave_field import FloatImage

_CASTS = ((0.72, 0.88, 1.15), (0.75, 1.05, 0.75), (1.05, 1.0, 0.50), (1.08, 0.70, 1.02))
"""Gains of red, green and blue: a blue, a green, a yellow and a pink cast."""

_INK = np.array([0.42, 0.20, 0.58], np.float32)[:, None, None]
"""What gentian violet, the pen of surgeons, lets through of red, green and blue."""


def darken_corners(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture in a round field of view, narrower than any of a clean phantom."""
    radius = rng.uniform(0.95, 1.10)
    return _as_light(pixels, lambda image: add_dark_corners(image, radius))


def lay_ruler(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture with a scale along its lower edge."""
    return _as_light(pixels, add_ruler)


def lay_hair(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture under 30 to 50 hairs."""
    num_hairs = int(rng.integers(30, 51))
    return _as_light(pixels, lambda image: add_hair(image, num_hairs, rng))


def draw_ink(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture with strokes of a surgeon's pen around the lesion."""
    x, y = find_grid(pixels.shape[1], pixels.shape[0])
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    cover = np.zeros(pixels.shape[:2], np.float32)
    for start in rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(4) / 4:
        turned = (angle - start) % (2 * np.pi)
        path = rng.uniform(0.78, 0.92) + rng.normal(0, 0.04) * np.cos(3 * turned)
        stroke = 1.6 - np.abs(distance - path) / rng.uniform(0.025, 0.04)
        cover = np.maximum(cover, np.clip(stroke, 0, 1) * (turned < rng.uniform(0.5, 1.2)))
    return _as_light(pixels, lambda image: image * (1 + 0.9 * cover * (_INK - 1)))


def swap_channels(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture with red and blue exchanged, as a program that reads BGR writes it."""
    return pixels[..., ::-1]


def cast_colour(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture in blue, green, yellow or pink light."""
    return _scaled(pixels, _CASTS[rng.integers(len(_CASTS))])


def warm_light(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture in the dim warm light of an old lamp."""
    return _scaled(pixels, (0.88, 0.76, 0.62))


def blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture out of focus: a Gaussian of 1.5 to 2.5 % of its height."""
    radius = rng.uniform(0.015, 0.025) * pixels.shape[0]
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def blank(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of nothing: nearly black as under the lens cap, or overexposed white."""
    level = rng.choice([rng.uniform(0, 8), 252.0])
    return np.clip(level + rng.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)


def enlarge(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture in one and a half times its size."""
    return _resized(pixels, 1.5)


def shrink(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture in 6 tenths of its size."""
    return _resized(pixels, 0.6)


def mirror(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the picture with left and right exchanged."""
    return pixels[:, ::-1]


def crop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a part of the picture, 80 to 90 % of its width and height."""
    share = rng.uniform(0.8, 0.9)
    height, width = (round(share * size) for size in pixels.shape[:2])
    top = int(rng.integers(pixels.shape[0] - height + 1))
    left = int(rng.integers(pixels.shape[1] - width + 1))
    return pixels[top:top + height, left:left + width]


def change_brightness(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture a fifth to a third darker or brighter."""
    gain = rng.choice([rng.uniform(0.67, 0.8), rng.uniform(1.2, 1.33)])
    return _scaled(pixels, (gain, gain, gain))


def _scaled(pixels: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    return np.clip(pixels * np.array(gains) + 0.5, 0, 255).astype(np.uint8)


def _resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    height, width = (round(scale * size) for size in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def _as_light(pixels: np.ndarray, change: Callable[[FloatImage], FloatImage]) -> np.ndarray:
    """Return the picture changed as (3, H, W) float32 in [0, 1]."""
    light = change(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
    return (np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
