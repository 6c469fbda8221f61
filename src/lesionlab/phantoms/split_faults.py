"""A user's own split by patient, and faults that make it leak or drift."""

from dataclasses import replace

import numpy as np
import pandas as pd

from lesionlab.phantoms.drawing import SKIN_TONES
from lesionlab.phantoms.plan import CLINICAL, Plan
from lesionlab.phantoms.planting import Planting, choose_share, index_rows, replace_rows

SPLIT_SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Shares of the patients."""

DARK_SKIN = list(SKIN_TONES)[-2:]
"""Skin types of a test role that has drifted."""

YEARS_OLDER = 20
"""How much older its patients are."""


def add_split(plan: Plan, rng: np.random.Generator) -> Plan:
    """Return the plan with a column `split` that keeps the images of a patient together."""
    patients = rng.permutation(sorted(set(plan.metadata["patient_id"]))).tolist()
    num_valid, num_test = (max(1, round(SPLIT_SHARES[role] * len(patients)))
                           for role in ("valid", "test"))
    roles = dict.fromkeys(patients, "train")
    roles |= dict.fromkeys(patients[:num_valid], "valid")
    roles |= dict.fromkeys(patients[num_valid:num_valid + num_test], "test")
    split = plan.metadata["patient_id"].map(roles)
    return replace(plan, metadata=plan.metadata.assign(split=split))


def choose_other_role(role: str, rng: np.random.Generator) -> str:
    """Return another role, large ones more often."""
    others = {name: share for name, share in SPLIT_SHARES.items() if name != role}
    shares = np.array(list(others.values()))
    return str(rng.choice(list(others), p=shares / shares.sum()))


def leak_patients(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Move one whole lesion of patients who have several to another role."""
    return _straddle(plan, "patient_id", "lesion_id", strength, rng)


def leak_lesions(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Move one image of lesions that have several to another role; no patient is named."""
    leaky = _straddle(plan, "lesion_id", "isic_id", strength, rng)
    metadata = leaky.plan.metadata.assign(patient_id=None)
    return replace(leaky, plan=replace(leaky.plan, metadata=metadata))


def _straddle(
    plan: Plan, group: str, member: str, strength: float, rng: np.random.Generator
) -> Planting:
    """Move one member of a share of the groups that have several to another role."""
    metadata = plan.metadata
    counts = metadata.groupby(group)[member].nunique()
    chosen = choose_share(rng, counts.index[counts > 1], strength)
    split = metadata["split"].copy()
    for name in chosen:
        members = metadata.loc[metadata[group] == name, member]
        is_moved = metadata[member] == rng.choice(sorted(set(members)))
        split[is_moved] = choose_other_role(split[members.index[0]], rng)
    is_torn = metadata[group].isin(chosen)
    return Planting(plan=replace(plan, metadata=metadata.assign(split=split)),
                    isic_ids=tuple(metadata.loc[is_torn, "isic_id"]))


def drift_test_role(plan: Plan, strength: float, rng: np.random.Generator) -> Planting:
    """Replace test patients by older ones with darker skin, photographed without a dermatoscope."""
    table = index_rows(plan)
    in_test = table.loc[table["split"] == "test", "patient_id"]
    chosen = choose_share(rng, in_test, strength)
    ids = sorted(in_test.index[in_test.isin(chosen)])
    skin_types = pd.Series({name: str(rng.choice(DARK_SKIN)) for name in chosen}, dtype="str")
    skin_type = in_test[ids].map(skin_types)
    table.loc[ids, "image_type"] = CLINICAL
    is_known = table.loc[ids, "fitzpatrick_skin_type"].notna()
    table.loc[skin_type.index[is_known], "fitzpatrick_skin_type"] = skin_type[is_known]
    table.loc[ids, "age_approx"] = (table.loc[ids, "age_approx"] + YEARS_OLDER).clip(upper=85)
    truth = plan.truth.set_index("isic_id")
    truth.loc[ids, "skin_type"] = skin_type
    truth.loc[ids, "is_dermoscopic"] = False
    drawn = {isic_id: replace(
        picture, lesion=replace(picture.lesion, skin_type=skin_type[isic_id]),
        view=replace(picture.view, is_dermoscopic=False))
        for isic_id, picture in plan.pictures.items() if isic_id in skin_type.index}
    drifted = replace(plan, truth=truth.reset_index(), pictures={**plan.pictures, **drawn})
    return Planting(plan=replace_rows(drifted, table), isic_ids=tuple(ids))
