"""Cohorts of any size: columns drawn as real ones are, and small stand-ins for the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lesionlab.imaging.jpeg import encode_jpeg
from lesionlab.scaling.workers import map_tasks

STAND_IN_PX = (48, 36)
"""Width and height of an image; what prepare does with its pixels costs next to nothing."""

# Columns that are drawn together, for a row that mixes them would contradict itself.
_TOGETHER = (
    ("attribution", "copyright_license"),
    ("diagnosis_1", "diagnosis_2", "diagnosis_3", "diagnosis_4", "diagnosis_5", "melanocytic",
     "diagnosis_confirm_type", "concomitant_biopsy"),
    ("anatom_site_1", "anatom_site_2", "anatom_site_3", "anatom_site_general",
     "anatom_site_special"),
    ("image_type", "dermoscopic_type"),
    ("pixels_x", "pixels_y"),
)
_IDS = ("isic_id", "patient_id", "lesion_id")
_SHARE_WITHOUT_PATIENT = 0.1
_SHARE_OF_COPIES = 0.02
_IMAGES_PER_TASK = 10_000
_POOL = 500
"""Real images that those of one task are made of."""


def draw_table(sources: list[Path], num_rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows whose columns are drawn from the tables of real folders, each row from one of them.

    Columns are drawn on their own, but for those of `_TOGETHER`, so that there are many more
    patterns of values than in the tables. Patients have as many images, and lesions too, as real
    ones.
    """
    rng = np.random.default_rng(seed)
    tables = [pd.read_csv(source / "metadata.csv", dtype=str, keep_default_na=False)
              for source in sources]
    weights = np.array([len(table) for table in tables], float)
    origin = rng.choice(len(tables), num_rows, p=weights / weights.sum())
    parts = [_draw_rows(table, np.flatnonzero(origin == place), rng)
             for place, table in enumerate(tables)]
    rows = pd.concat(parts).sort_index().fillna("")
    known = pd.concat(tables)
    lesions = known["lesion_id"].replace("", np.nan).value_counts()
    rows["lesion_id"] = _draw_ids("IL", lesions[lesions < 100].to_numpy(), num_rows, rng)
    patients = known["patient_id"].replace("", np.nan).value_counts().to_numpy()
    # A lesion is one patient's: patients are drawn for lesions.
    codes, names = pd.factorize(rows["lesion_id"])
    rows["patient_id"] = _draw_ids("IP", patients, len(names), rng)[codes]
    rows.loc[(rng.random(len(names)) < _SHARE_WITHOUT_PATIENT)[codes], "patient_id"] = ""
    rows.insert(0, "isic_id", [f"ISIC_{number:07d}" for number in range(num_rows)])
    return rows


def _draw_rows(table: pd.DataFrame, index: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    together = [[name for name in names if name in table] for names in _TOGETHER]
    alone = [[name] for name in table
             if name not in _IDS and not any(name in names for names in together)]
    drawn = [table[names].iloc[rng.integers(0, len(table), len(index))].set_axis(index)
             for names in (*together, *alone)]
    return pd.concat(drawn, axis=1)


def _draw_ids(
    prefix: str, sizes: np.ndarray, num: int, rng: np.random.Generator
) -> np.ndarray:
    """(num,) ids, each as often as one of `sizes` says, in random order."""
    drawn = rng.choice(sizes, num)
    numbers = np.repeat(np.arange(num), drawn)[:num]
    return np.array([f"{prefix}_{number:07d}" for number in rng.permutation(numbers)], object)


def write_cohort(
    folder: Path, sources: list[Path], num_images: int, *, has_images: bool = True
) -> None:
    """Write the ISIC client's layout: a drawn table, and a small file for each row.

    The files are real images turned, mirrored, cut and lit at random and then reduced to
    `STAND_IN_PX`, so that their hashes lie as close as those of lesions do; one in fifty is
    another one's copy, recompressed.
    """
    (folder / "images").mkdir(parents=True)
    table = draw_table(sources, num_images)
    table.to_csv(folder / "metadata.csv", index=False)
    if has_images:
        real = sorted(path for source in sources for path in (source / "images").glob("*.jpg"))
        tasks = [(folder / "images", start, min(start + _IMAGES_PER_TASK, num_images), real)
                 for start in range(0, num_images, _IMAGES_PER_TASK)]
        for _ in map_tasks(_draw_images, tasks):
            pass


def _draw_images(task: tuple[Path, int, int, list[Path]]) -> int:
    folder, start, end, real = task
    rng = np.random.default_rng(start)
    pool = [_open_small(real[place]) for place in rng.integers(0, len(real), _POOL)]
    pixels = np.zeros((*STAND_IN_PX[::-1], 3), np.uint8)
    for number in range(start, end):
        is_copy = number > start and rng.random() < _SHARE_OF_COPIES
        pixels = pixels if is_copy else _vary(pool[rng.integers(_POOL)], rng)
        data = encode_jpeg(pixels, quality=85 if is_copy else 90)
        (folder / f"ISIC_{number:07d}.jpg").write_bytes(data)
    return end - start


def _open_small(path: Path) -> Image.Image:
    """The picture at twice the size of a stand-in."""
    width, height = STAND_IN_PX
    with Image.open(path) as image:
        image.draft("RGB", (2 * width, 2 * height))
        return image.convert("RGB").resize((2 * width, 2 * height))


def _vary(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Another picture of the same kind: turned, mirrored, shifted, nearer, lighter or darker."""
    width, height = STAND_IN_PX
    angle, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.5)
    along, across = zoom * np.cos(angle), zoom * np.sin(angle)
    mirror = rng.choice([-1, 1])
    left, top = rng.uniform(0.85, 1.15) * width, rng.uniform(0.85, 1.15) * height
    # Of each pixel, the place that it is read from: turned about the middle, then shifted.
    rows = np.array([[along * mirror, -across], [across * mirror, along]])
    offset = np.array([left, top]) - rows @ np.array([width / 2, height / 2])
    turned = image.transform(
        STAND_IN_PX, Image.Transform.AFFINE, (*rows[0], offset[0], *rows[1], offset[1]),
        Image.Resampling.BILINEAR)
    # Each photograph has a grain of its own; without it, small blurred ones are near duplicates.
    grain = rng.integers(-12, 13, (height, width, 1), np.int16)
    lit = np.asarray(turned) * np.float32(rng.uniform(0.8, 1.2)) + grain
    return np.clip(lit, 0, 255).astype(np.uint8)

