"""Small folders of the ISIC client's layout, one lesion picture an id."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData

SIDE = 48


def draw_lesion(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A picture of fine detail that no other seed gives."""
    grain = np.random.default_rng(seed).integers(60, 240, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC).filter(
        ImageFilter.GaussianBlur(0.5))


def encode(image: Image.Image, file_format: str = "JPEG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **({"quality": 95} if file_format == "JPEG" else {}) | options)
    return buffer.getvalue()


def name_ids(num_images: int) -> list[str]:
    return [f"ISIC_{number:07d}" for number in range(num_images)]


def write_cohort(
    folder: Path, num_images: int = 30, files: Mapping[str, bytes] | None = None,
    **columns: object,
) -> Path:
    """Write a table and a JPEG per id; every third is malignant.

    Args:
        folder: to make.
        num_images: rows of the table.
        files: other bytes by id, or by file name where it is no JPEG by name.
        columns: more columns of the table.
    """
    ids = name_ids(num_images)
    pictures = {f"{isic_id}.jpg": encode(draw_lesion(seed)) for seed, isic_id in enumerate(ids)}
    for name, data in (files or {}).items():
        pictures.pop(f"{Path(name).stem}.jpg")
        pictures[name if "." in name else f"{name}.jpg"] = data
    (folder / "images").mkdir(parents=True)
    for name, data in pictures.items():
        (folder / "images" / name).write_bytes(data)
    diagnoses = ["Malignant" if number % 3 == 0 else "Benign" for number in range(num_images)]
    table = pd.DataFrame({"isic_id": ids, "diagnosis_1": diagnoses} | columns)
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def build(source: Path, out: Path, **settings: object) -> PreparedData:
    return prepare([source], out, settings=PrepareSettings(**settings), num_workers=1)
