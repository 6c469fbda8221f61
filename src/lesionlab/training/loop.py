"""The training loop: train_step, run_epoch, run_epochs, each killable at any moment.

Shapes: B images, M encoded metadata, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from lesionlab.core.recipe import Recipe
from lesionlab.models.networks import Network
from lesionlab.scaling.progress import progress
from lesionlab.training.checkpoint import CheckpointFolder
from lesionlab.training.judging import RoleInput, find_logits, judge, score_epoch
from lesionlab.training.objective import (
    MovingAverage,
    build_optimizer,
    find_loss,
    hide_metadata,
    mix_images,
    set_step,
    smooth_targets,
)
from lesionlab.training.sampling import draw_epoch

CHECKPOINT_SECONDS = 60.0
"""Longest training that a kill can cost; the end of an epoch is always kept."""
READ_EVERY = 8
"""Steps between two looks at the loss, where a checkpoint may be written too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """A stretch of training with one frozen part and one largest step."""

    name: str
    num_frozen: int
    """Stages that keep their weights to the end of the phase."""
    max_epochs: int
    learning_rate: float
    train: RoleInput
    valid: RoleInput
    unfreezes_by_stage: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What stays the same over all steps."""

    fabric: Fabric
    recipe: Recipe
    class_weights: Tensor
    """(K,) float32."""
    logit_shift: np.ndarray
    """(K,) float64 from the prior of training to that of the valid rows."""
    unknown: Tensor
    """(M,) float32: encoded metadata of an image of which nothing is known."""
    checkpoints: CheckpointFolder
    compiles: bool = False


PLAIN = ("epoch", "step", "loss_sum", "seconds", "waited", "history", "best", "best_epoch",
         "best_state")
"""What of a `TrainState` stands in a checkpoint as it is."""


@dataclass(kw_only=True, eq=False)
class TrainState:
    """All that changes; what a checkpoint keeps."""

    network: Network
    runner: nn.Module
    """The network as Fabric runs it: in its precision, on all its devices."""
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None
    epoch: int = 1
    step: int = 0
    """Batches of this epoch that are done."""
    loss_sum: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -np.inf
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The state as `checkpoint` writes it."""
        plain = {name: getattr(self, name) for name in PLAIN}
        average = self.average and {"state": self.average.state,
                                    "num_updates": self.average.num_updates}
        return plain | {"network": self.network.state_dict(), "average": average,
                        "optimizer": self.optimizer.state_dict()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.network.load_state_dict(stored["network"])
        self.optimizer.load_state_dict(stored["optimizer"])
        if self.average is not None:
            for key, value in stored["average"]["state"].items():
                self.average.state[key].copy_(value)
            self.average.num_updates = stored["average"]["num_updates"]
        for name in PLAIN:
            setattr(self, name, stored[name])


def run_epochs(
    network: Network, task: Task, phase: Phase, history: list[dict[str, Any]],
    stored: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """Train a phase to its end, from `stored` of its checkpoint on, and return the longer history.

    `network` keeps the best weights so far: those it came with, where no epoch of the phase does
    better on the valid images than the best one before it.
    """
    network.freeze(phase.num_frozen)
    state = _start(network, task, history)
    if stored:
        state.restore(stored)
    patience = task.recipe.fit.patience
    with progress(phase.max_epochs, phase.name, "epochs") as bar:
        bar.update(state.epoch - 1)
        while state.epoch <= phase.max_epochs and state.epoch - state.best_epoch <= patience:
            run_epoch(state, task, phase, bar)
            bar.update(1)
    network.load_state_dict(state.best_state)
    return state.history


def _start(network: Network, task: Task, history: list[dict[str, Any]]) -> TrainState:
    optimizer = build_optimizer(network, task.recipe)
    decay = task.recipe.fit.ema_decay
    runner: Any = torch.compile(network) if task.compiles else network
    runner, wrapped = task.fabric.setup(runner, optimizer)
    return TrainState(network=network, runner=runner, optimizer=wrapped.optimizer,
                      average=MovingAverage(network, decay) if decay else None,
                      history=list(history), best_state=_copy(network),
                      best=max((score_epoch(row, task.recipe) for row in history),
                               default=-np.inf))


def run_epoch(state: TrainState, task: Task, phase: Phase, bar: Any) -> None:
    """Train on every image of one epoch, judge the valid images, keep the best, save."""
    if phase.unfreezes_by_stage:
        top = len(state.network.stages) - state.epoch
        state.network.freeze(max(phase.num_frozen, top))
    state.network.train()
    start, saved = time.perf_counter() - state.seconds, time.perf_counter()
    batches = list_batches(task, phase, state.epoch)
    losses: list[Tensor] = []
    for batch in load_batches(task, phase, state, batches):
        losses.append(train_step(state, task, phase, batch, len(batches)))
        state.step += 1
        if state.step % READ_EVERY and state.step < len(batches):
            continue  # reading a number from a GPU waits for it
        state.loss_sum += float(torch.stack(losses).sum())
        losses.clear()
        now = time.perf_counter()
        state.seconds = now - start
        done = sum(map(len, (rows for rows, _ in batches[:state.step])))
        bar.set_postfix_str(f"loss {state.loss_sum / done:.3f}, {done / state.seconds:.0f} images/s"
                            + _last_metric(state))
        if now - saved >= CHECKPOINT_SECONDS and state.step < len(batches):
            _save(state, task, phase)
            saved = now
    _finish_epoch(state, task, phase, sum(len(rows) for rows, _ in batches))
    _save(state, task, phase)


def list_batches(
    task: Task, phase: Phase, epoch: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and views of each batch of an epoch; none is so small that its norms would be noise."""
    targets = phase.train.target_index
    offsets = np.random.default_rng([task.recipe.seed, 2]).integers(
        task.recipe.image.num_views, size=len(targets))
    rows, views = draw_epoch(task.recipe, targets, epoch, offsets)
    number = max(1, round(len(rows) / task.recipe.fit.batch_size))
    return list(zip(np.array_split(rows, number), np.array_split(views, number), strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """What a step trains on."""

    x: Tensor
    metadata: Tensor
    target: Tensor
    """(B,) int64."""


def load_batches(
    task: Task, phase: Phase, state: TrainState, batches: list[tuple[np.ndarray, np.ndarray]]
) -> Iterator[Batch]:
    """Yield the batches that are not yet done, the next one loaded while one is trained on."""
    fabric = task.fabric

    def load(number: int) -> Batch:
        rows, views = (part[fabric.global_rank::fabric.world_size] for part in batches[number])
        x = phase.train.source.load(rows, views)
        target = torch.from_numpy(phase.train.target_index[rows])
        return Batch(x=x.to(fabric.device, non_blocking=True),
                     metadata=phase.train.metadata[torch.from_numpy(rows)].to(fabric.device),
                     target=target.to(fabric.device))

    with ThreadPoolExecutor(1) as pool:
        numbers = range(state.step, len(batches))
        pending = [pool.submit(load, number) for number in numbers[:2]]
        for number in numbers:
            start = time.perf_counter()
            batch = pending.pop(0).result()
            state.waited += time.perf_counter() - start
            if number + 2 < len(batches):
                pending.append(pool.submit(load, number + 2))
            yield batch


def train_step(
    state: TrainState, task: Task, phase: Phase, batch: Batch, num_batches: int
) -> Tensor:
    """One batch forwards and backwards, and a step where enough are summed.

    Returns:
        The loss, summed over the images of the batch.
    """
    fit, recipe = task.recipe.fit, task.recipe
    number = (state.epoch - 1) * num_batches + state.step
    # Every draw of a step follows from its number, so that a resumed training draws the same.
    phase_number = 0 if phase.name == "frozen" else 1
    generator = np.random.default_rng([recipe.seed, 3, phase_number, number,
                                       task.fabric.global_rank])
    torch.manual_seed(int(generator.integers(2**62)))
    metadata = hide_metadata(batch.metadata, task.unknown, recipe.metadata.dropout, generator)
    target_BK = smooth_targets(batch.target, len(task.class_weights), fit.label_smoothing)
    target_BK = target_BK * task.class_weights[batch.target][:, None]
    x, metadata, target_BK = mix_images(batch.x, metadata, target_BK, fit, generator)
    is_last = (state.step + 1) % fit.accumulate == 0 or state.step + 1 == num_batches
    loss = find_loss(state.runner(x, metadata, phase.train.source.start), target_BK, fit)
    task.fabric.backward(loss / fit.accumulate)
    if is_last:
        rate_progress = number / (phase.max_epochs * num_batches)
        set_step(state.optimizer, fit, phase.learning_rate, rate_progress)
        if fit.clip_norm:
            nn.utils.clip_grad_norm_(
                [p for p in state.network.parameters() if p.grad is not None], fit.clip_norm)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        if state.average is not None:
            state.average.update(state.network)
    return loss.detach() * len(batch.target)


def _finish_epoch(state: TrainState, task: Task, phase: Phase, num_seen: int) -> None:
    seconds = state.seconds
    start = time.perf_counter()
    kept = _copy(state.network)
    if state.average is not None:
        state.network.load_state_dict(state.average.state)
    logits = find_logits(state.network, state.runner, phase.valid, task.fabric.device)
    loss, auroc = judge(logits + task.logit_shift, phase.valid.target_index)
    row = {
        "phase": phase.name, "epoch": len(state.history) + 1, "member": 0,
        "train_loss": state.loss_sum / num_seen, "valid_loss": loss, "valid_auroc": auroc,
        "learning_rate": state.optimizer.param_groups[-1]["lr"],
        "images_per_second": num_seen / seconds, "waiting_share": state.waited / seconds,
        "seconds": seconds + time.perf_counter() - start}
    score = score_epoch(row, task.recipe)
    if score > state.best:
        state.best, state.best_epoch, state.best_state = score, state.epoch, _copy(state.network)
    state.network.load_state_dict(kept)
    state.history.append(row)
    state.epoch, state.step = state.epoch + 1, 0
    state.loss_sum = state.seconds = state.waited = 0.0


def _save(state: TrainState, task: Task, phase: Phase) -> None:
    if task.fabric.is_global_zero:
        task.checkpoints.save({"phase": phase.name} | state.to_dict(), state.history)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def _last_metric(state: TrainState) -> str:
    if not state.history:
        return ""
    last = state.history[-1]
    return f", valid loss {last['valid_loss']:.3f}, AUROC {last['valid_auroc']:.3f}"
