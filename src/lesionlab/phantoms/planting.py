"""Planting: a plan with a fault in it and what is known of it, and how images are chosen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.phantoms.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An image that was put there again."""

    isic_id: str
    """The copy."""
    copy_of: str
    """The image that was there before."""
    variant: str
    """What was done to the file of the copy, a key of `copied_images.VARIANTS`."""


@dataclass(frozen=True, kw_only=True)
class Planting:
    """A plan with a fault in it."""

    plan: Plan
    """The faulty plan."""
    isic_ids: tuple[str, ...] = ()
    """Images at fault, in ascending order; none where a whole column is."""
    copies: tuple[Copy, ...] = ()
    """Copies, where the fault makes some."""


Planter = Callable[[Plan, float, np.random.Generator], Planting]
"""Plants a fault of a strength in (0, 1] in a plan."""


def index_rows(plan: Plan) -> pd.DataFrame:
    """Return the metadata by `isic_id`."""
    return plan.metadata.set_index("isic_id")


def replace_rows(plan: Plan, table: pd.DataFrame) -> Plan:
    """Return the plan with other metadata, given by `isic_id`."""
    return replace(plan, metadata=table.sort_index().reset_index())


def give_values(
    table: pd.DataFrame, columns: Sequence[str], donors: Mapping[str, str]
) -> pd.DataFrame:
    """Return the table with columns of some images as they are at their donors.

    Args:
        table: by `isic_id`.
        columns: what is given.
        donors: the image whose values each image gets; all others keep their own.
    """
    sources = [donors.get(isic_id, isic_id) for isic_id in table.index]
    taken = table.loc[sources].set_axis(table.index)
    return table.assign(**{name: taken[name] for name in columns})


def choose_share(
    rng: np.random.Generator, items: Iterable[Any], share: float, *, least: int = 1
) -> list[Any]:
    """Return a share of the distinct items in random order, rounded, and at least some of them."""
    distinct = sorted(set(items))
    count = min(len(distinct), max(least, round(share * len(distinct))))
    return [distinct[place] for place in rng.permutation(len(distinct))[:count]]


def list_lesions(table: pd.DataFrame, diagnosis_1: str) -> list[str]:
    """Return the ids of the lesions of a first level of diagnosis."""
    return sorted(set(table.loc[table["diagnosis_1"] == diagnosis_1, "lesion_id"]))
