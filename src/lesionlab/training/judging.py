"""How good a network is on a role: logits of its plain views, log loss and AUROC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn

from lesionlab.core.recipe import Recipe
from lesionlab.models.networks import Network
from lesionlab.training.sources import Source

BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class RoleInput:
    """What the loop sees of a role's N images."""

    source: Source
    metadata: Tensor
    """(N, M) float32."""
    target_index: np.ndarray
    """(N,) int64."""


def find_logits(
    network: Network, runner: nn.Module, role: RoleInput, device: torch.device
) -> np.ndarray:
    """(N, K) float32 logits of the plain views of a role."""
    network.eval()
    logits = []
    rows = np.arange(len(role.target_index))
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, -(-len(rows) // BATCH_SIZE))):
            x = role.source.load(part, np.zeros_like(part)).to(device)
            metadata = role.metadata[torch.from_numpy(part)].to(device)
            logits.append(runner(x, metadata, role.source.start).float().cpu())
    return torch.cat(logits).numpy()


def judge(logits: np.ndarray, target_index: np.ndarray) -> tuple[float, float]:
    """Log loss and AUROC (macro, one against the rest) of (N, K) logits; NaN where undefined."""
    shares = softmax(logits.astype(np.float64), axis=1)
    loss = float(log_loss(target_index, shares, labels=np.arange(shares.shape[1])))
    found = [roc_auc_score(target_index == k, shares[:, k]) for k in range(shares.shape[1])
             if 0 < (target_index == k).sum() < len(target_index)]
    return loss, float(np.mean(found)) if found else float("nan")


def score_epoch(row: dict[str, Any], recipe: Recipe) -> float:
    """How good an epoch of the history is by `fit.stop_on`; more is better."""
    auroc = row["valid_auroc"]
    is_by_auroc = recipe.fit.stop_on == "valid_auroc" and np.isfinite(auroc)
    return auroc if is_by_auroc else -row["valid_loss"]
