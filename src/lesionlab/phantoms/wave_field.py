"""Random textures made of plane waves, exact under any pose of the lesion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.floating]
"""Drawn in float32; numpy's annotations widen float32 times a number, so the alias is wider."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """How a lesion lies in a picture; lesion coordinates have its radius as their unit."""

    width: int
    """Picture width in pixels."""
    height: int
    """Picture height in pixels."""
    center_x: float
    """Column of the lesion's centre in pixels."""
    center_y: float
    """Row of the lesion's centre in pixels."""
    radius: float
    """Mean radius of the lesion in pixels."""
    angle: float
    """Rotation of the lesion in radians."""

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the linear part (2, 2) and the offset (2,) of pixel (x, y) -> lesion (x, y)."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        linear = np.array([[cosine, sine], [-sine, cosine]]) / self.radius
        return linear, -linear @ np.array([self.center_x, self.center_y])

    def coordinates(self) -> tuple[FloatImage, FloatImage]:
        """Return lesion x and y of every pixel, each (height, width) float32 in lesion radii."""
        linear, offset = self.axes()
        columns = np.arange(self.width)
        rows = np.arange(self.height)[:, None]
        x = linear[0, 0] * columns + linear[0, 1] * rows + offset[0]
        y = linear[1, 0] * columns + linear[1, 1] * rows + offset[1]
        return x.astype(np.float32), y.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class WaveField:
    """A stationary random field of mean 0 and variance 1 over the plane of the lesion."""

    frequencies: NDArray[np.float64]
    """(K, 2) in cycles per lesion radius."""
    amplitudes: NDArray[np.float64]
    """(K,) whose squares sum to 2, which makes the variance 1."""
    phases: NDArray[np.float64]
    """(K,) in radians."""

    def values(self, pose: Pose) -> FloatImage:
        """Return the field seen in a pose, (height, width) float32."""
        # A plane wave stays one under an affine map, and cos(a + b) splits into rows and columns:
        # so the whole sum is one small matrix product, many times faster than sampling a texture.
        linear, offset = pose.axes()
        per_pixel = (2 * np.pi * self.frequencies @ linear).astype(np.float32)
        start = (2 * np.pi * self.frequencies @ offset + self.phases).astype(np.float32)
        across = per_pixel[:, :1] * np.arange(pose.width, dtype=np.float32)
        down = np.arange(pose.height, dtype=np.float32)[:, None] * per_pixel[:, 1] + start
        left = np.concatenate([np.cos(down), -np.sin(down)], axis=1)
        left *= np.tile(self.amplitudes.astype(np.float32), 2)
        return left @ np.concatenate([np.cos(across), np.sin(across)], axis=0)


def cell_field(rng: np.random.Generator, frequency: float, *, spread: float = 0.15) -> WaveField:
    """Return a field with cells of one size, for networks, globules and blotches.

    Args:
        rng: source of the randomness.
        frequency: cells per lesion radius.
        spread: relative standard deviation of the frequency.
    """
    num_waves = 24
    lengths = frequency * np.exp(spread * rng.standard_normal(num_waves))
    return _wave_field(rng, lengths, np.ones(num_waves))


def cloud_field(rng: np.random.Generator, lowest: float, highest: float) -> WaveField:
    """Return a field with detail between two frequencies, amplitude falling as 1 / frequency.

    Args:
        rng: source of the randomness.
        lowest: cycles per lesion radius of the coarsest detail.
        highest: cycles per lesion radius of the finest detail.
    """
    lengths = np.geomspace(lowest, highest, 28)
    return _wave_field(rng, lengths, 1 / lengths)


def _wave_field(
    rng: np.random.Generator, lengths: NDArray[np.float64], weights: NDArray[np.float64]
) -> WaveField:
    directions = rng.uniform(0, 2 * np.pi, len(lengths))
    unit = np.stack([np.cos(directions), np.sin(directions)], axis=1)
    return WaveField(
        frequencies=lengths[:, None] * unit,
        amplitudes=weights * np.sqrt(2 / np.sum(weights**2)),
        phases=rng.uniform(0, 2 * np.pi, len(lengths)),
    )
