"""Faults that put images there twice, under the name of somebody else."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from lesionlab.phantoms.diagnoses import LABEL_COLUMNS
from lesionlab.phantoms.edits import change_brightness, crop, mirror, shrink
from lesionlab.phantoms.pictures import Edit, Picture
from lesionlab.phantoms.plan import Plan, draw_ids
from lesionlab.phantoms.planting import (
    Copy,
    Planting,
    choose_share,
    give_values,
    index_rows,
    replace_rows,
)
from lesionlab.phantoms.split_faults import choose_other_role

MOST_COPIED = 0.15
"""Share of the images that get a copy at full strength."""

LOW_QUALITY = 50
"""Quality of a file that was compressed again."""


def _edited(edit: Edit) -> Callable[[Picture], Picture]:
    return lambda picture: replace(picture, edits=(*picture.edits, edit))


VARIANTS: dict[str, Callable[[Picture], Picture]] = {
    "exact": lambda picture: picture,
    "resized": _edited(shrink),
    "recompressed": lambda picture: replace(picture, quality=LOW_QUALITY),
    "flipped": _edited(mirror),
    "cropped": _edited(crop),
    "brightness": _edited(change_brightness),
}
"""What is done to the file of a copy; copies take these in turn."""


def leak_copies(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Put copies of some images into other roles."""
    chosen = choose_share(rng, plan.metadata["isic_id"], MOST_COPIED * strength)
    planting = _copy_images(plan, chosen, rng)
    table = index_rows(planting.plan)
    for copy in planting.copies:
        table.loc[copy.isic_id, "split"] = choose_other_role(
            str(table.loc[copy.copy_of, "split"]), rng)
    return replace(planting, plan=replace_rows(planting.plan, table))


def contradict_copies(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Put copies of some images there with the label of another class."""
    table = index_rows(plan)
    ids = {name: table.index[table["diagnosis_1"] == name] for name in ("Benign", "Malignant")}
    if not all(map(len, ids.values())):
        return Planting(plan=plan)
    chosen = choose_share(rng, [*ids["Benign"], *ids["Malignant"]], MOST_COPIED * strength)
    planting = _copy_images(plan, chosen, rng)
    table = index_rows(planting.plan)
    other = {"Benign": ids["Malignant"], "Malignant": ids["Benign"]}
    donors = {copy.isic_id: str(rng.choice(other[str(table.loc[copy.copy_of, "diagnosis_1"])]))
              for copy in planting.copies}
    relabelled = replace_rows(planting.plan, give_values(table, LABEL_COLUMNS, donors))
    return replace(planting, plan=relabelled)


def _copy_images(plan: Plan, chosen: Iterable[str], rng: np.random.Generator) -> Planting:
    """Put copies of images there, each with an id, a patient and a lesion of its own."""
    sources = list(chosen)
    table, truth = index_rows(plan), plan.truth.set_index("isic_id")
    new = {name: draw_ids(rng, prefix, len(sources), taken) for name, prefix, taken in (
        ("isic_id", "ISIC", set(plan.pictures)),
        ("patient_id", "IP", set(table["patient_id"])),
        ("lesion_id", "IL", set(table["lesion_id"])))}
    index = pd.Index(new.pop("isic_id"), name="isic_id")
    rows = table.loc[sources].set_axis(index).assign(**new)
    pictures, copies = dict(plan.pictures), []
    for place, (isic_id, source) in enumerate(zip(index, sources, strict=True)):
        variant = list(VARIANTS)[place % len(VARIANTS)]
        pictures[isic_id] = VARIANTS[variant](plan.pictures[source])
        copies.append(Copy(isic_id=isic_id, copy_of=source, variant=variant))
    truths = pd.concat([truth, truth.loc[sources].set_axis(index)]).sort_index().reset_index()
    copied = replace_rows(replace(plan, truth=truths, pictures=pictures),
                          pd.concat([table, rows]))
    return Planting(plan=copied, isic_ids=tuple(sorted(index)),
                    copies=tuple(sorted(copies, key=lambda copy: copy.isic_id)))
