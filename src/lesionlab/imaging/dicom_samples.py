"""Samples of a DICOM frame to 8 bits: as the file says they are shown, else their full range."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi,
    apply_windowing,
)

from lesionlab.core.errors import DecodeError

_ANYTHING = np.array([-1e12, 1e12])
"""Below and above every window."""


def to_eight_bits(samples: np.ndarray, dataset: Dataset, photometric: str) -> np.ndarray:
    """Returns (H, W) grey or (H, W, 3) RGB, uint8.

    Colour is scaled from the full range of its bits. Grey is shown through the file's lookup
    table or its first window where it has one, for that is what its maker meant to be seen;
    else the full range of its bits becomes 0 to 255. The range of the picture's own values is
    never taken: brightness would then depend on the brightest spot.

    Args:
        samples: (H, W) or (H, W, 3), integers as decoded.
        dataset: the elements of the Image Pixel, Modality LUT, VOI LUT and Palette modules.
        photometric: what the samples are after decoding.
    """
    if photometric == "PALETTE COLOR":
        colours = apply_color_lut(samples, dataset)[..., :3]
        # The upper byte: tables of 16 bits hold 8 there, with the same below or nothing.
        return (colours >> 8 * (colours.itemsize - 1)).astype(np.uint8)
    if photometric == "RGB":
        return _scale(samples, 0, 2**dataset.BitsStored - 1)
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise DecodeError("corrupt", f"the samples of the DICOM file cannot be {photometric} "
                          "without compression; export the file again")
    grey = _show_grey(samples, dataset)
    return 255 - grey if photometric == "MONOCHROME1" else grey


def _show_grey(samples: np.ndarray, dataset: Dataset) -> np.ndarray:
    values = apply_modality_lut(samples, dataset)
    if dataset.get("VOILUTSequence"):
        high = 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
        return _scale(apply_voi(values, dataset), 0, high)
    if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        low, high = apply_windowing(_ANYTHING, dataset)
        return _scale(apply_windowing(values, dataset), low, high)
    bits = dataset.BitsStored
    is_signed = dataset.get("PixelRepresentation", 0) == 1
    ends = np.array([0, 2**bits - 1]) - (2 ** (bits - 1) if is_signed else 0)
    low, high = sorted(apply_modality_lut(ends, dataset))
    return _scale(values, low, high)


def _scale(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from `low` to `high` as 0 to 255, rounded to nearest."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values
    shares = (values.astype(np.float64) - low) / (high - low)
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
