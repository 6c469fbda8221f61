"""The study's best recipe against the same recipe written plainly, whole trainings in seconds.

    python benchmarks/bench_study_best.py

`mobilenetv2_5000_aug_frozen` on EfficientNet-Lite0: 8,000 images and 8,000 augmented copies at
128 px, 14 epochs on a frozen base. Plainly: Pillow, a DataLoader, eager torch, and the base run
again in every epoch. The plain way takes hours, so it is run whole on a smaller sample, where both
are timed and scored, and its time for 8,000 images follows from its rate.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn
from torchvision.transforms import v2

import lesionlab
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.building import PrepareSettings
from lesionlab.dataset.prepared import PreparedData
from lesionlab.models.networks import build_network
from lesionlab.training.sampling import find_targets, sample_rows
from measuring import HAM10000, parse_images, report

NUM_EPOCHS = 14
NUM_SMALL = 100
"""Training images of the plain run."""
SETTINGS = ["model.backbone=tf_efficientnet_lite0", "model.weights=package",
            "sample.train_per_class=0", "sample.valid_per_class=0",
            f"fit.max_epochs={NUM_EPOCHS}", f"fit.patience={NUM_EPOCHS}"]


class PlainImages(torch.utils.data.Dataset):
    """What a first version does: open, resize, augment, for each image of each epoch."""

    def __init__(self, data: PreparedData, ids: list[str], targets: np.ndarray) -> None:
        self.files = [data.store.read(name) for name in ids]
        self.targets = targets
        self.augment = v2.Compose([
            v2.RandomHorizontalFlip(), v2.RandomAffine(36, scale=(0.9, 1.1))])

    def __len__(self) -> int:
        return 2 * len(self.files)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        row, is_copy = divmod(number, 2)
        image = Image.open(io.BytesIO(self.files[row])).convert("RGB").resize((128, 128))
        if is_copy:
            image = self.augment(image)
        return torch.from_numpy(np.array(image)), int(self.targets[row])


def train_plainly(data: PreparedData, recipe: lesionlab.Recipe) -> tuple[float, float]:
    """Seconds and test AUROC."""
    start = time.perf_counter()
    train = sample_rows(data, recipe, "train")
    torch.manual_seed(0)
    network = build_network(recipe, 0, 2).network
    network.freeze(len(network.stages))
    head: Any = network.fusion
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(
        PlainImages(data, list(map(str, train.rows.index)), train.target_index),
        batch_size=64, shuffle=True)
    for _ in range(NUM_EPOCHS):
        for pixels, target in loader:
            loss = nn.functional.cross_entropy(network(pixels, torch.zeros(len(pixels), 0)), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - start
    test = data.rows("test")
    scores = []
    with torch.inference_mode():
        for name in map(str, test.index):
            image = Image.open(io.BytesIO(data.store.read(name))).resize((128, 128))
            pixels = torch.from_numpy(np.array(image))[None]
            scores.append(network.eval()(pixels, torch.zeros(1, 0)).softmax(1)[0, 1].item())
    return seconds, float(roc_auc_score(find_targets(test, data.classes), scores))


def train_ours(
    data: PreparedData, recipe: lesionlab.Recipe, folder: Path
) -> tuple[float, float, float]:
    """Seconds with an empty cache, and with a full one, and test AUROC."""
    seconds = []
    for number, seed in enumerate((recipe, recipe.with_settings(["fit.patience=13"]))):
        start = time.perf_counter()
        lesionlab.train(data, seed, folder / f"run_{number}", cache=folder / "cache")
        seconds.append(time.perf_counter() - start)
    lesionlab.evaluate(folder / "run_0")
    found = Predictions.load(folder / "run_0" / "predictions_test.parquet")
    return (*seconds, float(roc_auc_score(found.target_index, found.probabilities[:, 1])))


def main() -> None:
    options = parse_images(default=8000)
    recipe = lesionlab.find_recipe("mobilenetv2_5000_aug_frozen").with_settings(SETTINGS)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = lesionlab.prepare([options.source], folder / "data",
                                 settings=PrepareSettings(split="84/8/8"))
        small = recipe.with_settings([f"sample.train_images={NUM_SMALL}"])
        large = recipe.with_settings([f"sample.train_images={options.images}"])
        plain, plain_auroc = train_plainly(data, small)
        cold, warm, auroc = train_ours(data, small, folder / "small")
        rows.append([f"{NUM_SMALL:,} + copies", f"{plain:.0f}", f"{cold:.1f}", f"{warm:.1f}",
                     f"{plain / cold:.1f} x", f"{plain_auroc:.3f}", f"{auroc:.3f}"])
        cold, warm, auroc = train_ours(data, large, folder / "large")
        scaled = plain * options.images / NUM_SMALL
        rows.append([f"{options.images:,} + copies", f"{scaled:.0f} (scaled)", f"{cold:.1f}",
                     f"{warm:.1f}", f"{scaled / cold:.1f} x", "", f"{auroc:.3f}"])
    report(
        "bench_study_best",
        "The study's best recipe, 14 epochs on a frozen base at 128 px, seconds of a training",
        ["images", "plain", "lesionlab, empty cache", "lesionlab, second training", "ratio, empty",
         "AUROC, plain", "AUROC, lesionlab"], rows,
        f"{HAM10000.name}, malignancy, Lite0 from the package. Plain: Pillow, DataLoader, eager "
        "torch float32, the base run in every epoch; its last step is kept, lesionlab keeps the "
        "best of its 14 epochs, calibrates, checks and packs within its seconds. Scaled: the plain "
        "seconds of the small sample times the number of images.")


if __name__ == "__main__":
    main()
