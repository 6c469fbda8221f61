"""Views of a picture altered in known ways, to learn what an alteration does to features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lesionlab.imaging.preprocessing import Preprocessing

ALTERATIONS = ("turned", "upside down", "mirrored", "cropped")
"""What is done to the picture in each view, by its number."""
CROPPED_SHARE = 0.8
"""Width and height of the part that is left of a cropped one."""
ALTERING_VERSION = 1
"""Raised whenever the same picture would be altered otherwise."""


def alter_picture(rgb: np.ndarray, view: int) -> np.ndarray:
    """A view of (H, W, 3) uint8, altered as `ALTERATIONS[view]` says."""
    if ALTERATIONS[view] == "turned":
        return np.rot90(rgb)
    if ALTERATIONS[view] == "upside down":
        return rgb[::-1]
    if ALTERATIONS[view] == "mirrored":
        return rgb[:, ::-1]
    height, width = (round(CROPPED_SHARE * side) for side in rgb.shape[:2])
    # From a corner, which is as far from the middle as a crop can be.
    return rgb[:height, :width]


@dataclass(frozen=True, kw_only=True)
class AlteredViews:
    """A view of each picture for each of `ALTERATIONS`; see `training.embedding`."""

    preprocessing: Preprocessing

    def describe(self, view: int) -> dict[str, Any]:
        """Preprocessing and alteration."""
        return {"preprocessing": self.preprocessing.to_dict(), "altered": ALTERATIONS[view],
                "altering_version": ALTERING_VERSION}

    def draw(
        self, pictures: Mapping[str, np.ndarray], keys: Mapping[str, str],
        items: Sequence[tuple[int, str]],
    ) -> np.ndarray:
        """(B, S, S, 3) uint8 of each (view, id), of (H, W, 3) uint8 pictures by id."""
        del keys
        return np.stack([
            self.preprocessing.apply(np.ascontiguousarray(alter_picture(pictures[name], view)))
            for view, name in items])
