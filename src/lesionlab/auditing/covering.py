"""Views of a picture with the lesion, or all but the rim, covered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from lesionlab.imaging.preprocessing import Preprocessing

View = Literal["whole", "surroundings", "rim"]
VIEWS: tuple[View, ...] = get_args(View)
COVER_VERSION = 1
"""Raised whenever the same picture would be covered otherwise."""
LESION_SHARE = 0.84
"""Width and height of the ellipse that covers the lesion, in those of the picture."""
RIM_SHARE = 0.06
"""Width of the rim that is left, in the sides of the picture."""


def cover_lesion(rgb: np.ndarray) -> np.ndarray:
    """A copy of (H, W, 3) uint8 whose middle ellipse has the mean colour of what is around it."""
    height, width = rgb.shape[:2]
    y, x = np.ogrid[:height, :width]
    from_middle = (((2 * y + 1) / height - 1) ** 2 + ((2 * x + 1) / width - 1) ** 2) ** 0.5
    return _fill(rgb, from_middle <= LESION_SHARE)


def cover_all_but_rim(rgb: np.ndarray) -> np.ndarray:
    """A copy of (H, W, 3) uint8 whose inside has the mean colour of the rim."""
    height, width = rgb.shape[:2]
    rim = max(1, round(RIM_SHARE * min(height, width)))
    is_inside = np.zeros((height, width), bool)
    is_inside[rim:height - rim, rim:width - rim] = True
    return _fill(rgb, is_inside)


def _fill(rgb: np.ndarray, is_covered: np.ndarray) -> np.ndarray:
    covered = rgb.copy()
    if not is_covered.all():
        covered[is_covered] = np.round(rgb[~is_covered].mean(axis=0))
    return covered


_COVERS: dict[View, Callable[[np.ndarray], np.ndarray]] = {
    "whole": lambda rgb: rgb, "surroundings": cover_lesion, "rim": cover_all_but_rim}


@dataclass(frozen=True, kw_only=True)
class CoveredViews:
    """The plain view of each picture after a part of it was covered; see `training.embedding`."""

    preprocessing: Preprocessing
    view: View

    def describe(self, view: int) -> dict[str, Any]:
        """Preprocessing and cover; the whole picture is described as in training."""
        assert view == 0, "there is one view of each picture"
        plain: dict[str, Any] = {"preprocessing": self.preprocessing.to_dict()}
        is_whole = self.view == "whole"
        return plain | ({} if is_whole else {"covered": self.view, "cover_version": COVER_VERSION})

    def draw(
        self, pictures: Mapping[str, np.ndarray], keys: Mapping[str, str],
        items: Sequence[tuple[int, str]],
    ) -> np.ndarray:
        """(B, S, S, 3) uint8 of each (0, id), of (H, W, 3) uint8 pictures by id."""
        del keys
        cover = _COVERS[self.view]
        return np.stack([self.preprocessing.apply(cover(pictures[name])) for _, name in items])
