"""Heads: from features to logits, as plain arrays that numpy and ONNX compute alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Head(Protocol):
    """What packing needs of a head."""

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, classes) float32 logits of (N, D) float32 features."""
        ...

    def tensors(self) -> dict[str, np.ndarray]:
        """Its weights by name; empty where it is no set of tensors."""
        ...


@dataclass(frozen=True, eq=False)
class Layer:
    """An affine layer."""

    weight: np.ndarray
    """(in, out) float32."""
    bias: np.ndarray
    """(out,) float32."""


@dataclass(frozen=True, eq=False)
class DenseHead:
    """Perceptrons with ReLU between their layers; the logits of several are averaged."""

    members: tuple[tuple[Layer, ...], ...]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, classes) float32 logits of (N, D) float32 features."""
        return np.mean([_forward(layers, features) for layers in self.members], axis=0)

    def tensors(self) -> dict[str, np.ndarray]:
        """Weight and bias of each layer of each member."""
        named = {}
        for m, layers in enumerate(self.members):
            for k, layer in enumerate(layers):
                named[f"head.{m}.{k}.weight"] = layer.weight
                named[f"head.{m}.{k}.bias"] = layer.bias
        return named


@dataclass(frozen=True, eq=False)
class BoostedHead:
    """Boosted trees."""

    booster: Any
    """A trained `lightgbm.Booster`, at its best round."""
    num_features: int

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, classes) float32 log probabilities of (N, D) float32 features."""
        shares = self.booster.predict(features)
        if shares.ndim == 1:  # of two classes it gives the second alone
            shares = np.stack([1 - shares, shares], axis=1)
        return np.log(np.maximum(shares, 1e-7)).astype(np.float32)

    def tensors(self) -> dict[str, np.ndarray]:
        """Nothing: trees are in the graph."""
        return {}


def prior_head(num_features: int, counts: np.ndarray) -> DenseHead:
    """The head that answers with the share of each class, whatever the features.

    Every class counts half an image more than it has (Jeffreys' prior), so none is impossible.
    """
    shares = (counts + 0.5) / (counts + 0.5).sum()
    layer = Layer(np.zeros((num_features, len(counts)), np.float32),
                  np.log(shares).astype(np.float32))
    return DenseHead(members=((layer,),))


def fold_standardisation(
    weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> Layer:
    """The layer on raw features that equals (weight, bias) on standard scores."""
    raw = weight / std[:, None]
    return Layer(raw.astype(np.float32), (bias - mean @ raw).astype(np.float32))


def _forward(layers: Sequence[Layer], features: np.ndarray) -> np.ndarray:
    x = features
    for layer in layers[:-1]:
        x = np.maximum(x @ layer.weight + layer.bias, 0)
    return x @ layers[-1].weight + layers[-1].bias
