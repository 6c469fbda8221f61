"""Faults that give images the labels, or all metadata, of other images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lesionlab.phantoms.diagnoses import LABEL_COLUMNS
from lesionlab.phantoms.plan import Plan
from lesionlab.phantoms.planting import (
    Planting,
    choose_share,
    give_values,
    index_rows,
    list_lesions,
    replace_rows,
)

MOST_MISSED, MOST_FEARED = 0.4, 0.1
"""At full strength, shares of malignant lesions called benign and of benign called malignant."""


def attach_labels_by_position(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Join labels in sampling order to images in the order of file names.

    This is how a published study lost its labels: a loader took the n-th label for the n-th file,
    and the labels came sorted, all benign and then all malignant.
    """
    table = index_rows(plan)
    chosen = sorted(choose_share(rng, table.index, strength))
    in_sampling_order = table.loc[chosen].sort_values("diagnosis_1", kind="stable").index
    return _move_labels(plan, dict(zip(chosen, in_sampling_order, strict=True)))


def shuffle_labels(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Deal the labels of a share of the images anew among them."""
    chosen = choose_share(rng, plan.metadata["isic_id"], strength, least=2)
    return _move_labels(plan, dict(zip(chosen, rng.permutation(chosen).tolist(), strict=True)))


def flip_labels(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Call malignant lesions benign and, more rarely, benign lesions malignant."""
    table = index_rows(plan).join(plan.truth.set_index("isic_id")["look"])
    lesions = table.drop_duplicates("lesion_id")
    donors: dict[str, str] = {}
    for label, other, share in (("Malignant", "Benign", MOST_MISSED),
                                ("Benign", "Malignant", MOST_FEARED)):
        pool = lesions[lesions["diagnosis_1"] == other]
        named = list_lesions(table, label) if len(pool) else []
        for lesion in choose_share(rng, named, share * strength):
            images = table.index[table["lesion_id"] == lesion]
            donor = _choose_donor(pool, str(table.loc[images[0], "look"]), rng)
            donors |= dict.fromkeys(images, donor)
    return _move_labels(plan, donors)


def _choose_donor(pool: pd.DataFrame, look: str, rng: np.random.Generator) -> str:
    """Return an image whose diagnosis could be mistaken for one of that look."""
    alike = pool.index[pool["look"] == look]
    return str(rng.choice(alike if len(alike) else pool.index))


def shift_metadata(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Give each of a share of the images the whole row of the next one, in random order."""
    chosen = choose_share(rng, plan.metadata["isic_id"], strength, least=2)
    donors = dict(zip(chosen, chosen[1:] + chosen[:1], strict=True))
    table = index_rows(plan)
    moved = replace_rows(plan, give_values(table, table.columns.tolist(), donors))
    return Planting(plan=moved, isic_ids=tuple(sorted(donors)))


def _move_labels(plan: Plan, donors: Mapping[str, str]) -> Planting:
    """Return the plan with labels of donors; at fault is where the first level has changed."""
    table = index_rows(plan)
    moved = give_values(table, LABEL_COLUMNS, donors)
    is_wrong = moved["diagnosis_1"] != table["diagnosis_1"]
    return Planting(plan=replace_rows(plan, moved), isic_ids=tuple(table.index[is_wrong]))
