"""Folds of a cross-validation: whole groups, stratified, the test role left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.core.errors import InputError, SplitError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.splitting import deal_groups, name_strata

MIN_FOLDS = 3
"""One fold is held out, one is for early stopping and calibration, the rest is trained on."""


def draw_folds(data: PreparedData, num_folds: int, *, seed: int) -> pd.Series:
    """The fold, 0 to `num_folds` - 1, of each image of the train and the valid role, by id.

    Groups stay whole; each class, and source where there are several, is spread evenly.

    Raises:
        InputError: fewer than three folds.
        SplitError: fewer groups than folds.
    """
    rows = data.frame[data.frame["role"] != "test"]
    strata = name_strata(rows["target"].astype(str), rows.get("source"))
    return deal_folds(rows["group_id"], strata, num_folds, seed=seed)


def deal_folds(
    groups: pd.Series, strata: pd.Series, num_folds: int, *, seed: int
) -> pd.Series:
    """The fold, int64, of each image; the order of the rows has no say.

    Args:
        groups: `group_id` indexed by `isic_id`.
        strata: what to stratify by, same index.
        num_folds: how many.
        seed: of the draw.

    Raises:
        InputError: fewer than three folds.
        SplitError: fewer groups than folds.
    """
    if num_folds < MIN_FOLDS:
        raise InputError(f"--folds {num_folds}: give {MIN_FOLDS} or more; one fold is held out, "
                         "one is for early stopping and calibration, the rest is trained on")
    if groups.nunique() < num_folds:
        raise SplitError(f"--folds {num_folds}: the train and valid roles hold "
                         f"{groups.nunique()} groups, and each fold needs one; give fewer folds "
                         "or prepare more data")
    shares = [1 / num_folds] * num_folds
    return deal_groups(groups, strata, shares, seed).rename("fold")


def name_roles(folds: pd.Series, held_out: int) -> pd.Series:
    """The role of each image where one fold is held out: `test` for it, `valid` for the next.

    >>> list(name_roles(pd.Series([0, 1, 2]), held_out=2))
    ['valid', 'train', 'test']
    """
    num_folds = int(folds.max()) + 1
    roles = np.full(len(folds), "train", object)
    roles[folds == (held_out + 1) % num_folds] = "valid"
    roles[folds == held_out] = "test"
    return pd.Series(roles, index=folds.index, name="role", dtype="str")
