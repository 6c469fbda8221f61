"""Thumbnails: small grey pictures that tell whether two images are copies of one picture."""

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

from lesionlab.imaging.frames import find_frame

THUMBNAIL_SIDE = 32
MIN_CORRELATION = 0.6
"""Of the detail of copies. It lies between the copies (99 % above 0.93, trimmed by 2 % of the
width: above 0.79) and pairs of different lesions of near hashes (90 % below 0.29)."""
MIN_DETAIL = 1.0
"""Root mean square of the detail, in grey levels, under which a thumbnail is a flat colour."""

_MAX_FLAT_DIFFERENCE = 26.0  # grey levels, a tenth of the range
_FRAME_GREY = 32
# Under which pixels that reach the border in both pictures are a frame, as of a dermatoscope.
_MIN_PIXELS = 100
# Of a thumbnail within the frame, to be compared.


def make_thumbnail(rgb: np.ndarray) -> np.ndarray:
    """Returns the picture squeezed to (32, 32) uint8 luma, each pixel the mean of its area.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
    """
    small = Image.fromarray(rgb).resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return np.array(small.convert("L"))


def are_same_picture(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns (M,) bool: whether each pair of thumbnails shows one picture.

    Nearly all lesions are a dark spot in the middle of light skin, which is what hashes
    compare; copies also agree in fine detail. Detail is the 4-neighbour Laplacian, and two
    pictures are the same where their details correlate, whatever the brightness and contrast;
    where both have a black frame, also those within it, for frames are alike. Flat pictures,
    without any detail, are the same where their grey is.

    Args:
        first: (M, 32, 32) uint8 luma, of `make_thumbnail`.
        second: the same shape.
    """
    one, other = find_detail(first), find_detail(second)
    power_one, power_other = np.mean(one**2, axis=1), np.mean(other**2, axis=1)
    # A product, and strict: a picture of one colour has no detail to divide by.
    is_alike = np.mean(one * other, axis=1) > MIN_CORRELATION * np.sqrt(power_one * power_other)
    likely = np.flatnonzero(is_alike)
    is_alike[likely] = _agree_within_frames(
        one[likely], other[likely], _find_frames(first[likely], second[likely]))
    is_flat = np.maximum(power_one, power_other) < MIN_DETAIL**2
    means = [np.mean(flat[is_flat], axis=(1, 2)) for flat in (first, second)]
    is_alike[is_flat] = np.abs(means[0] - means[1]) <= _MAX_FLAT_DIFFERENCE
    return is_alike


def find_detail(thumbnails: np.ndarray) -> np.ndarray:
    """(M, 900) float32: the Laplacian, with 4 neighbours, of the inner pixels."""
    grey = thumbnails.astype(np.float32)
    inner = 4 * grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (inner - around).reshape(len(grey), (THUMBNAIL_SIDE - 2) ** 2)


def _find_frames(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(M, 900) bool: inner pixels whose detail is that of a black frame which both have."""
    frame = find_frame(np.maximum(first, second) < _FRAME_GREY)
    # Pixels at the edge are a mixture, and the detail of their neighbours is of that too.
    frame = binary_dilation(frame, np.ones((1, 5, 5), bool))
    return frame[:, 1:-1, 1:-1].reshape(len(frame), (THUMBNAIL_SIDE - 2) ** 2)


def _agree_within_frames(one: np.ndarray, other: np.ndarray, is_frame: np.ndarray) -> np.ndarray:
    """(M,) bool, true also where too little lies within the frame, or nothing is to be seen there.

    Args:
        one: (M, 900) float32 detail.
        other: the same shape.
        is_frame: (M, 900) bool, of `_find_frames`.
    """
    count = (~is_frame).sum(axis=1)
    powers = [np.where(is_frame, 0, detail**2).sum(axis=1) for detail in (one, other)]
    product = np.where(is_frame, 0, one * other).sum(axis=1)
    is_flat = np.maximum(*powers) < MIN_DETAIL**2 * count
    return (product > MIN_CORRELATION * np.sqrt(powers[0] * powers[1])) | is_flat | (
        count < _MIN_PIXELS)
