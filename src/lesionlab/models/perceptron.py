"""The small network of an `mlp` head, and one epoch of it.

Shapes: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lesionlab.core.recipe import Recipe

WARM_UP = 0.2
"""Share of a one-cycle schedule in which the step still grows (Smith and Topin 2017,
arXiv 1708.07120)."""

Rows = tuple[Tensor, Tensor]
"""Features (N, D) float32 and classes (N,) int64."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: steps this small wait longer for a second one than it saves.

    Results then do not depend on the number of processors either.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def build_perceptron(
    num_features: int, hidden_units: Sequence[int], num_classes: int, dropout: float
) -> nn.Sequential:
    """Affine layers with ReLU and dropout after each but the last."""
    network, width = nn.Sequential(), num_features
    for units in hidden_units:
        network.extend([nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)])
        width = units
    return network.append(nn.Linear(width, num_classes))


def build_step(network: nn.Module, recipe: Recipe, num_rows: int) -> Callable[[Tensor], None]:
    """A function that takes a loss one AdamW step down, by the recipe's schedule."""
    fit = recipe.fit
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=fit.learning_rate, weight_decay=fit.l2, fused=True)
    num_steps = fit.max_epochs * -(-num_rows // fit.batch_size)
    schedule = None
    if fit.schedule == "one_cycle":
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, fit.learning_rate, total_steps=num_steps, pct_start=WARM_UP)

    def step(loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()

    return step


def run_epoch(
    network: nn.Module, step: Callable[[Tensor], None], rows: Rows, batch_size: int
) -> float:
    """Train on every row once, in random order; returns the mean cross-entropy on the way."""
    network.train()
    x_ND, target_N = rows
    total = 0.0
    for batch in torch.randperm(len(x_ND)).split(batch_size):
        loss = nn.functional.cross_entropy(network(x_ND[batch]), target_N[batch])
        step(loss)
        total += float(loss.detach()) * len(batch)
    return total / len(x_ND)


def find_loss(network: nn.Module, rows: Rows) -> float:
    """Mean cross-entropy over all rows, dropout off."""
    network.eval()
    x_ND, target_N = rows
    with torch.inference_mode():
        return float(nn.functional.cross_entropy(network(x_ND), target_N))
