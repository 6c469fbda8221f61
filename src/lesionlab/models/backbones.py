"""Frozen backbones that turn pixels into a vector, in torch and as an ONNX graph.

Shapes: B images, S side, C channels, H x W of a feature map, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from lesionlab.core import artifacts
from lesionlab.core.errors import RecipeError
from lesionlab.core.settings import ImageSettings, ModelSettings
from lesionlab.models.exporting import export_module
from lesionlab.models.networks import check_backbone
from lesionlab.models.weights import Weights, load_weights

POOLING_VERSION = 1
"""Raised whenever the same weights would give other features."""


class FrozenBackbone(nn.Module):
    """Pixels to statistics of the first stages: colours and edges, then patterns and shapes.

    Each stage's feature map gives three numbers a channel: mean and standard deviation over the
    picture, and the mean over its central half, where the lesion is. Stages after `num_stages`
    know ImageNet's objects and add nothing on lesions (docs/results.md); they are not computed.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, network: nn.Module, num_stages: int) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        config = getattr(network, "pretrained_cfg", {})
        self.register_buffer("mean", 255 * torch.tensor(config["mean"]).reshape(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(config["std"]).reshape(1, 3, 1, 1))
        self._maps: list[Tensor] = []
        stages = find_stages(name, network)
        self._unused = stages[num_stages:]
        for stage in stages[:num_stages]:
            stage.register_forward_hook(self._keep)

    def used_parameters(self) -> list[nn.Parameter]:
        """Those up to the last stage that is pooled."""
        unused = {id(p) for stage in self._unused for p in stage.parameters()}
        return [p for name, p in self.network.named_parameters()
                if id(p) not in unused and not name.startswith(("classifier", "fc", "conv_head"))]

    def _keep(self, _module: nn.Module, _inputs: object, x_BCHW: Tensor) -> None:
        self._maps.append(x_BCHW)

    def train(self, mode: bool = True) -> FrozenBackbone:
        """Stay in evaluation mode whatever `mode` says, norm layers too."""
        del mode
        return super().train(False)

    def forward(self, x_BSSC: Tensor) -> Tensor:
        """Features (B, D) float32 of pixels (B, S, S, 3) uint8 RGB."""
        x_BCSS = (x_BSSC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        self._maps.clear()
        self.network.forward_features(x_BCSS)  # type: ignore[operator]
        parts_BC = [part_BC for x_BCHW in self._maps for part_BC in pool_map(x_BCHW)]
        self._maps.clear()
        return torch.cat(parts_BC, dim=1)


def pool_map(x_BCHW: Tensor) -> list[Tensor]:
    """Mean, standard deviation and central mean of a feature map, (B, C) each."""
    mean_BC = x_BCHW.mean((2, 3))
    variance_BC = (x_BCHW - mean_BC[:, :, None, None]).square().mean((2, 3))
    height, width = x_BCHW.shape[2:]
    top, left = height // 4, width // 4
    centre_BCHW = x_BCHW[:, :, top:height - top, left:width - left]
    return [mean_BC, (variance_BC + 1e-6).sqrt(), centre_BCHW.mean((2, 3))]


def find_stages(name: str, network: nn.Module) -> list[nn.Module]:
    """The stages of a timm network, first to last.

    Raises:
        RecipeError: a network whose stages are not named as timm's usually are.
    """
    for attribute in ("blocks", "stages"):
        stages = getattr(network, attribute, None)
        if isinstance(stages, nn.Sequential):
            return list(stages)
    layers = [getattr(network, f"layer{n}", None) for n in range(1, 5)]
    found = [layer for layer in layers if isinstance(layer, nn.Module)]
    if not found:
        raise RecipeError(f"model.backbone={name}: its stages are not found; use a network with "
                          "blocks, stages or layer1 to layer4, such as tf_efficientnet_lite0")
    return found


@dataclass(frozen=True, kw_only=True)
class ExportedBackbone:
    """A frozen backbone as ONNX, and what its weights are."""

    graph: bytes
    """ONNX: `image` (N, S, S, 3) uint8 to `features` (N, D) float32."""
    num_features: int
    weights_origin: str
    weights_licence: str
    weights_digest: str

    @classmethod
    def read(cls, graph: bytes, weights: Weights) -> ExportedBackbone:
        """The exported form of `weights` from its ONNX bytes."""
        output = onnx.load_model_from_string(graph).graph.output[0]
        return cls(graph=graph, num_features=output.type.tensor_type.shape.dim[1].dim_value,
                   weights_origin=weights.origin, weights_licence=weights.licence,
                   weights_digest=weights.digest)


def build_backbone(model: ModelSettings) -> tuple[FrozenBackbone, Weights]:
    """The frozen backbone of a recipe, with its weights.

    Raises:
        RecipeError: no such network in timm, or it has fewer stages.
        WeightsError: its weights are not here.
    """
    import timm  # takes seconds to load, and recipes of metadata alone do without

    check_backbone(model.backbone)
    network = timm.create_model(model.backbone, pretrained=False)
    num_stages = len(find_stages(model.backbone, network))
    if model.num_stages > num_stages:
        raise RecipeError(f"model.num_stages={model.num_stages}: {model.backbone} has {num_stages} "
                          f"stages; set model.num_stages={num_stages} or less")
    weights = load_weights(model.backbone, model.weights, network.state_dict())
    network.load_state_dict(weights.state)
    frozen = FrozenBackbone(model.backbone, network, model.num_stages)
    return frozen.eval(), weights


def backbone_key(model: ModelSettings, image: ImageSettings, weights_digest: str) -> str:
    """Names the function from pixels to features: same key, same features."""
    return artifacts.digest_json({
        "pooling": POOLING_VERSION, "backbone": model.backbone, "weights": weights_digest,
        "num_stages": model.num_stages, "size_px": image.size_px})


def export_backbone(backbone: FrozenBackbone, weights: Weights, size_px: int) -> ExportedBackbone:
    """The backbone as one ONNX graph for batches of any length."""
    pixels = torch.zeros(2, size_px, size_px, 3, dtype=torch.uint8)
    return ExportedBackbone.read(export_module(backbone, {"image": pixels}, "features"), weights)


def embed_with_torch(backbone: FrozenBackbone, squares: np.ndarray) -> np.ndarray:
    """(N, D) float32 features of (N, S, S, 3) uint8, by torch: the reference for parity."""
    with torch.inference_mode():
        return backbone(torch.from_numpy(squares)).numpy()
