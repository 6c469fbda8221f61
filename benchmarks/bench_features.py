"""Frozen features as training computes them, against eager torch and against bare onnxruntime."""

from __future__ import annotations

import io
import shutil
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lesionlab.dataset.screening import screen_files
from lesionlab.dataset.store import ImageStore
from lesionlab.imaging.decoding import DEFAULT_LIMITS
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.session import open_session
from lesionlab.models.backbones import build_backbone, embed_with_torch, export_backbone
from lesionlab.recipes import image_frozen
from lesionlab.scaling.workers import available_cpus
from lesionlab.training.embedding import BATCH_SIZE, Embedder
from measuring import parse_images, report, time_in_turn

ROUNDS = 3


def main() -> None:
    options = parse_images(400)
    paths = sorted((options.source / "images").glob("*.jpg"))[: options.images]
    folder = Path(tempfile.mkdtemp())
    screen_files(folder, {path.stem: path for path in paths}, size_px=256, limits=DEFAULT_LIMITS)
    store = ImageStore(folder=folder / "images")
    ids = list(map(str, store.ids))
    recipe = image_frozen()
    size = recipe.image.size_px
    backbone, weights = build_backbone(recipe.model)
    exported = export_backbone(backbone, weights, size)
    session = open_session(exported.graph)
    noise = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE, size, size, 3), np.uint8)
    num_batches = len(ids) // BATCH_SIZE

    def embed() -> None:
        cache = Path(tempfile.mkdtemp())
        Embedder(graph=exported.graph, key="bench", seed=0,
                 preprocessing=Preprocessing(size_px=size, decode_side=256),
                 cache=cache).embed(store, ids, 1)
        shutil.rmtree(cache)

    def run_bare() -> None:
        with ThreadPoolExecutor(available_cpus()) as pool:
            list(pool.map(lambda _: session.run(None, {"image": noise}), range(num_batches)))

    def read_with_pillow(isic_id: str) -> np.ndarray:
        image = Image.open(io.BytesIO(store.read(isic_id))).convert("RGB")
        return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))

    def run_eager(batch_size: int = 32) -> None:
        with torch.inference_mode():
            for start in range(0, len(ids), batch_size):
                batch = [read_with_pillow(name) for name in ids[start:start + batch_size]]
                embed_with_torch(backbone, np.stack(batch))

    seconds = time_in_turn([embed, run_bare, run_eager], ROUNDS)
    counts = [len(ids), num_batches * BATCH_SIZE, len(ids)]
    rates = [count / statistics.median(times) for count, times in zip(counts, seconds, strict=True)]
    shutil.rmtree(folder)
    labels = ["lesionlab, decoding, views and cache included", "bare onnxruntime, random tensors",
              "eager torch, Pillow decoding, batches of 32"]
    report("bench_features", f"Frozen features of {recipe.model.backbone} at {size} px, images/s",
           ["way", "images/s", "lesionlab is"],
           [[label, f"{rate:.0f}", f"{rates[0] / rate:.2f} x"]
            for label, rate in zip(labels, rates, strict=True)],
           f"Median of {ROUNDS} rounds in turn over {len(ids)} images; torch on "
           f"{torch.get_num_threads()} threads, onnxruntime on {available_cpus()} threads of one "
           "run each.")


if __name__ == "__main__":
    main()
