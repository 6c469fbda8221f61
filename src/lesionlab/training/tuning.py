"""Fitting a network: its data, its phases, and what the bundle needs of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.networks import BuiltNetwork, Network, build_network, count_frozen
from lesionlab.training.arithmetic import Arithmetic, choose_arithmetic
from lesionlab.training.checkpoint import CheckpointFolder
from lesionlab.training.judging import RoleInput
from lesionlab.training.loop import Phase, Task, run_epochs
from lesionlab.training.prefix import open_prefix
from lesionlab.training.sampling import (
    SampledRows,
    find_class_weights,
    find_logit_shift,
    find_natural_shift,
    find_prior,
    find_targets,
    find_trained_prior,
    sample_rows,
)
from lesionlab.training.sources import Source, open_pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedNetwork:
    """A trained network and how it came about."""

    built: BuiltNetwork
    history: pd.DataFrame
    """A row per epoch."""
    logit_shift: np.ndarray
    """(K,) to be added to logits, from the prior of training to that of the valid role."""
    notes: tuple[str, ...]
    facts: dict[str, Any]
    """How it was computed: precision, trial, device."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Desk:
    """What every phase of one training is worked on with."""

    data: PreparedData
    recipe: Recipe
    encoder: MetadataEncoder
    network: Network
    weights_digest: str
    cache: Path
    most_cache_bytes: int
    device: torch.device

    def open_input(self, rows: pd.DataFrame, num_frozen: int, num_views: int) -> RoleInput:
        """The rows as the loop reads them when `num_frozen` stages are frozen."""
        ids = list(map(str, rows.index))
        return RoleInput(source=self._open_source(ids, num_frozen, num_views),
                         metadata=torch.from_numpy(self.encoder.encode(rows)),
                         target_index=find_targets(rows, self.data.classes))

    def _open_source(self, ids: list[str], num_frozen: int, num_views: int) -> Source:
        image = self.recipe.image
        if num_frozen and self.device.type == "cpu":
            return open_prefix(self.network, num_frozen, self.data, self.recipe, ids, num_views,
                               self.weights_digest, self.cache, self.most_cache_bytes)
        return open_pixels(
            self.data.store, ids, size_px=image.size_px, decode_side=self.data.size_px,
            augmentation=image.augmentation, seed=self.recipe.seed, device=self.device,
            is_augmented=num_views > 1)


def fit_network(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, out: Path, *, cache: Path,
    most_cache_bytes: int, on_stage: Callable[[str], None],
) -> FittedNetwork:
    """Train the network of a recipe, from its last checkpoint where it was interrupted.

    Raises:
        InputError: the cache of frozen stages would be larger than allowed.
        RecipeError, WeightsError: of `build_network`.
    """
    train, valid = (sample_rows(data, recipe, role) for role in ("train", "valid"))
    num_classes = len(data.classes)
    built = build_network(recipe, len(encoder.feature_names), num_classes)
    key = artifacts.digest_json({
        "data": data.digest, "recipe": recipe.digest, "version": lesionlab.__version__,
        "weights": built.weights.digest, "torch": torch.__version__})
    device = find_device()
    desk = Desk(data=data, recipe=recipe, encoder=encoder, network=built.network,
                weights_digest=built.weights.digest, cache=cache,
                most_cache_bytes=most_cache_bytes, device=device)
    phases = _plan(desk, train, valid)
    on_stage("inputs")
    arithmetic, trial = _try_arithmetic(desk, phases[-1])
    built.network.to(memory_format=arithmetic.memory_format)  # type: ignore[call-overload]
    trained = find_trained_prior(recipe, train.target_index, num_classes)
    task = Task(
        fabric=open_fabric(arithmetic.fabric_precision), recipe=recipe,
        checkpoints=CheckpointFolder.beside(out, key), compiles=arithmetic.is_compiled,
        class_weights=torch.from_numpy(find_class_weights(
            recipe, train.target_index, num_classes)).float().to(device),
        logit_shift=find_logit_shift(trained, find_prior(valid.target_index, num_classes)),
        unknown=torch.from_numpy(encoder.encode(data.rows("valid").iloc[:1][[]]))[0].to(device))
    on_stage("trial")
    history = _run(built.network, task, phases)
    built.network.cpu()
    on_stage("training")
    return FittedNetwork(
        built=built, history=pd.DataFrame(history), notes=train.notes + valid.notes,
        logit_shift=find_natural_shift(data, recipe, train.target_index),
        facts=asdict(arithmetic) | {
            "trial_seconds_per_step": trial, "device": str(device),
            "num_processes": task.fabric.world_size, "num_train": len(train.rows)})


def _try_arithmetic(desk: Desk, phase: Phase) -> tuple[Arithmetic, dict[str, float]]:
    """What to train in, tried on the first batch of the phase that takes longest."""
    recipe, targets = desk.recipe, phase.train.target_index
    rows = np.arange(min(recipe.fit.batch_size, len(targets)))
    x = phase.train.source.load(rows, np.zeros_like(rows))
    desk.network.freeze(phase.num_frozen)
    num_steps = phase.max_epochs * len(targets) * recipe.image.views_per_epoch / len(rows)
    return choose_arithmetic(desk.network, recipe, x, phase.train.metadata[:len(rows)],
                             phase.train.source.start, desk.cache, num_steps)


def _plan(desk: Desk, train: SampledRows, valid: SampledRows) -> list[Phase]:
    """The head on the frozen backbone, where the recipe wants it, and then the rest."""
    recipe, network = desk.recipe, desk.network
    depth = count_frozen(network, recipe.model.num_frozen_stages)
    wanted = [("frozen", len(network.stages), recipe.fit.frozen_epochs,
               recipe.fit.frozen_learning_rate)] if recipe.fit.frozen_epochs else []
    wanted.append(("tuned", depth, recipe.fit.max_epochs, recipe.fit.learning_rate))
    num_views = recipe.image.num_views
    opened = {frozen: (desk.open_input(train.rows, frozen, num_views),
                       desk.open_input(valid.rows, frozen, 1)) for _, frozen, _, _ in wanted}
    return [Phase(name=name, num_frozen=frozen, max_epochs=epochs, learning_rate=rate,
                  train=opened[frozen][0], valid=opened[frozen][1],
                  unfreezes_by_stage=name == "tuned" and recipe.fit.unfreeze == "by_stage")
            for name, frozen, epochs, rate in wanted]


def _run(network: Network, task: Task, phases: list[Phase]) -> list[dict[str, Any]]:
    """Run the phases that are not yet done."""
    stored = task.checkpoints.load()
    names = [phase.name for phase in phases]
    done = names.index(stored["phase"]) if stored else 0
    history: list[dict[str, Any]] = []
    for phase in phases[done:]:
        history = run_epochs(network, task, phase, history, stored)
        stored = None
    return history


def find_device() -> torch.device:
    """The first GPU of this process, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def open_fabric(precision: Any) -> Fabric:
    """Fabric on one device, or on all that torchrun started processes for."""
    world, local = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    fabric = Fabric(accelerator=kind, devices=local, num_nodes=max(1, world // local),
                    strategy="ddp_find_unused_parameters_true" if world > 1 else "auto",
                    precision=precision)
    fabric.launch()
    return fabric


def is_first_process() -> bool:
    """Whether this process writes; all others only compute."""
    return int(os.environ.get("RANK", "0")) == 0


def wait_for_all() -> None:
    """Wait until every process of this training is here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
