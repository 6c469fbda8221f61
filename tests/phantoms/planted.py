"""Faults planted in a plan, and what has changed by it."""

from functools import cache

import numpy as np
import pandas as pd

from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.plan import Plan, plan_cohort
from lesionlab.phantoms.planting import Planting
from lesionlab.phantoms.split_faults import add_split


@cache
def plan_clean(num_patients: int = 150, seed: int = 0) -> Plan:
    """A clean plan with the column `split`; not to be changed."""
    plan = plan_cohort(num_patients, seed, image_signal=1, metadata_signal=1, image_size=(48, 36))
    return add_split(plan, np.random.default_rng(seed))


def plant(name: str, strength: float = 1.0, seed: int = 0) -> Planting:
    """The clean plan with a fault in it."""
    return FAULTS[name].plant(plan_clean(), strength, np.random.default_rng(seed))


def read_rows(plan: Plan) -> pd.DataFrame:
    return plan.metadata.set_index("isic_id")


def find_changed_rows(planting: Planting, columns: list[str] | None = None) -> list[str]:
    """Ids of images whose row differs from the clean one in any of the columns."""
    clean = read_rows(plan_clean())
    columns = columns or list(clean)
    faulty = read_rows(planting.plan).loc[clean.index]
    left, right = (table[columns].astype(object).fillna("") for table in (clean, faulty))
    return list(clean.index[(left != right).any(axis=1)])


def find_changed_pictures(planting: Planting) -> list[str]:
    """Ids of images whose file is another one than the clean one."""
    return sorted(isic_id for isic_id, picture in plan_clean().pictures.items()
                  if planting.plan.pictures.get(isic_id) != picture)
