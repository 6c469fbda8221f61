"""Which of the images that were listed are wanted: by column, class and number, by patient."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError

TOGETHER = ("patient_id", "lesion_id")
"""Images that share the first of these that is known are taken all or none."""


def split_condition(text: str) -> tuple[str, str]:
    """The column and the value of `column=value`.

    >>> split_condition("image_type=dermoscopic")
    ('image_type', 'dermoscopic')

    Raises:
        InputError: it has not that form.
    """
    column, sign, value = (part.strip() for part in text.partition("="))
    if not (column and sign):
        raise InputError(f"where is {text!r}; give COLUMN=VALUE, such as image_type=dermoscopic")
    return column, value


def filter_rows(rows: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """The rows that have, in each column that is named, one of the values named for it.

    Args:
        rows: text columns; unknown is the empty text.
        conditions: as `column=value`; an empty value is what is unknown.

    Raises:
        InputError: there is no such column, or no row of such a value.
    """
    wanted = defaultdict(list)
    for column, value in map(split_condition, conditions):
        _require_column(rows, column)
        if value not in set(rows[column]):
            common = rows[column].value_counts().index
            raise InputError(f"no image has {column}={value!r}; its values are "
                             f"{list_some([name or 'unknown' for name in common], most=12)}")
        wanted[column].append(value)
    for column, values in wanted.items():
        rows = rows[rows[column].isin(values)]
    if rows.empty:
        raise InputError(f"no image has {' and '.join(conditions)}")
    return rows


def select_images(
    rows: pd.DataFrame, *, per_class: int | None = None, class_column: str = "diagnosis_1",
    limit: int | None = None, seed: int = 0,
) -> pd.DataFrame:
    """Rows of whole patients: of each, all rows that are given or none.

    Patients are taken in an order drawn by the seed as long as all their images fit under both
    numbers, those with images of the rarest class first. The place of a patient in the order
    depends on the seed and on its id alone, whatever else the Archive holds. Where no patient is
    known the lesion stands for it, where neither is, the image.

    Args:
        rows: text columns, indexed by `isic_id`; unknown is the empty text.
        per_class: most images of each class; images without a class are then left out.
        class_column: the column that holds the class.
        limit: most images.
        seed: of the order.

    Raises:
        InputError: there is no such column, no image has a class, or no patient fits.
    """
    if per_class is None and limit is None:
        return rows
    classes = pd.Series("", index=rows.index)
    if per_class is not None:
        _require_column(rows, class_column)
        classes = rows[class_column][rows[class_column] != ""]
    groups = name_groups(rows.loc[classes.index])
    taken = _take_groups(groups, classes, per_class=per_class, limit=limit, seed=seed)
    chosen = rows.loc[groups.index[groups.isin(taken)]]
    if chosen.empty:
        bounds = {"per_class": per_class, "limit": limit}
        said = " and ".join(f"{name} {most}" for name, most in bounds.items() if most is not None)
        raise InputError(f"no patient has as few images as {said} allows, and patients are taken "
                         "whole; allow more images" if len(classes)
                         else f"no image has a {class_column}; name another column of classes")
    return chosen


def name_groups(rows: pd.DataFrame) -> pd.Series:
    """What each image belongs to, text by `isic_id`: its patient, else its lesion, else itself."""
    groups = rows.index.to_series()
    for column in reversed(TOGETHER):
        if column in rows:
            groups = groups.where(rows[column] == "", f"{column} " + rows[column])
    return groups


def _take_groups(
    groups: pd.Series, classes: pd.Series, *, per_class: int | None, limit: int | None, seed: int
) -> set[str]:
    """The groups that fit, one after the other."""
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for (group, name), count in Counter(zip(groups, classes, strict=True)).items():
        sizes[group][name] = count
    totals = Counter(classes)
    rarest = {group: min((totals[name], name) for name in sizes[group]) for group in sizes}
    taken: set[str] = set()
    filled: Counter[str] = Counter()
    for group in sorted(sizes, key=lambda name: (rarest[name], _draw(seed, name))):
        after = filled + sizes[group]
        if ((limit is None or after.total() <= limit)
                and (per_class is None or max(after.values()) <= per_class)):
            taken.add(group)
            filled = after
    return taken


def _draw(seed: int, name: str) -> bytes:
    """What stands for a random number that a name draws."""
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _require_column(rows: pd.DataFrame, column: str) -> None:
    if column not in rows:
        known = sorted(map(str, rows))
        close = difflib.get_close_matches(column, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
        raise InputError(f"the Archive gave no column {column!r}; {hint}")
