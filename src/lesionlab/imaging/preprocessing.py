"""From decoded pixels to the square that a network sees; the same in training and prediction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Squeeze the whole picture into a square: a cut square would lose lesions at the edge."""

    size_px: int
    """Side of the square, in pixels."""
    decode_side: int
    """Most pixels on the shorter side of the decoded picture: what training images were stored at,
    so that a larger file is reduced in prediction just as it was for training."""

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """A new (size_px, size_px, 3) uint8 square of an (H, W, 3) uint8 picture."""
        side = (self.size_px, self.size_px)
        return np.array(Image.fromarray(rgb).resize(side, Image.Resampling.BILINEAR))

    def to_dict(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return asdict(self)
