"""The small CNN of the original study: two convolutions, two poolings, one dense layer."""

from __future__ import annotations

from torch import nn

STUDY_CNN = "study_cnn"
"""Its name as a backbone."""


class StudyCnn(nn.Module):
    """Conv 32 3x3, pool, conv 64 3x3, pool, Dense 128, ReLU after each; no padding, as in Keras.

    It sees pixels from 0 to 1, as the study scaled them.
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        side = ((size_px - 2) // 2 - 2) // 2
        self.stages = nn.ModuleList([
            nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU())])
