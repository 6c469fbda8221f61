"""Whether one picture shows what another does, seen closely: fitted in place, then compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter, uniform_filter

from lesionlab.imaging.frames import find_frame
from lesionlab.imaging.placement import MIRRORED, Placement, turn_picture

WHOLE_SIDE, PART_SIDE = 96, 64
"""Pixels of the squares in which the whole picture and the part are compared."""
LEAST_COARSE, LEAST_FINE = 0.85, 0.65
"""Correlations of coarse and of fine detail from which two pictures are one. Of pairs of different
lesions in HAM10000, 4 have more, all of one lesion under two ids; of 1,900 altered copies of
pictures from three cohorts, 99 % have more where the file was not compressed hard as well."""
LEAST_SEEN = 0.15
"""Share of the part that must lie inside the whole and outside dark corners."""
CROPPED = 0.95
"""Share of the area under which one picture is called a crop of the other."""

_NUM_STEPS = 8
_MOST_MOVED = 0.05  # of the sides, in a step
_LEAST_MOVED = 2e-4
_NOISE = 1.0  # grey levels: detail that compression leaves behind is none
_AROUND = 11  # pixels over which detail is levelled
_DARK = 0.3  # of the brightest pixels: the dark around the field of view
_TONE = 5.0  # grey levels, or percent of the contrast, that no compression changes


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How far two pictures are one."""

    place: Placement
    """Of the part in the whole."""
    coarse: float
    """Correlation of detail of 2 to 6 pixels of 64, whatever the light, in [-1, 1]."""
    fine: float
    """Correlation of detail of a pixel or two of 64, in [-1, 1]; two photographs of one lesion
    differ in it, though they were taken in one sitting."""
    is_retouched: bool
    """Whether brightness or contrast differ."""

    @property
    def is_cropped(self) -> bool:
        """Whether one picture shows less than the other."""
        return min(self.place.area, 1 / self.place.area) < CROPPED

    @property
    def is_same(self) -> bool:
        """Whether both pictures come from one photograph."""
        return self.coarse >= LEAST_COARSE and self.fine >= LEAST_FINE

    def describe(self) -> str:
        """How the pictures differ, in words."""
        turn = self.place.turn
        found = {"mirrored": turn in MIRRORED, "turned": turn not in MIRRORED and turn != 0,
                 "cropped": self.is_cropped, "retouched": self.is_retouched}
        return ", ".join(name for name, is_so in found.items() if is_so) or "encoded again"


def square_picture(rgb: np.ndarray, side: int) -> np.ndarray:
    """(side, side) float32 grey levels of (H, W, 3) uint8, each the mean of its area."""
    grey = Image.fromarray(rgb).convert("L")
    return np.asarray(grey.resize((side, side), Image.Resampling.BOX), np.float32)


def compare_pictures(whole: np.ndarray, part: np.ndarray, start: Placement) -> Likeness:
    """Fit the part into the whole from near its place, and say how alike both are there.

    Args:
        whole: (96, 96) float32 grey levels, of `square_picture`.
        part: (64, 64) float32 grey levels.
        start: not further off than a few percent.
    """
    part = turn_picture(part, start.turn)
    place = _fit_place(whole, part, start)
    seen, is_seen = _see(whole, place)
    is_compared = is_seen & _find_field(seen) & _find_field(part)
    if is_compared.mean() < LEAST_SEEN:
        return Likeness(place=place, coarse=0.0, fine=0.0, is_retouched=False)
    return Likeness(place=place, is_retouched=_differ_in_tone(seen, part, is_compared),
                    coarse=_compare_detail(seen, part, is_compared, 0.7, 2.0),
                    fine=_compare_detail(seen, part, is_compared, 0.0, 1.0))


def _fit_place(whole: np.ndarray, part: np.ndarray, place: Placement) -> Placement:
    """The place where the squared difference is least, up to gain and offset.

    Gauss and Newton on left, top, width, height, gain and offset (Lucas & Kanade 1981).
    """
    gradients = np.gradient(whole)
    across = (np.arange(PART_SIDE, dtype=np.float32) + 0.5) / PART_SIDE
    for _ in range(_NUM_STEPS):
        seen, is_seen = _see(whole, place)
        down, right = (_see(slope, place)[0] * WHOLE_SIDE for slope in gradients)
        columns = [right, down, right * across, down * across[:, None], seen, np.ones_like(seen)]
        matrix = np.stack([column[is_seen] for column in columns], axis=1).astype(np.float64)
        moved = np.linalg.lstsq(matrix.T @ matrix, matrix.T @ part[is_seen], rcond=None)[0]
        gain = float(moved[4])
        if abs(gain) < 1e-3:
            break
        steps = np.clip(moved[:4] / gain, -_MOST_MOVED, _MOST_MOVED)
        place = _move(place, steps)
        if np.abs(steps).max() < _LEAST_MOVED:
            break
    return place


def _move(place: Placement, steps: np.ndarray) -> Placement:
    left, top, width, height = steps.tolist()
    return replace(place, left=place.left + left, top=place.top + top,
                   width=max(place.width + width, 0.5), height=max(place.height + height, 0.5))


def _see(whole: np.ndarray, place: Placement) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) float32 of the part of the whole at a place, and bool where the whole has any."""
    down, is_down = _sample(place.top, place.height)
    right, is_right = _sample(place.left, place.width)
    return down @ whole @ right.T, is_down[:, None] & is_right


def _sample(start: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    """(64, 96) float32 that interpolates a span of a side, and (64,) bool, inside of it."""
    places = WHOLE_SIDE * (start + length * (np.arange(PART_SIDE) + 0.5) / PART_SIDE) - 0.5
    reach = max(1.0, length * WHOLE_SIDE / PART_SIDE)
    weights = np.clip(1 - np.abs(np.arange(WHOLE_SIDE) - places[:, None]) / reach, 0, None)
    sums = np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    return (weights / sums).astype(np.float32), (places > -0.5) & (places < WHOLE_SIDE - 0.5)


def _differ_in_tone(one: np.ndarray, other: np.ndarray, is_compared: np.ndarray) -> bool:
    """Whether brightness or contrast of what any encoding keeps differ."""
    weight = is_compared.astype(np.float32)
    first, second = (_blur(grey, weight, 2.0)[is_compared] for grey in (one, other))
    contrast = second.std() / max(first.std(), 1e-3)
    return bool(abs(second.mean() - first.mean()) > _TONE or abs(contrast - 1) > _TONE / 100)


def _find_field(grey: np.ndarray) -> np.ndarray:
    """(64, 64) bool: not the dark around a round field of view, nor its edge."""
    around = find_frame(grey < _DARK * np.quantile(grey, 0.95))
    return ~np.asarray(binary_dilation(around, iterations=3), bool)


def _compare_detail(
    one: np.ndarray, other: np.ndarray, is_compared: np.ndarray, finest: float, coarsest: float
) -> float:
    """Correlation of two bands of detail, each as strong anywhere as elsewhere.

    Levelled, an edge of high contrast that any two lesions have counts no more than fine detail.
    """
    levels = [_level_detail(grey, is_compared.astype(np.float32), finest, coarsest)[is_compared]
              for grey in (one, other)]
    first, second = (level - level.mean() for level in levels)
    return float(first @ second / np.sqrt(max((first @ first) * (second @ second), 1e-6)))


def _level_detail(
    grey: np.ndarray, weight: np.ndarray, finest: float, coarsest: float
) -> np.ndarray:
    """(64, 64) float32: what is between two blurs, over how strong it is around."""
    band = (_blur(grey, weight, finest) - _blur(grey, weight, coarsest)) * weight
    around = uniform_filter(band**2, _AROUND) / np.maximum(uniform_filter(weight, _AROUND), 1e-3)
    return band / np.sqrt(around + _NOISE**2)


def _blur(grey: np.ndarray, weight: np.ndarray, deviation: float) -> np.ndarray:
    """The mean around each pixel of those that have weight."""
    if not deviation:
        return grey
    total = gaussian_filter(weight, deviation)
    return gaussian_filter(grey * weight, deviation) / np.maximum(total, 1e-3)
