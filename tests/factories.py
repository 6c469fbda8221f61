"""Small prepared data made by hand, each image a few pixels of noise."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lesionlab.core import artifacts
from lesionlab.core.cohort import Cohort
from lesionlab.core.split import Split
from lesionlab.dataset.prepared import FORMAT_VERSION, PreparedData, data_digest
from lesionlab.dataset.store import ImageStore, write_shard
from lesionlab.imaging.jpeg import encode_jpeg


def clean_frame(num_images: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows without a fault, an image per patient and lesion, `role` and `group_id` among them."""
    rng = np.random.default_rng(seed)
    ids = [f"ISIC_{number:07d}" for number in range(num_images)]
    numbers = np.arange(num_images)
    ages = rng.integers(20, 80, num_images).astype(float)
    sexes = rng.choice(np.array(["male", "female"], dtype=object), num_images)
    return pd.DataFrame({
        "patient_id": [f"P{number}" for number in numbers],
        "lesion_id": [f"L{number}" for number in numbers],
        "age_approx": np.where(rng.random(num_images) < 0.1, np.nan, ages),
        "sex": np.where(rng.random(num_images) < 0.1, None, sexes),
        "source": rng.choice(["Vienna", "Barcelona"], num_images),
        "copyright_license": "CC-BY",
        "pixels_x": rng.choice([600.0, 1024.0], num_images), "pixels_y": 450.0,
        "file_bytes": rng.integers(20_000, 40_000, num_images).astype(float),
        "target": rng.choice(["Benign", "Malignant"], num_images, p=[0.7, 0.3]),
        "role": np.where(numbers % 10 < 6, "train", np.where(numbers % 10 < 8, "valid", "test")),
        "group_id": ids,
    }, index=pd.Index(ids, name="isic_id"))


def draw_noise(number: int) -> bytes:
    """A JPEG of 24 x 16 pixels about the colour of skin, another for each number."""
    rng = np.random.default_rng(number)
    skin = np.array([200, 150, 130]) + rng.normal(0, 12, (16, 24, 3))
    return encode_jpeg(np.clip(skin, 0, 255).astype(np.uint8))


def make_prepared(
    folder: Path, frame: pd.DataFrame, *, digests: dict[str, str] | None = None,
    classes: tuple[str, ...] = ("Benign", "Malignant"), counts: dict[str, Any] | None = None,
    **manifest: Any,
) -> PreparedData:
    """PreparedData of `frame`, whose images are a few pixels of skin, written to `folder`.

    Args:
        folder: to fill.
        frame: columns of a cohort, and `role` and `group_id`, indexed by `isic_id`.
        digests: of a file by id, where two files are to be the same.
        classes: of the target.
        counts: what differs from a manifest without a fault.
        manifest: likewise.
    """
    cohort = Cohort.from_frame(frame.drop(columns=["role", "group_id"]).reset_index())
    split = Split(table=pa.Table.from_pandas(frame[["role", "group_id"]].reset_index(),
                                             preserve_index=False),
                  seed=0, group_key="patient_id+lesion_id+duplicates",
                  cohort_digest=cohort.digest)
    own = {isic_id: hashlib.sha256(isic_id.encode()).hexdigest() for isic_id in cohort.ids}
    write_shard(folder / "images" / "000000.arrow", [
        {"isic_id": isic_id, "image": draw_noise(row), "width": 24, "height": 16,
         "thumbnail": b"", "sha256": digest, "stored_sha256": digest, "perceptual_hash": row,
         "pixels_x": 24, "pixels_y": 16, "file_bytes": 1, "file_format": "JPEG",
         "jpeg_quality": 90}
        for row, (isic_id, digest) in enumerate((own | (digests or {})).items())])
    store = ImageStore(folder=folder / "images")
    content = {
        "format_version": FORMAT_VERSION, "lesionlab_version": "0",
        "digests": data_digest(cohort, split, store),
        "target": {"name": "malignancy", "classes": list(classes)},
        "counts": {"num_rows_read": len(cohort), "dropped_by_source": {}, "dropped_by_target": {},
                   "rejected_images": {}} | (counts or {}),
        "dropped": [], "adjusted": [], "duplicates": [],
    } | manifest
    cohort.save(folder / "cohort.parquet")
    split.save(folder / "split.parquet")
    artifacts.write_json(folder / "manifest.json", content)
    return PreparedData(folder=folder, manifest=content, cohort=cohort, split=split, store=store)
