"""Frames: the dark around a round field of view."""

import numpy as np
from scipy.ndimage import binary_propagation, generate_binary_structure


def find_frame(is_dark: np.ndarray) -> np.ndarray:
    """Returns (..., H, W) bool: the dark pixels that reach the border through dark ones.

    Args:
        is_dark: (..., H, W) bool, of a picture or a stack of them.
    """
    rim = np.zeros_like(is_dark)
    rim[..., [0, -1], :] = rim[..., [0, -1]] = True
    cross = generate_binary_structure(2, 1).reshape((1,) * (is_dark.ndim - 2) + (3, 3))
    return np.asarray(binary_propagation(rim & is_dark, structure=cross, mask=is_dark), bool)
