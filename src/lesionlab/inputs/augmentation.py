"""Random views of an image as numbers: where each pixel is taken from, and how it is coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TRANSFORM_VERSION = 1
"""Raised whenever the same seed would give another transform."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The ranges that views are drawn from."""

    smallest_area: float
    """Smallest area of a crop, as a share of the picture's."""
    most_stretch: float
    """Most that a crop is wider or higher than the picture, as a factor."""
    most_turn_deg: float
    """Most that a view is turned, in degrees, beside quarter turns."""
    has_quarter_turns: bool
    """Whether views are also turned by 90, 180 and 270 degrees and flipped upside down."""
    most_light: float
    """Most that brightness is scaled up or down."""
    most_tint: float
    """Most that each colour channel is scaled up or down beside."""
    most_contrast: float
    """Most that the distance to mid grey is scaled up or down."""


AUGMENTATIONS = {
    "light": Augmentation(
        smallest_area=0.75, most_stretch=1.0, most_turn_deg=0.0, has_quarter_turns=True,
        most_light=0.1, most_tint=0.05, most_contrast=0.0),
    # Keras: RandomFlip("horizontal"), RandomRotation(0.1), RandomZoom(0.1)
    "study": Augmentation(
        smallest_area=0.81, most_stretch=1.0, most_turn_deg=36.0, has_quarter_turns=False,
        most_light=0.0, most_tint=0.0, most_contrast=0.0),
    "strong": Augmentation(
        smallest_area=0.5, most_stretch=1.15, most_turn_deg=20.0, has_quarter_turns=True,
        most_light=0.15, most_tint=0.08, most_contrast=0.15),
}
"""By the names of `image.augmentation`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Transforms:
    """How N views are made of N squares."""

    matrices: np.ndarray
    """(N, 2, 3) float32: from a place in the view to one in the square, both (x, y) from -1 to 1,
    as torch.nn.functional.affine_grid takes them."""
    gains: np.ndarray
    """(N, 3) float32: factor of each channel."""
    offsets: np.ndarray
    """(N, 3) float32: added to each channel after that, in levels of 0 to 255."""


def hash_keys(digests: Sequence[str]) -> np.ndarray:
    """(N,) uint64 that stand for N images in `draw_transforms`, from their SHA-256 in hex."""
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)


def draw_transforms(
    name: str, seed: int, views: np.ndarray, image_keys: np.ndarray
) -> Transforms:
    """The transform of each (view, image); view 0 changes nothing.

    A transform depends on augmentation, seed, view and key alone, not on the order of work.

    Args:
        name: of `AUGMENTATIONS`.
        seed: of the recipe.
        views: (N,) int numbers of views.
        image_keys: (N,) uint64 of `hash_keys`.
    """
    ranges = AUGMENTATIONS[name]
    draws = iter(2 * _draw_uniforms(seed, views, image_keys, 12) - 1)
    area = ranges.smallest_area + (1 - ranges.smallest_area) * (next(draws) + 1) / 2
    stretch = np.sqrt(ranges.most_stretch) ** next(draws)
    width, height = (np.minimum(np.sqrt(area) * part, 1) for part in (stretch, 1 / stretch))
    angle = np.deg2rad(next(draws) * ranges.most_turn_deg)
    mirror = np.where(next(draws) < 0, -1.0, 1.0)
    quarter = np.floor(2 * (next(draws) + 1)) * (np.pi / 2)
    angle = angle + quarter if ranges.has_quarter_turns else angle
    cos, sin = np.cos(angle), np.sin(angle)
    matrices = np.stack([
        np.stack([width * cos * mirror, -width * sin, (1 - width) * next(draws)], axis=-1),
        np.stack([height * sin * mirror, height * cos, (1 - height) * next(draws)], axis=-1),
    ], axis=1)
    tint = 1 + np.stack([next(draws) for _ in range(3)], axis=-1) * ranges.most_tint
    gains = tint * (1 + next(draws) * ranges.most_light)[:, None]
    contrast = (1 + next(draws) * ranges.most_contrast)[:, None]
    is_plain = views == 0
    matrices[is_plain] = np.eye(2, 3)
    gains[is_plain], contrast[is_plain] = 1.0, 1.0
    return Transforms(matrices=matrices.astype(np.float32),
                      gains=(gains * contrast).astype(np.float32),
                      offsets=(gains * 127.5 * (1 - contrast)).astype(np.float32))


def _draw_uniforms(
    seed: int, views: np.ndarray, image_keys: np.ndarray, number: int
) -> np.ndarray:
    """(number, N) float64 in [0, 1) that follow from seed, view and key.

    SplitMix64 (Steele et al. 2014, doi 10.1145/2660193.2660195).
    """
    start = np.array([TRANSFORM_VERSION << 32 | seed], np.uint64)
    state = _mix(_mix(_mix(start) ^ views.astype(np.uint64)) ^ image_keys)
    steps = np.arange(1, number + 1, dtype=np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    return (_mix(state + steps) >> np.uint64(11)) / 2.0**53


def _mix(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 on (...) uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
