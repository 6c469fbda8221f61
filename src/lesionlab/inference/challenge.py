"""Predictions in the form that an ISIC challenge takes."""

from __future__ import annotations

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError
from lesionlab.inference.bundle import ModelBundle

CHALLENGES: dict[str, tuple[str, ...]] = {
    "isic2018": ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"),
}
"""Challenge, and target of the same name, to its columns in the order of the challenge.

See https://challenge.isic-archive.com/landing/2018/47/.
"""


def find_columns(challenge: str, bundle: ModelBundle) -> tuple[str, ...]:
    """The classes of a challenge in its order, where the bundle answers its question.

    Raises:
        InputError: no such challenge, or the bundle was trained for another target.
    """
    if challenge not in CHALLENGES:
        raise InputError(f"--challenge {challenge}: choose {', '.join(CHALLENGES)}")
    target = bundle.manifest["target"]
    if target != challenge:
        raise InputError(f"--challenge {challenge}: the bundle predicts {target}; train one on "
                         f"data of: lesionlab prepare SOURCE --out DATA --target {challenge}")
    assert set(CHALLENGES[challenge]) == set(bundle.classes)
    return CHALLENGES[challenge]


def list_submission(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table of a challenge, `image` and a probability a class; images with errors left out.

    Args:
        table: of `predict`.
        columns: of `find_columns`.

    Raises:
        InputError: two images have one id.
    """
    repeated = table["isic_id"][table["isic_id"].duplicated()].unique()
    if len(repeated):
        raise InputError(f"a challenge takes one row an image, and {len(repeated)} ids belong to "
                         f"several files: {list_some(repeated)}; name each image once")
    good = table[table["error"].isna()]
    return pd.DataFrame({"image": good["isic_id"]} | {name: good[f"p_{name}"] for name in columns})
