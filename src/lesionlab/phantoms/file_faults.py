"""Faults of single files: pictures that are spoilt, or of something else."""

from dataclasses import replace

import numpy as np

from lesionlab.phantoms.pictures import Edit
from lesionlab.phantoms.plan import Plan, plan_cohort
from lesionlab.phantoms.planting import Planting, choose_share

MOST_SPOILT = 0.10
"""Share of the images that are spoilt at full strength."""

MOST_STALE = 0.20
"""Stale files at full strength, as a share of the images."""


def spoil_pictures(
    plan: Plan, strength: float, rng: np.random.Generator, *, edit: Edit
) -> Planting:
    """Do something to the pictures of some images, whatever their label."""
    ids = choose_share(rng, plan.pictures, MOST_SPOILT * strength)
    spoilt = {isic_id: replace(plan.pictures[isic_id], edits=(edit,)) for isic_id in ids}
    return Planting(plan=replace(plan, pictures={**plan.pictures, **spoilt}),
                    isic_ids=tuple(sorted(ids)))


def leave_stale_files(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Leave files of another cohort in the folder, which no row names."""
    view = next(iter(plan.pictures.values())).view
    count = max(1, round(MOST_STALE * strength * len(plan.pictures)))
    other = plan_cohort(count, int(rng.integers(2**31)), image_signal=1, metadata_signal=1,
                        image_size=(view.width, view.height))
    ids = [isic_id for isic_id in other.pictures if isic_id not in plan.pictures][:count]
    stale = {isic_id: other.pictures[isic_id] for isic_id in ids}
    return Planting(plan=replace(plan, pictures={**plan.pictures, **stale}),
                    isic_ids=tuple(sorted(ids)))
