"""Synthetic cohorts of lesion phantoms with known truth, and faults on demand."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lesionlab.core.artifacts import new_folder
from lesionlab.core.errors import InputError
from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.pictures import Picture, draw_picture, edit_picture
from lesionlab.phantoms.plan import LICENCE, Plan, plan_cohort
from lesionlab.phantoms.planting import Planting
from lesionlab.phantoms.shortcut_faults import add_institutions
from lesionlab.phantoms.split_faults import add_split
from lesionlab.phantoms.truth import expected_auroc
from lesionlab.scaling.progress import progress
from lesionlab.scaling.workers import map_tasks

FORMAT_VERSION = 1
"""Version of `phantom.json`."""

TRUTH_NAME = "phantom.json"

_LICENSE = """\
CC0 1.0 Universal

These pictures are synthetic: drawn by a program, of nobody. To the extent possible under law,
all copyright and related rights to them are waived.
https://creativecommons.org/publicdomain/zero/1.0/legalcode
"""


@dataclass(frozen=True, kw_only=True)
class PhantomSummary:
    """What was written."""

    out: Path
    """The folder, in the layout of the ISIC client."""
    num_patients: int
    """Patients that are named."""
    num_lesions: int
    """Lesions, one or more of each patient."""
    num_images: int
    """Images that a row names, one or more of each lesion."""
    fault: str | None
    """The defect planted, or None."""


def phantom(
    out: Path,
    *,
    patients: int = 200,
    seed: int = 0,
    fault: str | None = None,
    strength: float = 1.0,
    with_split: bool = False,
    with_sources: bool = False,
    pictures: Path | None = None,
    image_signal: float = 1.0,
    metadata_signal: float = 1.0,
    image_size: tuple[int, int] = (320, 240),
    num_workers: int | None = None,
) -> PhantomSummary:
    """Write a synthetic cohort of dermoscopy-like images, their metadata and the truth.

    The folder has the ISIC client's layout (`images/`, `metadata.csv`, `attribution.txt`,
    `licenses/`) and `phantom.json`, which holds the strengths, the AUROC to expect from the best
    image-only, metadata-only and joint classifier, the scores and diagnosis of each image, and
    what was planted where. The same arguments give the same bytes, and a fault leaves the bytes
    of all images alone that it does not touch. The folder appears when it is whole.

    Args:
        out: a folder that is absent or empty.
        patients: number of patients; images are about three times as many.
        seed: 0 or more.
        fault: name of the defect to plant, a key of `FAULTS`.
        strength: how much of it, above 0 and up to 1; see `Fault.strength`.
        with_split: add a clean column `split` by patient, which some faults add anyway.
        with_sources: name two institutions in `attribution`, which have half of the patients each.
        pictures: folder of the same phantom without a fault, whose files are not drawn again.
        image_signal: how much the image tells of malignancy; 0 for nothing, 1 by default.
        metadata_signal: the same for age, sex, site and size.
        image_size: width and height in pixels.
        num_workers: processes that draw; one a processor by default.

    Raises:
        InputError: an argument is out of range, the fault is unknown, `pictures` is of another
            phantom, or `out` is not empty.
    """
    out = Path(out)
    facts = {"format_version": FORMAT_VERSION, "seed": seed, "patients": patients, "fault": fault,
             "image_signal": image_signal, "metadata_signal": metadata_signal,
             "image_size": list(image_size)}
    _check(out, facts, strength)
    clean = plan_cohort(patients, seed, image_signal=image_signal,
                        metadata_signal=metadata_signal, image_size=image_size)
    files = {} if pictures is None else _find_files(pictures, clean, facts)
    planting = _plant(clean, seed, fault, strength, with_split=with_split,
                      with_sources=with_sources)
    with new_folder(out) as unfinished:
        _write_images(unfinished / "images", planting.plan.pictures, files, num_workers)
        facts["expected_auroc"] = expected_auroc(image_signal, metadata_signal)
        facts["planted"] = _describe_planting(planting, fault, strength)
        _write_tables(unfinished, planting.plan, facts)
    metadata = planting.plan.metadata
    return PhantomSummary(
        out=out,
        num_patients=metadata["patient_id"].nunique(),
        num_lesions=metadata["lesion_id"].nunique(),
        num_images=len(metadata),
        fault=fault,
    )


def _check(out: Path, facts: Mapping[str, Any], strength: float) -> None:
    fault, image_size = facts["fault"], facts["image_size"]
    if facts["patients"] < 1:
        raise InputError(f"patients is {facts['patients']}; a phantom needs at least 1.")
    if facts["seed"] < 0:
        raise InputError(f"seed is {facts['seed']}; give 0 or a positive number.")
    if fault is not None and fault not in FAULTS:
        raise InputError(f"fault {fault!r} does not exist; choose from: {', '.join(FAULTS)}.")
    if not 0 < strength <= 1:
        raise InputError(f"strength is {strength}; give a number above 0 and up to 1.")
    if fault is None and strength != 1:
        raise InputError(f"strength is {strength}, but there is no fault to plant; name one.")
    for name in ("image_signal", "metadata_signal"):
        if not 0 <= facts[name] <= 5:
            raise InputError(f"{name} is {facts[name]}; give a strength from 0 (none) to 5.")
    if min(image_size) < 32:
        raise InputError(
            f"image_size is {image_size[0]} x {image_size[1]} pixels; give at least 32 x 32."
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(
            f"{out} exists and is not an empty folder; name a new one, or remove it first."
        )


def _find_files(folder: Path, clean: Plan, facts: Mapping[str, Any]) -> dict[Picture, Path]:
    """Return the file of each picture of a clean phantom that was written before."""
    path = Path(folder) / TRUTH_NAME
    if not path.is_file():
        raise InputError(f"pictures: there is no {path}; name the folder of a phantom.")
    there = json.loads(path.read_text(encoding="utf-8"))
    for name, value in (dict(facts) | {"fault": None}).items():
        if there.get(name) != value:
            raise InputError(
                f"pictures: {folder} has {name} {there.get(name)}, and {value} is needed; name "
                "the same phantom without a fault."
            )
    return {picture: path.parent / "images" / f"{isic_id}.jpg"
            for isic_id, picture in clean.pictures.items()}


def _plant(
    plan: Plan, seed: int, fault: str | None, strength: float, *, with_split: bool,
    with_sources: bool,
) -> Planting:
    if with_sources:
        plan = add_institutions(plan, np.random.default_rng([seed, 5]))
    if with_split or (fault is not None and FAULTS[fault].has_split):
        plan = add_split(plan, np.random.default_rng([seed, 4]))
    if fault is None:
        return Planting(plan=plan)
    return FAULTS[fault].plant(plan, strength, np.random.default_rng([seed, 3]))


def _write_images(
    folder: Path, pictures: Mapping[str, Picture], files: Mapping[Picture, Path],
    num_workers: int | None,
) -> None:
    folder.mkdir()
    tasks = []
    for isic_id, picture in sorted(pictures.items()):
        file = files.get(picture.drawn)
        if file is not None and picture.is_drawn_only:
            (folder / f"{isic_id}.jpg").write_bytes(file.read_bytes())
        else:
            tasks.append((folder / f"{isic_id}.jpg", picture, file))
    with progress(len(tasks), "drawing") as bar:
        for _ in map_tasks(_write_picture, tasks, num_workers=num_workers):
            bar.update()


def _write_picture(task: tuple[Path, Picture, Path | None]) -> None:
    out, picture, drawn = task
    out.write_bytes(draw_picture(picture) if drawn is None
                    else edit_picture(picture, drawn.read_bytes()))


def _describe_planting(
    planting: Planting, fault: str | None, strength: float
) -> dict[str, Any] | None:
    if fault is None:
        return None
    return {"fault": fault, "strength": strength, "isic_ids": list(planting.isic_ids),
            "copies": [asdict(copy) for copy in planting.copies]}


def _write_tables(folder: Path, plan: Plan, facts: dict[str, Any]) -> None:
    metadata = plan.metadata.join(_read_sizes(folder / "images", plan), on="isic_id")
    # The Archive's export has these three first and the rest by name.
    first = ["isic_id", "attribution", "copyright_license"]
    rest = sorted(set(metadata.columns) - set(first))
    metadata[first + rest].to_csv(folder / "metadata.csv", index=False, lineterminator="\n")
    names = sorted(set(metadata["attribution"]))
    (folder / "attribution.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (folder / "licenses").mkdir()
    (folder / "licenses" / f"{LICENCE}.txt").write_text(_LICENSE, encoding="utf-8")
    scores = plan.truth.drop(columns=["lesion_number", "is_dermoscopic"]).set_index("isic_id")
    images = scores.round(6).to_dict(orient="index")
    document = json.dumps(facts | {"images": images}, indent=1)
    (folder / TRUTH_NAME).write_text(document + "\n", encoding="utf-8")


def _read_sizes(folder: Path, plan: Plan) -> pd.DataFrame:
    """Return width and height of the file of each row, by `isic_id`."""
    sizes = {}
    for isic_id in plan.metadata["isic_id"]:
        with Image.open(folder / f"{isic_id}.jpg") as image:
            sizes[isic_id] = image.size
    return pd.DataFrame.from_dict(sizes, orient="index", columns=["pixels_x", "pixels_y"])
