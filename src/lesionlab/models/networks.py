"""Networks of image, metadata or both, cut where a frozen part ends and training begins.

Shapes: B images, S side, C channels, H x W of a feature map, D features, M encoded metadata,
K classes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.models.fusion import build_fusion
from lesionlab.models.study_cnn import STUDY_CNN, StudyCnn
from lesionlab.models.weights import Weights, load_weights

POOLING = ("global_pool", "head", "classifier", "fc", "head_drop", "norm", "fc_norm")
"""Children of a timm network that come after its last feature map."""


class Network(nn.Module):
    """Pixels through stages to one vector, joined with metadata, to logits.

    `num_frozen` stages, counted with the stem as one and from the front, are frozen: their
    weights and norm layers stay as they are whatever `train()` says. All of them frozen leaves
    the head.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, stages: list[nn.Module], fusion: nn.Module, config: dict[str, Any]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.fusion = fusion
        self.num_frozen = 0
        self.register_buffer("mean", 255 * torch.tensor(config["mean"]).reshape(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(config["std"]).reshape(1, 3, 1, 1))

    def freeze(self, num_frozen: int) -> None:
        """Freeze this many first stages, and nothing else."""
        self.num_frozen = num_frozen
        for number, stage in enumerate(self.stages):
            stage.requires_grad_(number >= num_frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """Set the mode of what is not frozen; frozen stages stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[:self.num_frozen]:
            stage.eval()
        return self

    def embed(self, x_BSSC: Tensor, num_stages: int) -> Tensor:
        """What the first `num_stages` stages make of pixels (B, S, S, 3) uint8 RGB.

        A map (B, C, H, W) float32, or the pooled (B, D) after the last stage.
        """
        x_BCHW = (x_BSSC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        for stage in self.stages[:num_stages]:
            x_BCHW = stage(x_BCHW)
        return pool(x_BCHW) if num_stages == len(self.stages) else x_BCHW

    def forward(self, x: Tensor, metadata_BM: Tensor, start: int = 0) -> Tensor:
        """Logits (B, K) float32 of pixels, or of what `embed(pixels, start)` gave."""
        if start == 0:
            x = self.embed(x, self.num_frozen)
            start = self.num_frozen
        for stage in self.stages[start:]:
            x = stage(x)
        return self.fusion(pool(x).float(), metadata_BM.float()).float()

    def parts(self) -> Iterator[nn.Module]:
        """The stages and then what joins and decides: from the first to the last that learns."""
        yield from self.stages
        yield self.fusion


def pool(x: Tensor) -> Tensor:
    """(B, D): the mean of a map (B, C, H, W), or a vector as it is."""
    return x.mean((2, 3)) if x.ndim == 4 else x


class TestViews(nn.Module):
    """A network's logits averaged over flips and turns of its image, for the bundle."""

    __test__ = False

    def __init__(self, network: Network, num_views: int) -> None:
        super().__init__()
        self.network, self.num_views = network, num_views

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        """Logits (B, K) of pixels (B, S, S, 3) uint8 and metadata (B, M) float32."""
        if self.num_views == 1:
            return self.network(image, metadata)
        views = torch.cat([turn(image, view) for view in range(self.num_views)])
        logits_VBK = self.network(views, metadata.repeat(self.num_views, 1)).unflatten(
            0, (self.num_views, -1))
        return logits_VBK.mean(0)


def turn(x_BSSC: Tensor, view: int) -> Tensor:
    """View 0 to 7 of square pixels: mirrored, upside down, both, and the same transposed."""
    if view & 4:
        x_BSSC = x_BSSC.transpose(1, 2)
    axes = [axis for bit, axis in ((1, 2), (2, 1)) if view & bit]
    return x_BSSC.flip(axes) if axes else x_BSSC


@dataclass(frozen=True, kw_only=True, eq=False)
class BuiltNetwork:
    """A network before training."""

    network: Network
    weights: Weights
    """Those that the backbone starts from."""

    @property
    def num_parameters(self) -> int:
        """All of them, frozen ones too."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def build_network(recipe: Recipe, num_metadata: int, num_classes: int) -> BuiltNetwork:
    """The network of a recipe, its backbone with its first weights, the rest from the seed.

    Raises:
        RecipeError: no such network in timm, it has fewer stages than are to be frozen, or it
            takes no picture of that side.
        WeightsError: its weights are not here.
    """
    from lesionlab.models.depthwise import use_fast_depthwise  # loads timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        stages, weights, config = _open_backbone(recipe)
        width = _find_width(stages, recipe, config)
        fusion = build_fusion(recipe, width, num_metadata, num_classes)
    network = Network(stages, fusion, config)
    use_fast_depthwise(network)
    wanted = recipe.model.num_frozen_stages
    if wanted >= len(stages):
        raise RecipeError(
            f"model.num_frozen_stages={wanted}: {recipe.model.backbone} has {len(stages) - 1} "
            "stages after its stem; set fewer, or -1 to train the head alone")
    return BuiltNetwork(network=network, weights=weights)


@torch.inference_mode()
def _find_width(stages: list[nn.Module], recipe: Recipe, config: dict[str, Any]) -> int:
    """Length of the vector that the stages make of a picture."""
    side = recipe.image.size_px
    x = torch.zeros(1, 3, side, side)
    try:
        for stage in stages:
            x = stage.eval()(x)
    except (AssertionError, RuntimeError, ValueError) as error:  # timm's, of a fixed side
        wanted = config.get("input_size", (side,))[-1]
        raise RecipeError(
            f"image.size_px={side}: {recipe.model.backbone} takes no picture of that side "
            f"({str(error).rstrip('.')}); set image.size_px={wanted}, or another model.backbone"
        ) from error
    return pool(x).shape[1]


def count_frozen(network: Network, num_frozen_stages: int) -> int:
    """How many of a network's stages, the stem as one, a recipe's setting freezes."""
    if num_frozen_stages < 0:
        return len(network.stages)
    return num_frozen_stages + 1 if num_frozen_stages else 0


def _open_backbone(recipe: Recipe) -> tuple[list[nn.Module], Weights, dict[str, Any]]:
    """Stages with their first weights, and how pixels are scaled."""
    model = recipe.model
    if model.backbone == STUDY_CNN:
        cnn = StudyCnn(recipe.image.size_px)
        weights = load_weights(model.backbone, "random", cnn.state_dict())
        return list(cnn.stages), weights, {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    import timm  # takes seconds to load, and recipes of metadata alone do without

    check_backbone(model.backbone)
    # Some networks take the side of their image as a setting, and have no map but vectors.
    network = timm.create_model(model.backbone, pretrained=False, num_classes=0)
    weights = load_weights(model.backbone, model.weights, network.state_dict())
    network.load_state_dict(weights.state)
    config: Any = network.pretrained_cfg
    return cut_stages(network), weights, config


def check_backbone(name: str) -> None:
    """Raise RecipeError unless timm has the network, and weights of the tag after a dot if there is
    one; the message names the nearest.
    """
    import timm

    network, _, tag = name.partition(".")
    if not timm.is_model(network):
        close = difflib.get_close_matches(network, [*timm.list_models(), STUDY_CNN], n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise RecipeError(f"model.backbone={name}: timm has no such network{hint}")
    known = timm.list_pretrained(f"{network}.*") if tag else [name]
    if name not in known:
        raise RecipeError(f"model.backbone={name}: timm has no weights {tag!r} of {network}; it "
                          f"has {list_some(known) or 'none'}")


def cut_stages(network: nn.Module) -> list[nn.Module]:
    """A timm network as stem and stages that give the same map when run one after the other.

    One that cannot be cut, such as a transformer, is one stage.
    """
    children = [(name, child) for name, child in network.named_children()
                if name not in POOLING]
    names = [name for name, _ in children]
    is_stage = [name in ("blocks", "stages") or name.startswith("layer") for name in names]
    if not any(is_stage):
        return [network]
    first, last = is_stage.index(True), len(names) - is_stage[::-1].index(True)
    modules = [child for _, child in children]
    stages: list[nn.Module] = [nn.Sequential(*modules[:first])]
    for module in modules[first:last]:
        stages += list(module) if isinstance(module, nn.Sequential) and last - first == 1 else [
            module]
    if modules[last:]:
        stages[-1] = nn.Sequential(stages[-1], *modules[last:])
    return stages if _is_same(network, stages) else [network]


def _is_same(network: nn.Module, stages: list[nn.Module]) -> bool:
    """Whether the stages compute the network's features, tried on noise."""
    x_BCSS = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.inference_mode():
        try:
            expected = network(x_BCSS)
            for stage in stages:
                x_BCSS = stage(x_BCSS)
        except (RuntimeError, AssertionError, TypeError, ValueError):
            # A fixed side, or a child out of order.
            return False
        return expected.shape == pool(x_BCSS).shape and bool(torch.allclose(
            expected, pool(x_BCSS), atol=1e-5))
