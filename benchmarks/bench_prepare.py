"""prepare() against a plain Pillow loop over the same files, side by side."""

from __future__ import annotations

import io
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from lesionlab.dataset.screening import screen_images
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.decoding import DEFAULT_LIMITS
from lesionlab.scaling.executors import LocalExecutor
from measuring import parse_images, report, time_in_turn

SIZE_PX = 256
ROUNDS = 3


def loop_with_pillow(files: dict[str, Path]) -> None:
    """Decode, reduce to 256 px and encode again, as most projects do; no check, no hash."""
    for path in files.values():
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        scale = SIZE_PX / min(rgb.size)
        if scale < 1:
            rgb = rgb.resize([round(side * scale) for side in rgb.size], Image.Resampling.BICUBIC)
        rgb.save(io.BytesIO(), "JPEG", quality=95, subsampling=0)


def screen(files: dict[str, Path], workers: int) -> None:
    """All that prepare does with a file: check, decode, hash, thumbnail, keep."""
    folder = Path(tempfile.mkdtemp())
    addresses = {name: ImageAddress(path=path) for name, path in files.items()}
    screen_images(folder, addresses, size_px=SIZE_PX, limits=DEFAULT_LIMITS,
                  executor=LocalExecutor(num_workers=workers))
    shutil.rmtree(folder)


def enlarge(files: dict[str, Path], folder: Path, size: tuple[int, int]) -> dict[str, Path]:
    """The pictures as full-size photographs, as a camera or the Archive delivers them."""
    large = {}
    for name, path in files.items():
        with Image.open(path) as image:
            image.resize(size, Image.Resampling.BICUBIC).save(folder / path.name, quality=90)
        large[name] = folder / path.name
    return large


def main() -> None:
    options = parse_images(2000)
    paths = sorted((options.source / "images").glob("*.jpg"))[: options.images]
    small = {path.stem: path for path in paths}
    folder = Path(tempfile.mkdtemp())
    large = enlarge(dict(list(small.items())[:200]), folder, (3000, 2250))
    rows = []
    for label, files in ((f"{len(small)} files of 256 px", small),
                         (f"{len(large)} files of 3000 x 2250", large)):
        works = [lambda f=files: loop_with_pillow(f), lambda f=files: screen(f, 1),
                 lambda f=files: screen(f, 2)]
        rates = [len(files) / statistics.median(times) for times in time_in_turn(works, ROUNDS)]
        rows.append([label, *(f"{rate:,.0f}" for rate in rates),
                     f"{rates[1] / rates[0]:.2f}", f"{rates[2] / rates[0]:.2f}"])
    shutil.rmtree(folder)
    report("bench_prepare", "prepare against a plain Pillow loop, images/s",
           ["files", "Pillow, 1 process", "prepare, 1 process", "prepare, 2 processes",
            "ratio, 1", "ratio, 2"], rows,
           f"Median of {ROUNDS} rounds in turn. The Pillow loop decodes, reduces and encodes; "
           "prepare also checks for truncation, hashes (SHA-256, perceptual), makes the thumbnail "
           "that duplicates are confirmed on, and writes the store to disk.")
    assert np.isfinite([float(row[-1]) for row in rows]).all()


if __name__ == "__main__":
    main()
