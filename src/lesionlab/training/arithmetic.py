"""What a network is trained in, chosen by a short trial on this machine and then remembered."""

from __future__ import annotations

import copy
import logging
import os
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from lesionlab.core import artifacts
from lesionlab.core.recipe import Recipe

TRIAL_STEPS = 3
"""Steps that are timed of each choice, after one that is not."""
COMPILING_PAYS_S = 300.0
"""Seconds of training on a GPU from which torch.compile is worth its minute: it saved 30 % of the
time of ResNet-50 on an H100 (docs/results.md)."""
GAIN = 1.1
"""How many times faster than float32 another choice must be: noise must not decide."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Precision and memory layout of training, and whether the network is compiled."""

    precision: str
    """`float32` or `bfloat16`; weights stay float32 under both."""
    is_channels_last: bool
    is_compiled: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return self.precision + (" channels_last" if self.is_channels_last else "")

    @property
    def fabric_precision(self) -> Any:
        """The same in Fabric's words."""
        return "bf16-mixed" if self.precision == "bfloat16" else "32-true"

    @property
    def memory_format(self) -> torch.memory_format:
        """Of weights and maps."""
        return torch.channels_last if self.is_channels_last else torch.contiguous_format


CHOICES = (
    Arithmetic(precision="float32", is_channels_last=False),
    Arithmetic(precision="float32", is_channels_last=True),
    Arithmetic(precision="bfloat16", is_channels_last=True),
)
"""The first is the one that the others have to beat."""


def choose_arithmetic(
    network: nn.Module, recipe: Recipe, x: Tensor, metadata: Tensor, start: int, cache: Path,
    num_steps: float,
) -> tuple[Arithmetic, dict[str, float]]:
    """The fastest choice for `num_steps` steps on batches like `x`, and seconds a step of each.

    Found once a machine, network and size of batch, and kept in `cache`, so that the same
    training gives the same weights whatever else the machine was doing.
    """
    wanted = recipe.fit.precision
    choices = [choice for choice in CHOICES if wanted in ("auto", choice.precision)]
    if x.ndim == 2:  # vectors are too small to gain
        return choices[0], {}
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # each would try, and they could disagree
        return choices[-1], {}
    if x.device.type == "cuda":
        return _choose_compiling(network, choices[-1], x, metadata, start, num_steps)
    question = {
        "machine": platform.processor() or platform.machine(), "torch": torch.__version__,
        "threads": torch.get_num_threads(), "backbone": recipe.model.backbone, "start": start,
        "shape": list(x.shape), "choices": [asdict(choice) for choice in choices]}
    path = cache / "trials" / f"{artifacts.digest_json(question)[:32]}.json"
    if path.is_file():
        seconds = artifacts.read_json(path)["seconds"]
    else:
        seconds = [time_step(copy.deepcopy(network), choice, x, metadata, start)
                   for choice in choices]
        artifacts.write_json(path, question | {"seconds": seconds})
    fastest = min(range(len(choices)), key=seconds.__getitem__)
    if seconds[0] < GAIN * seconds[fastest]:
        fastest = 0
    return choices[fastest], {choice.name: round(value, 4)
                              for choice, value in zip(choices, seconds, strict=True)}


def _choose_compiling(
    network: nn.Module, choice: Arithmetic, x: Tensor, metadata: Tensor, start: int,
    num_steps: float,
) -> tuple[Arithmetic, dict[str, float]]:
    """On a GPU: the choice, compiled where the training is long enough to repay compiling."""
    seconds = time_step(copy.deepcopy(network), choice, x, metadata, start)
    pays = seconds * num_steps > COMPILING_PAYS_S
    return replace(choice, is_compiled=pays), {choice.name: round(seconds, 4)}


def time_step(
    network: nn.Module, choice: Arithmetic, x: Tensor, metadata: Tensor, start: int
) -> float:
    """Seconds of a step forwards and backwards, on the device of `x`."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(accelerator=x.device.type, devices=1, precision=choice.fabric_precision)
    network = network.to(memory_format=choice.memory_format).train()  # type: ignore[call-overload]
    if x.ndim == 4 and x.is_floating_point():
        x = x.contiguous(memory_format=choice.memory_format)
    runner, metadata = fabric.setup_module(network), metadata.to(x.device)
    seconds = []
    for _ in range(TRIAL_STEPS + 1):
        before = time.perf_counter()
        loss = runner(x, metadata, start).square().mean()
        fabric.backward(loss)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        seconds.append(time.perf_counter() - before)
    return min(seconds[1:])
