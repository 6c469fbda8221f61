"""What training made, of either kind: how packing writes it and what it has to agree with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from lesionlab.models.backbones import ExportedBackbone, FrozenBackbone, embed_with_torch
from lesionlab.models.exporting import export_module
from lesionlab.models.heads import BoostedHead, DenseHead, Head
from lesionlab.models.networks import BuiltNetwork, TestViews
from lesionlab.training.graph import GraphWriter, write_head


class TrainedModel(Protocol):
    """Pixels and encoded metadata to logits."""

    def write(self, graph: GraphWriter, image: str | None, metadata: str) -> str:
        """Add its nodes; names of (N, S, S, 3) uint8 and (N, M) float32 in, of (N, K) out."""
        ...

    def logits(self, squares: np.ndarray | None, metadata: np.ndarray) -> np.ndarray:
        """(N, K) float32 of (N, S, S, 3) uint8 and (N, M) float32, as training computes them."""
        ...

    def describe(self) -> dict[str, Any]:
        """`num_features`, `num_parameters`, and `weights` that the backbone came from, if any."""
        ...

    def tensors(self) -> dict[str, np.ndarray]:
        """What was learned, by name; empty where it is no set of tensors."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureModel:
    """A head on pooled stages of a frozen backbone, on metadata, or on both."""

    backbone: FrozenBackbone | None
    exported: ExportedBackbone | None
    head: Head
    num_metadata: int

    @property
    def num_features(self) -> int:
        """Of the image, then of the metadata."""
        return self.num_metadata + (self.exported.num_features if self.exported else 0)

    def write(self, graph: GraphWriter, image: str | None, metadata: str) -> str:
        """The backbone's nodes, then the head's."""
        if self.exported is None or image is None:
            return write_head(graph, self.head, metadata, self.num_features)
        features = graph.include_model(self.exported.graph, "backbone.", {"image": image})
        joined = graph.add("Concat", features, metadata, axis=1) if self.num_metadata else features
        return write_head(graph, self.head, joined, self.num_features)

    def logits(self, squares: np.ndarray | None, metadata: np.ndarray) -> np.ndarray:
        """By torch and numpy."""
        features = metadata
        if self.backbone is not None and squares is not None:
            features = np.concatenate([embed_with_torch(self.backbone, squares), metadata], axis=1)
        return self.head.logits(features)

    def describe(self) -> dict[str, Any]:
        """See `TrainedModel`."""
        exported = self.exported
        weights = exported and {"origin": exported.weights_origin,
                                "licence": exported.weights_licence,
                                "digest": exported.weights_digest}
        return {"num_features": self.num_features, "weights": weights,
                "num_parameters": _count(self.head) + _count_backbone(self.backbone)}

    def tensors(self) -> dict[str, np.ndarray]:
        """The head's."""
        return self.head.tensors()


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkModel:
    """A network that was trained as a whole."""

    built: BuiltNetwork
    size_px: int
    num_test_views: int
    num_metadata: int

    def _module(self) -> TestViews:
        return TestViews(self.built.network, self.num_test_views).eval()

    @cached_property
    def _exported(self) -> bytes:
        """The network as ONNX: `image` and `metadata` to `logits`."""
        side = self.size_px
        examples = {"image": torch.zeros(2, side, side, 3, dtype=torch.uint8),
                    "metadata": torch.zeros(2, self.num_metadata)}
        return export_module(self._module(), examples, "logits")

    def write(self, graph: GraphWriter, image: str | None, metadata: str) -> str:
        """The network's nodes."""
        assert image is not None
        return graph.include_model(self._exported, "network.",
                                   {"image": image, "metadata": metadata})

    def logits(self, squares: np.ndarray | None, metadata: np.ndarray) -> np.ndarray:
        """By torch in float32."""
        assert squares is not None
        with torch.inference_mode():
            return self._module()(torch.from_numpy(squares), torch.from_numpy(metadata)).numpy()

    def describe(self) -> dict[str, Any]:
        """See `TrainedModel`."""
        weights = self.built.weights
        return {"num_features": self.num_metadata, "num_parameters": self.built.num_parameters,
                "weights": {"origin": weights.origin, "licence": weights.licence,
                            "digest": weights.digest}}

    def tensors(self) -> dict[str, np.ndarray]:
        """All of the network's."""
        return {key: value.detach().contiguous().numpy()
                for key, value in self.built.network.state_dict().items()}


def _count(head: Head) -> int:
    """Learned numbers of a head; of trees, their leaves and splits."""
    if isinstance(head, BoostedHead):
        trees = head.booster.dump_model()["tree_info"]
        return sum(2 * tree["num_leaves"] - 1 for tree in trees)
    assert isinstance(head, DenseHead)
    return sum(value.size for value in head.tensors().values())


def _count_backbone(backbone: FrozenBackbone | None) -> int:
    return sum(p.numel() for p in backbone.used_parameters()) if backbone else 0
