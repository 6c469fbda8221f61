"""Synthetic cohorts of lesion phantoms with known truth, and the faults planted in them."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lesionlab.core.artifacts import new_folder
from lesionlab.core.errors import InputError
from lesionlab.phantoms.drawing import Lesion, View, draw_lesion
from lesionlab.phantoms.plan import LABEL_COLUMNS, Plan, plan_cohort
from lesionlab.phantoms.truth import expected_auroc
from lesionlab.scaling.progress import progress
from lesionlab.scaling.workers import map_tasks

FORMAT_VERSION = 1
"""Version of `phantom.json`."""

_ATTRIBUTION = "lesionlab phantom"
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
    """Patients."""
    num_lesions: int
    """Lesions, one or more of each patient."""
    num_images: int
    """Images, one or more of each lesion."""
    fault: str | None
    """The defect planted, or None."""


def phantom(
    out: Path,
    *,
    patients: int = 200,
    seed: int = 0,
    fault: str | None = None,
    image_signal: float = 1.0,
    metadata_signal: float = 1.0,
    image_size: tuple[int, int] = (320, 240),
) -> PhantomSummary:
    """Write a synthetic cohort of dermoscopy-like images, their metadata and the truth.

    The folder has the ISIC client's layout (`images/`, `metadata.csv`, `attribution.txt`,
    `licenses/`) and `phantom.json`, which holds the strengths, the AUROC to expect from the best
    image-only, metadata-only and joint classifier, and the scores and diagnosis of each image.
    The same arguments give the same bytes. The folder appears when it is whole.

    Args:
        out: a folder that is absent or empty.
        patients: number of patients; images are about three times as many.
        seed: 0 or more.
        fault: name of the defect to plant, a key of `FAULTS`.
        image_signal: how much the image tells of malignancy; 0 for nothing, 1 by default.
        metadata_signal: the same for age, sex, site and size.
        image_size: width and height in pixels.

    Raises:
        InputError: an argument is out of range, the fault is unknown, or `out` is not empty.
    """
    out = Path(out)
    _check(out, patients, seed, fault, (image_signal, metadata_signal), image_size)
    plan = plan_cohort(
        patients, seed, image_signal=image_signal, metadata_signal=metadata_signal
    )
    if fault is not None:
        plan = FAULTS[fault](plan, np.random.default_rng([seed, 3]))
    facts = {
        "format_version": FORMAT_VERSION,
        "seed": seed,
        "patients": patients,
        "fault": fault,
        "image_signal": image_signal,
        "metadata_signal": metadata_signal,
        "image_size": list(image_size),
        "expected_auroc": expected_auroc(image_signal, metadata_signal),
    }
    with new_folder(out) as unfinished:
        _write_images(unfinished / "images", plan, facts)
        _write_tables(unfinished, plan, facts)
    return PhantomSummary(
        out=out,
        num_patients=len(set(plan.metadata["patient_id"])),
        num_lesions=len(set(plan.metadata["lesion_id"])),
        num_images=len(plan.metadata),
        fault=fault,
    )


def attach_labels_by_position(plan: Plan, _rng: np.random.Generator) -> Plan:
    """Return the plan with labels in sampling order joined to images in the order of file names.

    This is how a published study lost its labels: a loader took the n-th label for the n-th file,
    and the labels came sorted, all benign and then all malignant.
    """
    columns = list(LABEL_COLUMNS)
    metadata = plan.metadata.sort_values("isic_id", ignore_index=True)
    in_sampling_order = metadata.sort_values("diagnosis_1", kind="stable", ignore_index=True)
    metadata[columns] = in_sampling_order[columns]
    return replace(plan, metadata=metadata)


Fault = Callable[[Plan, np.random.Generator], Plan]

FAULTS: dict[str, Fault] = {"label-order": attach_labels_by_position}
"""Defects that can be planted: each takes the plan and gives back a faulty one."""


def _check(
    out: Path,
    patients: int,
    seed: int,
    fault: str | None,
    strengths: tuple[float, float],
    image_size: tuple[int, int],
) -> None:
    if patients < 1:
        raise InputError(f"patients is {patients}; a phantom needs at least 1.")
    if seed < 0:
        raise InputError(f"seed is {seed}; give 0 or a positive number.")
    if fault is not None and fault not in FAULTS:
        raise InputError(f"fault {fault!r} does not exist; choose from: {', '.join(FAULTS)}.")
    for name, strength in zip(("image_signal", "metadata_signal"), strengths, strict=True):
        if not 0 <= strength <= 5:
            raise InputError(f"{name} is {strength}; give a strength from 0 (none) to 5.")
    if min(image_size) < 32:
        raise InputError(
            f"image_size is {image_size[0]} x {image_size[1]} pixels; give at least 32 x 32."
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(
            f"{out} exists and is not an empty folder; name a new one, or remove it first."
        )


def _write_images(folder: Path, plan: Plan, facts: dict[str, Any]) -> None:
    folder.mkdir()
    seed = facts["seed"]
    width, height = facts["image_size"]
    tasks = []
    # Each picture has its own seeds, so that the order of the workers does not matter.
    for number, row in enumerate(plan.truth.itertuples(index=False)):
        truth: Any = row
        lesion = Lesion(
            look=truth.look,
            severity=truth.severity,
            skin_type=truth.skin_type,
            seed=(seed, 1, truth.lesion_number),
        )
        view = View(
            width=width,
            height=height,
            is_dermoscopic=truth.is_dermoscopic,
            seed=(seed, 2, number),
        )
        tasks.append((lesion, view))
    with progress(len(tasks), "drawing") as bar:
        for isic_id, jpeg in zip(
            plan.truth["isic_id"], map_tasks(_encode_picture, tasks), strict=True
        ):
            (folder / f"{isic_id}.jpg").write_bytes(jpeg)
            bar.update()


def _encode_picture(task: tuple[Lesion, View]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(draw_lesion(*task)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write_tables(folder: Path, plan: Plan, facts: dict[str, Any]) -> None:
    width, height = facts["image_size"]
    metadata = plan.metadata.assign(
        attribution=_ATTRIBUTION,
        copyright_license="CC-0",
        image_manipulation="synthetic",
        pixels_x=width,
        pixels_y=height,
    )
    # The Archive's export has these three first and the rest by name.
    first = ["isic_id", "attribution", "copyright_license"]
    rest = sorted(set(metadata.columns) - set(first))
    metadata[first + rest].to_csv(folder / "metadata.csv", index=False, lineterminator="\n")
    (folder / "attribution.txt").write_text(_ATTRIBUTION + "\n", encoding="utf-8")
    (folder / "licenses").mkdir()
    (folder / "licenses" / "CC-0.txt").write_text(_LICENSE, encoding="utf-8")
    scores = plan.truth.drop(columns=["lesion_number", "is_dermoscopic"]).set_index("isic_id")
    images = scores.round(6).to_dict(orient="index")
    document = json.dumps(facts | {"images": images}, indent=1)
    (folder / "phantom.json").write_text(document + "\n", encoding="utf-8")
