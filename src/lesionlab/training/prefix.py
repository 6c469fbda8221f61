"""The output of a network's frozen stages for each view of each image, computed once and cached."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.augmentation import TRANSFORM_VERSION, draw_transforms, hash_keys
from lesionlab.models.exporting import export_module
from lesionlab.models.networks import Network
from lesionlab.training.checked_files import find_or_write
from lesionlab.training.embedding import Embedder
from lesionlab.training.sources import MapSource, apply_transforms, widen

_LOG = logging.getLogger(__name__)


class Prefix(nn.Module):
    """The frozen stages alone, for the cache."""

    def __init__(self, network: Network, num_frozen: int) -> None:
        super().__init__()
        self.network, self.num_frozen = network, num_frozen

    def forward(self, image: Tensor) -> Tensor:
        """(B, C * H * W) float32 of pixels (B, S, S, 3) uint8."""
        return self.network.embed(image, self.num_frozen).flatten(1)


@dataclass(frozen=True, kw_only=True)
class TransformedViews:
    """Views as training draws them: the plain one, and others by `draw_transforms`."""

    size_px: int
    decode_side: int
    augmentation: str
    seed: int

    def describe(self, view: int) -> dict[str, Any]:
        """All that a view depends on beside the image."""
        plain = {"size_px": self.size_px, "decode_side": self.decode_side}
        return plain if view == 0 else plain | {
            "augmentation": self.augmentation, "seed": self.seed, "version": TRANSFORM_VERSION}

    def draw(
        self, pictures: Mapping[str, np.ndarray], keys: Mapping[str, str],
        items: Sequence[tuple[int, str]],
    ) -> np.ndarray:
        """See `embedding.Views`."""
        plain = Preprocessing(size_px=self.size_px, decode_side=self.decode_side)
        wide = widen(plain)
        names = {name for _, name in items}
        squares = {name: torch.from_numpy(wide.apply(pictures[name]))
                   for name in {name for view, name in items if view}}
        hashed = dict(zip(names, hash_keys([keys[name] for name in names]), strict=True))

        def draw(view: int, name: str) -> np.ndarray:
            if view == 0:
                return plain.apply(pictures[name])
            transforms = draw_transforms(self.augmentation, self.seed, np.array([view]),
                                         hashed[name][None])
            return apply_transforms(squares[name][None], transforms, self.size_px)[0].numpy()

        return np.stack([draw(view, name) for view, name in items])


def open_prefix(
    network: Network, num_frozen: int, data: PreparedData, recipe: Recipe, ids: Sequence[str],
    num_views: int, weights_digest: str, cache: Path, most_bytes: int,
) -> MapSource:
    """The maps of all views of the images, from the cache or computed into it.

    Raises:
        InputError: they would take more than `most_bytes`.
    """
    side = recipe.image.size_px
    with torch.inference_mode():
        shape = tuple(network.embed(torch.zeros(1, side, side, 3, dtype=torch.uint8),
                                    num_frozen).shape[1:])
    _check_size(len(ids) * num_views * int(np.prod(shape)) * 2, most_bytes, recipe)
    key = artifacts.digest_json({
        "prefix": 1, "backbone": recipe.model.backbone, "weights": weights_digest,
        "num_frozen": num_frozen, "size_px": side})
    embedder = Embedder(
        graph=_find_graph(network, num_frozen, side, key, cache), key=key, cache=cache,
        views=TransformedViews(size_px=side, decode_side=data.size_px, seed=recipe.seed,
                               augmentation=recipe.image.augmentation))
    maps = embedder.find(data.store, ids, num_views)
    return MapSource(maps=maps, shape=shape, start=num_frozen)


def _check_size(num_bytes: int, most_bytes: int, recipe: Recipe) -> None:
    gigabytes = num_bytes / 1e9
    if num_bytes > most_bytes:
        raise InputError(
            f"the frozen stages of {recipe.model.backbone} would take {gigabytes:.1f} GB in the "
            f"cache, allowed are {most_bytes / 1e9:.1f} GB; raise --cache-limit, or lower "
            "image.num_views or image.size_px, or set model.num_frozen_stages to a later stage")
    if gigabytes >= 0.5:
        _LOG.info("the output of the frozen stages takes %.1f GB in the cache", gigabytes)


def _find_graph(network: Network, num_frozen: int, side: int, key: str, cache: Path) -> bytes:
    pixels = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    return find_or_write(
        cache / "backbones", key[:32], ".onnx",
        lambda: export_module(Prefix(network, num_frozen).eval(), {"image": pixels}, "features"))
