"""Training a network on a GPU: lesionlab's loop against the same network on tensors that lie there.

    python benchmarks/bench_gpu.py --backbone resnet50

Needs a GPU; without one it says so and does nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

import lesionlab
from lesionlab.dataset.prepared import PreparedData
from lesionlab.models.networks import build_network
from lesionlab.training import arithmetic
from lesionlab.training.objective import build_optimizer
from measuring import report

NUM_PATIENTS = 800
NUM_EPOCHS = 6


def time_training(
    data: PreparedData, recipe: lesionlab.Recipe, folder: Path
) -> tuple[float, float]:
    """Images/s of lesionlab's epochs after the first two, and the share of time spent waiting."""
    from lesionlab.inputs.metadata import MetadataEncoder
    from lesionlab.training.tuning import fit_network

    encoder = MetadataEncoder.fit(data.rows("train"), recipe.metadata.columns)
    fitted = fit_network(data, recipe, encoder, folder / recipe.digest[:8], cache=folder / "cache",
                         most_cache_bytes=1, on_stage=lambda _: None)
    late: pd.DataFrame = fitted.history.iloc[2:]
    return float(late["images_per_second"].median()), float(late["waiting_share"].median())


def time_random(
    recipe: lesionlab.Recipe, *, is_compiled: bool = False, num_steps: int = 30
) -> float:
    """Images/s of bare steps in bfloat16, channels last, on the same random batch."""
    network = build_network(recipe, 0, 2).network.cuda().to(memory_format=torch.channels_last)
    network.train()
    optimizer = build_optimizer(network, recipe)
    size, side = recipe.fit.batch_size, recipe.image.size_px
    x = torch.randint(0, 256, (size, side, side, 3), dtype=torch.uint8, device="cuda")
    metadata = torch.zeros(size, 0, device="cuda")
    target = torch.randint(0, 2, (size,), device="cuda")
    runner = torch.compile(network) if is_compiled else network

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            logits = runner(x, metadata, 0)
        torch.nn.functional.cross_entropy(logits, target).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(8):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    torch.cuda.synchronize()
    return size * num_steps / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--weights", default="random")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return
    base = lesionlab.find_recipe("finetuned").with_settings([
        f"model.backbone={options.backbone}", f"model.weights={options.weights}",
        "model.num_frozen_stages=0", "image.num_views=100", "image.views_per_epoch=8",
        "fit.batch_size=256",
        "fit.ema_decay=0", "fit.mixup=0", f"fit.max_epochs={NUM_EPOCHS}",
        f"fit.patience={NUM_EPOCHS}"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lesionlab.phantom(folder / "cohort", patients=NUM_PATIENTS)
        data = lesionlab.prepare([folder / "cohort"], folder / "data")
        num_train = len(data.rows("train"))
        bare = time_random(base)
        found, waited = time_training(data, base, folder)
        compiled = time_random(base, is_compiled=True)
        arithmetic.COMPILING_PAYS_S = 0.0
        found_compiled, waited_compiled = time_training(
            data, base.with_settings(["seed=1"]), folder)
    report(
        "bench_gpu", f"Training {options.backbone} at 224 px on a GPU",
        ["way", "images/s", "share", "waiting for data"],
        [["bare steps on one random batch", f"{bare:,.0f}", "1.00", ""],
         ["lesionlab: strong augmentation on the GPU, checkpoints, history", f"{found:,.0f}",
          f"{found / bare:.2f}", f"{waited:.1%}"],
         ["bare steps, torch.compile", f"{compiled:,.0f}", f"{compiled / bare:.2f}", ""],
         ["lesionlab, torch.compile", f"{found_compiled:,.0f}", f"{found_compiled / bare:.2f}",
          f"{waited_compiled:.1%}"]],
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, batches of 256, bfloat16, "
        f"channels last; {num_train:,} training images, 8 views of each an epoch, median of "
        f"epochs 3 to {NUM_EPOCHS}.")


if __name__ == "__main__":
    main()
