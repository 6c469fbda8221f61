"""Tests of splits that leak or drift."""

import numpy as np
import pytest
from planted import find_changed_rows, plan_clean, plant, read_rows

from lesionlab.phantoms.plan import plan_cohort
from lesionlab.phantoms.split_faults import add_split


def count_roles(table, group: str):
    return table.groupby(group)["split"].nunique()


def test_a_clean_split_keeps_patients_together_and_has_its_shares():
    table = plan_clean().metadata
    assert (count_roles(table, "patient_id") == 1).all()
    patients = table.drop_duplicates("patient_id")["split"].value_counts()
    assert patients.to_dict() == {"train": 105, "test": 30, "valid": 15}


@pytest.mark.parametrize("num_patients", [5, 12])
def test_a_small_cohort_has_every_role(num_patients: int):
    plan = plan_cohort(num_patients, 0, image_signal=1, metadata_signal=1)
    split = add_split(plan, np.random.default_rng(0)).metadata["split"]
    assert set(split) == {"train", "valid", "test"}


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_patient_leak_tears_patients_and_no_lesion_apart(strength: float):
    planting = plant("patient-leak", strength)
    table = planting.plan.metadata
    assert (count_roles(table, "lesion_id") == 1).all()
    roles = count_roles(table, "patient_id")
    num_lesions = table.groupby("patient_id")["lesion_id"].nunique()
    assert (roles > 1).sum() == round(strength * (num_lesions > 1).sum())
    torn = table["patient_id"].isin(roles.index[roles > 1])
    assert list(planting.isic_ids) == list(table.loc[torn, "isic_id"])


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_lesion_leak_tears_lesions_apart_and_names_no_patient(strength: float):
    planting = plant("lesion-leak", strength)
    table = planting.plan.metadata
    assert table["patient_id"].isna().all()
    roles = count_roles(table, "lesion_id")
    sizes = table.groupby("lesion_id").size()
    assert (roles > 1).sum() == round(strength * (sizes > 1).sum())
    torn = table["lesion_id"].isin(roles.index[roles > 1])
    assert list(planting.isic_ids) == list(table.loc[torn, "isic_id"])


@pytest.mark.parametrize("name", ["patient-leak", "lesion-leak"])
def test_a_leak_changes_nothing_but_the_split(name: str):
    changed = find_changed_rows(plant(name), ["split"])
    others = [column for column in plan_clean().metadata
              if column not in ("isic_id", "split", "patient_id")]
    assert set(changed) <= set(plant(name).isic_ids)
    assert find_changed_rows(plant(name), others) == []


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_role_drift_makes_the_test_role_another_population(strength: float):
    planting = plant("role-drift", strength)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    ids = list(planting.isic_ids)
    assert set(faulty.loc[ids, "split"]) == {"test"}
    drifted = faulty.loc[ids]
    assert drifted["patient_id"].nunique() == round(30 * strength)
    assert set(drifted["image_type"]) == {"clinical: close-up"}
    ages = (clean.loc[ids, "age_approx"] + 20).clip(upper=85)
    assert drifted["age_approx"].equals(ages)
    lesions = [planting.plan.pictures[isic_id].lesion for isic_id in ids]
    drawn = {lesion.skin_type for lesion in lesions}
    assert drawn == {"V", "VI"}
    written = drifted["fitzpatrick_skin_type"]
    assert written.isna().equals(clean.loc[ids, "fitzpatrick_skin_type"].isna())
    truth = planting.plan.truth.set_index("isic_id").loc[ids, "skin_type"]
    assert list(truth) == [lesion.skin_type for lesion in lesions]
    assert written.dropna().to_dict() == truth[written.notna()].to_dict()
    assert (truth.groupby(drifted["patient_id"]).nunique() == 1).all()
