"""Joining an image's vector and encoded metadata, to logits.

Shapes: B images, D features of the image, M encoded metadata, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lesionlab.core.recipe import Recipe


class ConcatFusion(nn.Module):
    """The image's vector beside a small perceptron of the metadata, and a head on both."""

    def __init__(self, metadata: nn.Module | None, head: nn.Module) -> None:
        super().__init__()
        self.metadata, self.head = metadata, head

    def forward(self, z_BD: Tensor, metadata_BM: Tensor) -> Tensor:
        """Logits (B, K)."""
        if self.metadata is not None:
            z_BD = torch.cat([z_BD, self.metadata(metadata_BM)], dim=1)
        return self.head(z_BD)


class MetaBlock(nn.Module):
    """Metadata that scale and shift the image's channels, and a head on the result.

    Pacheco and Krohling 2021, doi 10.1109/JBHI.2021.3062002, equation 2, on the pooled vector.
    """

    def __init__(self, num_features: int, metadata: nn.Module, width: int, head: nn.Module) -> None:
        super().__init__()
        self.metadata, self.head = metadata, head
        self.scale = nn.Linear(width, num_features)
        self.shift = nn.Linear(width, num_features)

    def forward(self, z_BD: Tensor, metadata_BM: Tensor) -> Tensor:
        """Logits (B, K)."""
        m_BW = self.metadata(metadata_BM)
        return self.head(torch.sigmoid(torch.tanh(z_BD * self.scale(m_BW)) + self.shift(m_BW)))


def build_fusion(
    recipe: Recipe, num_features: int, num_metadata: int, num_classes: int
) -> ConcatFusion | MetaBlock:
    """What a recipe puts behind a vector of `num_features` and `num_metadata` encoded values."""
    model = recipe.model
    if not num_metadata:
        return ConcatFusion(None, _build_head(recipe, num_features, num_classes))
    metadata = _build_layers(num_metadata, model.metadata_units)
    width = model.metadata_units[-1]
    if model.fusion == "metablock":
        return MetaBlock(num_features, metadata, width,
                         _build_head(recipe, num_features, num_classes))
    return ConcatFusion(metadata, _build_head(recipe, num_features + width, num_classes))


def _build_layers(width: int, units: Sequence[int]) -> nn.Sequential:
    layers = nn.Sequential()
    for wanted in units:
        layers.extend([nn.Linear(width, wanted), nn.ReLU()])
        width = wanted
    return layers


def _build_head(recipe: Recipe, width: int, num_classes: int) -> nn.Sequential:
    """Hidden layers with dropout after each; without any, dropout before the only layer."""
    layers = nn.Sequential()
    if not recipe.model.hidden_units:
        layers.append(nn.Dropout(recipe.model.dropout))
    for units in recipe.model.hidden_units:
        layers.extend([nn.Linear(width, units), nn.ReLU(), nn.Dropout(recipe.model.dropout)])
        width = units
    return layers.append(nn.Linear(width, num_classes))
