"""Faults that let the label be told without looking at the lesion."""

from dataclasses import replace

import numpy as np

from lesionlab.phantoms.pictures import Edit, Picture
from lesionlab.phantoms.plan import CLINICAL, DERMOSCOPIC, Plan
from lesionlab.phantoms.planting import (
    Planting,
    choose_share,
    index_rows,
    list_lesions,
    replace_rows,
)

INSTITUTIONS = ("Phantom Hospital, Department of Oncology", "Phantom Practice")
"""Who is to be named for a picture where there are two sources."""

LOW_QUALITY = 35
"""Quality of the JPEG files of another export."""

COMMENT_BYTES = 12_000
"""Least length of the comment of another export; the most is twice as much."""


def add_institutions(plan: Plan, rng: np.random.Generator) -> Plan:
    """Return the plan with half of the patients from each of two institutions."""
    patients = sorted(set(plan.metadata["patient_id"]))
    first = set(rng.permutation(patients)[: len(patients) // 2])
    names = np.where(plan.metadata["patient_id"].isin(first), *INSTITUTIONS)
    return replace(plan, metadata=plan.metadata.assign(attribution=names))


def tie_institution(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Let malignant lesions come from one institution and all others from another."""
    table = index_rows(plan)
    malignant = set(list_lesions(table, "Malignant"))
    others = set(table["lesion_id"]) - malignant
    first = {lesion for lesions, share in ((malignant, 0.5 + strength / 2),
                                           (others, 0.5 - strength / 2))
             for lesion in choose_share(rng, lesions, share, least=0)}
    names = np.where(table["lesion_id"].isin(first), *INSTITUTIONS)
    return Planting(plan=replace_rows(plan, table.assign(attribution=names)))


def tie_camera(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Take malignant lesions without a dermatoscope, all others with one, and say so."""
    table = index_rows(plan)
    is_malignant = table["diagnosis_1"] == "Malignant"
    is_clinical = table["image_type"] == CLINICAL
    to_clinical = choose_share(rng, table.index[is_malignant & ~is_clinical], strength)
    to_dermoscopic = choose_share(rng, table.index[~is_malignant & is_clinical], strength)
    table.loc[to_clinical, "image_type"] = CLINICAL
    table.loc[to_dermoscopic, "image_type"] = DERMOSCOPIC
    truth, pictures = plan.truth.set_index("isic_id"), dict(plan.pictures)
    for ids, is_dermoscopic in ((to_clinical, False), (to_dermoscopic, True)):
        truth.loc[ids, "is_dermoscopic"] = is_dermoscopic
        pictures |= {isic_id: replace(pictures[isic_id], view=replace(
            pictures[isic_id].view, is_dermoscopic=is_dermoscopic)) for isic_id in ids}
    tied = replace(plan, truth=truth.reset_index(), pictures=pictures)
    return Planting(plan=replace_rows(tied, table),
                    isic_ids=tuple(sorted(to_clinical + to_dermoscopic)))


def mark_malignant(
    plan: Plan, strength: float, rng: np.random.Generator, *, edit: Edit
) -> Planting:
    """Do something to the pictures of malignant lesions and to no other."""
    ids = _choose_malignant(plan, strength, rng)
    return _replace_pictures(plan, {
        isic_id: replace(plan.pictures[isic_id], edits=(edit,)) for isic_id in ids})


def tie_quality(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Compress pictures of malignant lesions harder."""
    ids = _choose_malignant(plan, strength, rng)
    return _replace_pictures(plan, {
        isic_id: replace(plan.pictures[isic_id], quality=LOW_QUALITY) for isic_id in ids})


def tie_file_size(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Write a long comment into files of malignant lesions, as some exports do."""
    ids = _choose_malignant(plan, strength, rng)
    lengths = rng.integers(COMMENT_BYTES, 2 * COMMENT_BYTES, len(ids)).tolist()
    return _replace_pictures(plan, {
        isic_id: replace(plan.pictures[isic_id], comment_bytes=length)
        for isic_id, length in zip(ids, lengths, strict=True)})


def _choose_malignant(plan: Plan, strength: float, rng: np.random.Generator) -> list[str]:
    table = plan.metadata
    return choose_share(rng, table.loc[table["diagnosis_1"] == "Malignant", "isic_id"], strength)


def _replace_pictures(plan: Plan, pictures: dict[str, Picture]) -> Planting:
    return Planting(plan=replace(plan, pictures={**plan.pictures, **pictures}),
                    isic_ids=tuple(sorted(pictures)))
