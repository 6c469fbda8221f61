"""What a network is trained towards: loss, mixed targets, parameter groups, size of the step.

Shapes: B images, M encoded metadata, K classes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, one_hot

from lesionlab.core.recipe import Recipe
from lesionlab.core.settings import FitSettings
from lesionlab.models.networks import Network


def smooth_targets(target_B: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """(B, K) float32: 1 - smoothing for the target, the rest spread over all classes evenly.

    Szegedy et al. 2016, arXiv 1512.00567, section 7.
    """
    return one_hot(target_B, num_classes).float() * (1 - smoothing) + smoothing / num_classes


def find_loss(logits_BK: Tensor, target_BK: Tensor, fit: FitSettings) -> Tensor:
    """The mean over images of cross-entropy or focal loss towards weighted shares (B, K)."""
    log_shares = log_softmax(logits_BK, dim=1)
    if fit.loss == "focal":
        # A share of exactly 1 would have an infinite gradient under a gamma below 1.
        log_shares = log_shares * (1 - log_shares.exp()).clamp(min=1e-7) ** fit.focal_gamma
    return -(target_BK * log_shares).sum(dim=1).mean()


def mix_images(
    x: Tensor, metadata_BM: Tensor, target_BK: Tensor, fit: FitSettings,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Images, metadata and targets mixed in pairs by mixup or cutmix, each on half of the batches.

    Pixels are (B, S, S, 3), maps (B, C, H, W), vectors (B, D); vectors are never cut.
    """
    kinds = [kind for kind in ("mixup", "cutmix") if getattr(fit, kind) > 0]
    draw = generator.random()
    if not kinds or len(x) < 2 or (draw < 0.5 and len(kinds) == 1):
        return x, metadata_BM, target_BK
    kind = kinds[int(draw * 2) % len(kinds)]
    share = float(generator.beta(getattr(fit, kind), getattr(fit, kind)))
    partner = torch.from_numpy(generator.permutation(len(x))).to(x.device)
    if kind == "cutmix" and x.ndim == 4:
        x, share = _paste(x, x[partner], share, generator)
    else:
        mixed = share * x.float() + (1 - share) * x[partner].float()
        x = mixed.round().to(torch.uint8) if x.dtype == torch.uint8 else mixed
    return (x, share * metadata_BM + (1 - share) * metadata_BM[partner],
            share * target_BK + (1 - share) * target_BK[partner])


def _paste(
    x: Tensor, other: Tensor, share: float, generator: np.random.Generator
) -> tuple[Tensor, float]:
    """`x` with a rectangle of `other`, and the share of `x` that is left."""
    rows, columns = (1, 2) if x.dtype == torch.uint8 else (2, 3)
    height, width = x.shape[rows], x.shape[columns]
    cut_h, cut_w = (round(size * math.sqrt(1 - share)) for size in (height, width))
    top, left = generator.integers(height - cut_h + 1), generator.integers(width - cut_w + 1)
    area: list[slice] = [slice(None)] * 4
    area[rows], area[columns] = slice(top, top + cut_h), slice(left, left + cut_w)
    x = x.clone()
    x[tuple(area)] = other[tuple(area)]
    return x, 1 - cut_h * cut_w / (height * width)


def hide_metadata(
    metadata_BM: Tensor, unknown_M: Tensor, share: float, generator: np.random.Generator
) -> Tensor:
    """The metadata with a random share of rows replaced by those of an image of which nothing is
    known.
    """
    if not share:
        return metadata_BM
    is_hidden = torch.from_numpy(generator.random(len(metadata_BM)) < share)
    return torch.where(is_hidden.to(metadata_BM.device)[:, None], unknown_M, metadata_BM)


def build_optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam or AdamW over what may learn, a group for each stage and kind of parameter.

    Each group's `factor` scales its step: `fit.layer_decay` to the power of its stage's distance
    from the head. Norms and biases are not decayed.
    """
    fit = recipe.fit
    groups = []
    parts = list(network.parts())
    for number, part in enumerate(parts):
        parameters = [p for p in part.parameters() if p.requires_grad]
        factor = fit.layer_decay ** (len(parts) - 1 - number)
        groups += [
            {"params": chosen, "weight_decay": decay, "factor": factor}
            for chosen, decay in (([p for p in parameters if p.ndim > 1], fit.l2),
                                  ([p for p in parameters if p.ndim <= 1], 0.0)) if chosen]
    kind = torch.optim.AdamW if fit.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=fit.learning_rate, fused=True)


def set_step(
    optimizer: torch.optim.Optimizer, fit: FitSettings, rate: float, progress: float
) -> float:
    """Set the step of each group for a training that is done to `progress` (0 to 1); returns it."""
    rate = rate * find_factor(fit, progress)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def find_factor(fit: FitSettings, progress: float) -> float:
    """How large the step is at `progress`, as a share of the largest."""
    if fit.schedule == "constant":
        return 1.0
    if progress < fit.warm_up:
        return max(progress / fit.warm_up, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (progress - fit.warm_up) / (1 - fit.warm_up)))


class MovingAverage:
    """The exponential moving average of what a network learns, buffers too.

    Its decay grows with the number of updates up to `fit.ema_decay`, so that the first weights,
    which are no one's, are forgotten at once.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.num_updates = decay, 0
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    def update(self, network: nn.Module) -> None:
        """Move towards the network's present weights."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value.detach(), 1 - decay)
            else:
                self.state[key].copy_(value)
