"""Picture: a drawn lesion, what was done to its file, and the bytes that come of both."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lesionlab.phantoms.drawing import Lesion, View, draw_lesion

CLEAN_QUALITY = 90
"""Quality of the JPEG files of a phantom without faults."""

Edit = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Gives (H, W, 3) uint8 RGB for (H, W, 3) uint8 RGB and a source of randomness."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image file; equal pictures have equal bytes."""

    lesion: Lesion
    """What is seen."""
    view: View
    """How it is seen; its seed is the seed of the edits too."""
    edits: tuple[Edit, ...] = ()
    """What a fault does to the pixels of the file, in this order; functions of a module."""
    quality: int = CLEAN_QUALITY
    """Quality of the JPEG file, 1 to 95."""
    comment_bytes: int = 0
    """Length of a comment in the file, up to 65,533."""

    @property
    def drawn(self) -> "Picture":
        """The picture before a fault was done to its file."""
        return Picture(lesion=self.lesion, view=self.view)

    @property
    def is_drawn_only(self) -> bool:
        """Whether no fault was done to the file."""
        return self == self.drawn


def draw_picture(picture: Picture) -> bytes:
    """Return the JPEG file of a picture, drawn and then edited."""
    drawn = _encode(draw_lesion(picture.lesion, picture.view), CLEAN_QUALITY, 0)
    return edit_picture(picture, drawn)


def edit_picture(picture: Picture, drawn: bytes) -> bytes:
    """Return the JPEG file of a picture whose drawn file is there already.

    A fault is done to the file, not to the drawing, as in life: so an edited picture has the
    same bytes whether its lesion was drawn now or long ago.
    """
    if picture.is_drawn_only:
        return drawn
    with Image.open(io.BytesIO(drawn)) as image:
        pixels = np.asarray(image)
    # Not the seed of the view itself, which the drawing has used up.
    rng = np.random.default_rng((*picture.view.seed, 1))
    for edit in picture.edits:
        pixels = edit(pixels, rng)
    return _encode(pixels, picture.quality, picture.comment_bytes)


def _encode(pixels: np.ndarray, quality: int, comment_bytes: int) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(buffer, "JPEG", quality=quality, comment=b"." * comment_bytes)
    return buffer.getvalue()
