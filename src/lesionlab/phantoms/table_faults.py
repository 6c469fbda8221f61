"""Faults of the table alone: columns and cells that are not what they seem."""

from dataclasses import replace

import numpy as np
import pandas as pd

from lesionlab.phantoms.plan import Plan
from lesionlab.phantoms.planting import (
    Planting,
    choose_share,
    index_rows,
    list_lesions,
    replace_rows,
)

MOST_IN_CM = 0.3
"""Share of the lesions of known size that is in cm at full strength."""

BATCH_NOISE = 0.03
"""Share of lesions whose `batch` says the contrary of their label at full strength."""

LEAST_OF_TINY_CLASS = 2
"""Malignant lesions left at full strength: too few for three roles."""

CONSTANT_SEX = "female"
"""The one sex of a constant column."""


def add_consequences(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Add a column known only after the biopsy, and a near-copy of the label, innocently named."""
    table = index_rows(plan)
    lesions = sorted(set(table["lesion_id"]))
    is_malignant = np.isin(lesions, list_lesions(table, "Malignant"))
    columns = {}
    for name, values, noise in (("biopsy_result_code", ("B5", "B2"), 0.0),
                                ("batch", ("K", "L"), BATCH_NOISE)):
        follows = np.isin(lesions, choose_share(rng, lesions, strength))
        is_noisy = np.isin(lesions, choose_share(rng, lesions, noise, least=0))
        says_malignant = np.where(follows, is_malignant ^ is_noisy, rng.random(len(lesions)) < 0.5)
        told = pd.Series(np.where(says_malignant, *values), index=lesions)
        columns[name] = table["lesion_id"].map(told)
    return Planting(plan=replace_rows(plan, table.assign(**columns)))


def mix_units(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Write the size of some lesions in cm."""
    table = index_rows(plan)
    column = "clin_size_long_diam_mm"
    known = table.loc[table[column].notna(), "lesion_id"]
    chosen = choose_share(rng, known, MOST_IN_CM * strength)
    ids = known.index[known.isin(chosen)]
    table.loc[ids, column] = (table.loc[ids, column] / 10).round(2)
    return Planting(plan=replace_rows(plan, table), isic_ids=tuple(ids))


def hide_benign_sizes(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Record the size of malignant lesions only."""
    table = index_rows(plan)
    column = "clin_size_long_diam_mm"
    known = table.loc[table[column].notna() & (table["diagnosis_1"] != "Malignant"), "lesion_id"]
    ids = known.index[known.isin(choose_share(rng, known, strength))]
    table.loc[ids, column] = np.nan
    return Planting(plan=replace_rows(plan, table), isic_ids=tuple(ids))


def freeze_sex(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Write one sex for all patients."""
    table = index_rows(plan)
    others = table.loc[table["sex"].notna() & (table["sex"] != CONSTANT_SEX), "patient_id"]
    ids = others.index[others.isin(choose_share(rng, others, strength))]
    table.loc[ids, "sex"] = CONSTANT_SEX
    return Planting(plan=replace_rows(plan, table))


def thin_class(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Leave malignant lesions out until there are next to none."""
    table = index_rows(plan)
    lesions = list_lesions(table, "Malignant")
    kept = choose_share(rng, lesions, 1 - strength, least=LEAST_OF_TINY_CLASS)
    is_left_out = table["lesion_id"].isin(set(lesions) - set(kept))
    left = table[~is_left_out]
    truth = plan.truth[plan.truth["isic_id"].isin(left.index)].reset_index(drop=True)
    thinned = replace(plan, truth=truth,
                      pictures={isic_id: plan.pictures[isic_id] for isic_id in left.index})
    return Planting(plan=replace_rows(thinned, left),
                    isic_ids=tuple(left.index[left["diagnosis_1"] == "Malignant"]))
