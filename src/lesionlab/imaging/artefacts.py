"""What lies on the skin or in front of it, as it shows in the brightness of a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_HAIR_WIDTH, _HAIR_LENGTH = 1 / 28, 1 / 8
"""Widest and shortest dark line that counts as a hair, as shares of the picture's shorter side."""
_LEAST_DEPTH = 16
"""Grey levels by which a hair is darker than the skin beside it."""
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
"""Steps down and to the right of the eight directions in which a hair may run."""
_NUM_STRIPS, _STRIP_DEPTH = 4, 1 / 16
"""How many strips along each side are searched for a scale, and the depth of each."""
_LEAST_PERIOD = 4
"""Fewest pixels from tick to tick."""
_LEAST_TICKS = 6
"""Fewest ticks of a scale."""
_MOST_TICK = 60.0
"""Grey levels above which a tick counts as no darker: one hair must not drown the rest."""

_Fold = Callable[[np.ndarray, np.ndarray], np.ndarray]


def find_dark_lines(grey: np.ndarray) -> np.ndarray:
    """(H, W) uint8: by how much each pixel is darker than what a thin line there would hide.

    The black top-hat: a morphological closing with a square, less the picture.

    Args:
        grey: (H, W) uint8.
    """
    size = max(3, int(min(grey.shape) * _HAIR_WIDTH) // 2 * 2 + 1)
    closed = np.pad(grey, size // 2 * 2, mode="edge")
    for fold in (np.maximum, np.minimum):
        for axis in (0, 1):
            closed = _slide(fold, closed, size, axis)
    return closed - grey


def find_hair(dark_lines: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels on long, dark, thin lines.

    Of the dark lines those are kept that reach on in one of eight directions, by a morphological
    opening, as DullRazor finds hair (Lee et al. 1997, doi 10.1016/S0010-4825(97)00020-6). The
    ridges of palms and soles and a coarse pigment network count too where they are dark.

    Args:
        dark_lines: (H, W) uint8, of `find_dark_lines`.
    """
    length = min(dark_lines.shape) * _HAIR_LENGTH
    kept = np.zeros_like(dark_lines)
    for down, right in _DIRECTIONS:
        num_steps = max(3, round(length / np.hypot(down, right)))
        eroded = _reach(np.minimum, dark_lines, (down, right), num_steps)
        np.maximum(kept, _reach(np.maximum, eroded, (-down, -right), num_steps), out=kept)
    return kept > _LEAST_DEPTH


def measure_ruler(dark_lines: np.ndarray) -> float:
    """How regularly dark ticks follow each other along one side of the picture, 0 to 1.

    The best autocorrelation of strips along the four sides, at a lag, its double and its
    treble, above the least correlation of any smaller lag.

    Args:
        dark_lines: (H, W) uint8, of `find_dark_lines`.
    """
    depth = max(1, int(min(dark_lines.shape) * _STRIP_DEPTH))
    best = 0.0
    for turns in range(4):
        side = np.rot90(dark_lines, turns)[: depth * _NUM_STRIPS]
        strips = side[: len(side) // depth * depth].reshape(-1, depth, side.shape[1])
        profiles = np.minimum(strips.mean(axis=1, dtype=np.float32), np.float32(_MOST_TICK))
        best = max(best, _measure_regularity(profiles))
    return float(min(best, 1.0))


def _measure_regularity(profiles: np.ndarray) -> float:
    """The best score of (N, L) float32 profiles; 0 where they are flat or too short."""
    length = profiles.shape[1]
    lags = np.arange(_LEAST_PERIOD, length // _LEAST_TICKS + 1)
    profiles = profiles[profiles.var(axis=1) > 1]
    if not len(lags) or not len(profiles):
        return 0.0
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(profiles, 2 * length)) ** 2
    found = np.fft.irfft(power)[:, :length]
    # Fewer pairs are that far apart; with that made up for, a perfect scale gives 1.
    found *= length / np.arange(length, 0, -1) / found[:, :1]
    is_peak = (found[:, lags] >= found[:, lags - 1]) & (found[:, lags] >= found[:, lags + 1])
    repeated = np.minimum(np.minimum(found[:, lags], found[:, 2 * lags]), found[:, 3 * lags])
    dips = np.maximum(np.minimum.accumulate(found, axis=1)[:, lags], 0)
    return float(np.where(is_peak, repeated - dips, 0).max())


def _slide(fold: _Fold, values: np.ndarray, size: int, axis: int) -> np.ndarray:
    """The fold over every whole window of `size` along an axis, by windows of doubled size."""
    values = np.swapaxes(values, axis, 0)
    done = 1
    while done < size:
        step = min(done, size - done)
        values = fold(values[:-step], values[step:])
        done += step
    return np.swapaxes(values, axis, 0)


def _reach(
    fold: _Fold, values: np.ndarray, step: tuple[int, int], num_steps: int
) -> np.ndarray:
    """The fold over each pixel and the next ones in steps of (down, right); outside is 0."""
    done = 1
    while done < num_steps:
        further = min(done, num_steps - done)
        values = fold(values, _shift(values, step[0] * further, step[1] * further))
        done += further
    return values


def _shift(values: np.ndarray, down: int, right: int) -> np.ndarray:
    """(H, W): at each pixel the value that lies `down` and `right` of it, 0 where none does."""
    height, width = values.shape
    shifted = np.zeros_like(values)
    (to_rows, from_rows), (to_columns, from_columns) = (
        (slice(max(-by, 0), size - max(by, 0)), slice(max(by, 0), size - max(-by, 0)))
        for by, size in ((down, height), (right, width)))
    if abs(down) < height and abs(right) < width:
        shifted[to_rows, to_columns] = values[from_rows, from_columns]
    return shifted
