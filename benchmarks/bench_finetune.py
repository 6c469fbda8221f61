"""Fine-tuning on a CPU: images/s of lesionlab's steps against plain eager torch.

    python benchmarks/bench_finetune.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import timm
import torch
from torch import nn

import lesionlab
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.networks import build_network, count_frozen
from lesionlab.training.arithmetic import CHOICES, time_step
from lesionlab.training.tuning import fit_network
from measuring import parse_images, report

BATCH_SIZE = 32
ROUNDS = 3


class Plain(nn.Module):
    """timm's network as it comes, taking what ours takes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = timm.create_model("tf_efficientnet_lite0", num_classes=7)

    def forward(self, x: torch.Tensor, metadata: torch.Tensor, start: int) -> torch.Tensor:
        del metadata, start
        return self.network((x.permute(0, 3, 1, 2).float() - 127) / 128)


def main() -> None:
    options = parse_images(default=800)
    recipe = lesionlab.find_recipe("finetuned")
    whole = recipe.with_settings(["model.num_frozen_stages=0"])
    pixels = torch.randint(0, 256, (BATCH_SIZE, 224, 224, 3), dtype=torch.uint8)
    nothing = torch.zeros(BATCH_SIZE, 0)
    network, tail = (build_network(each, 0, 7).network for each in (whole, recipe))
    depth = count_frozen(tail, recipe.model.num_frozen_stages)
    tail.freeze(depth)
    with torch.inference_mode():
        maps = tail.embed(pixels, depth)
    maps = maps.clone()
    plain, fast = CHOICES[0], CHOICES[-1]
    ways = {
        "plain timm: float32, contiguous, eager": lambda: time_step(
            Plain(), plain, pixels, nothing, 0),
        "timm in bfloat16, channels_last": lambda: time_step(Plain(), fast, pixels, nothing, 0),
        "lesionlab: and its depthwise gradient": lambda: time_step(
            network, fast, pixels, nothing, 0),
        "lesionlab behind the cached first stages (finetuned)": lambda: time_step(
            tail, fast, maps, nothing, depth)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            seconds[name].append(way())
    first = median(seconds[next(iter(ways))])
    rows = [[name, f"{BATCH_SIZE / median(values):.1f}", f"{first / median(values):.2f} x", ""]
            for name, values in seconds.items()]
    rows += [_train(options.source, options.images, each, name) for each, name in (
        (whole, "a whole epoch of lesionlab, everything trained"),
        (recipe, "a whole epoch of `finetuned`, cache filled")) if options.images]
    report("bench_finetune", "Fine-tuning tf_efficientnet_lite0 at 224 px on a CPU",
           ["way", "images/s", "against plain", "waiting for data"], rows,
           f"Steps forwards and backwards on batches of {BATCH_SIZE}, median of {ROUNDS} rounds in "
           f"turn, {torch.get_num_threads()} threads. Epochs: the second of two through "
           f"{options.images or 'no'} images with strong augmentation.")


def _train(source: Path, num_images: int, recipe: lesionlab.Recipe, name: str) -> list[str]:
    """Images/s and the share of waiting of the second epoch of a real training."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = lesionlab.prepare([source], folder / "data")
        short = recipe.with_settings([
            "fit.max_epochs=2", f"sample.train_images={num_images}", "sample.valid_images=100",
            "image.num_views=2"])
        encoder = MetadataEncoder.fit(data.rows("train"), [])
        fitted = fit_network(data, short, encoder, folder / "run", cache=folder / "cache",
                             most_cache_bytes=20 << 30, on_stage=lambda _: None)
    last: pd.Series = fitted.history.iloc[-1]
    return [name, f"{np.float64(last['images_per_second']):.1f}", "",
            f"{last['waiting_share']:.2%}"]


if __name__ == "__main__":
    main()
