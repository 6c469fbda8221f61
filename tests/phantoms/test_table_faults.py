"""Tests of columns and cells that are not what they seem."""

import pandas as pd
import pytest
from planted import find_changed_rows, plan_clean, plant, read_rows

SIZE = "clin_size_long_diam_mm"


def find_agreement(plan, column: str, malignant: str) -> float:
    """Share of the lesions where the column says what the label says."""
    lesions = plan.metadata.drop_duplicates("lesion_id")
    return ((lesions[column] == malignant) == (lesions["diagnosis_1"] == "Malignant")).mean()


@pytest.mark.parametrize(("strength", "code", "batch"), [(1.0, 1.0, 0.97), (0.4, 0.70, 0.69)])
def test_columns_of_innocent_name_follow_the_label(strength: float, code: float, batch: float):
    plan = plant("label-consequence", strength).plan
    assert find_agreement(plan, "biopsy_result_code", "B5") == pytest.approx(code, abs=0.06)
    assert find_agreement(plan, "batch", "K") == pytest.approx(batch, abs=0.06)
    assert find_agreement(plan, "batch", "K") < 1
    by_lesion = plan.metadata.groupby("lesion_id")[["batch", "biopsy_result_code"]].nunique()
    assert (by_lesion == 1).all(axis=None)
    columns = list(plan_clean().metadata)
    pd.testing.assert_frame_equal(plan.metadata[columns], plan_clean().metadata)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_sizes_of_some_lesions_are_in_cm(strength: float):
    planting = plant("unit-error", strength)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    ids = list(planting.isic_ids)
    assert find_changed_rows(planting) == ids
    assert (faulty.loc[ids, SIZE] == (clean.loc[ids, SIZE] / 10).round(2)).all()
    num_known = clean.loc[clean[SIZE].notna(), "lesion_id"].nunique()
    assert clean.loc[ids, "lesion_id"].nunique() == round(0.3 * strength * num_known)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_sizes_of_lesions_that_are_not_malignant_are_missing(strength: float):
    planting = plant("missing-informative", strength)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    is_malignant = clean["diagnosis_1"] == "Malignant"
    assert faulty.loc[is_malignant, SIZE].equals(clean.loc[is_malignant, SIZE])
    lesions = clean[~is_malignant & clean[SIZE].notna()]["lesion_id"]
    hidden = clean.loc[list(planting.isic_ids), "lesion_id"]
    assert hidden.nunique() == round(strength * lesions.nunique())
    assert faulty.loc[list(planting.isic_ids), SIZE].isna().all()
    assert find_changed_rows(planting) == list(planting.isic_ids)


@pytest.mark.parametrize(("strength", "num_male"), [(0.5, 0.5), (1.0, 0.0)])
def test_all_patients_become_female(strength: float, num_male: float):
    patients = plan_clean().metadata.drop_duplicates("patient_id")["sex"].value_counts()
    faulty = plant("constant-column", strength).plan.metadata
    left = faulty.drop_duplicates("patient_id")["sex"].value_counts()
    assert left.get("male", 0) == pytest.approx(num_male * patients["male"], abs=0.5)
    assert faulty["sex"].isna().equals(plan_clean().metadata["sex"].isna())


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_next_to_no_malignant_lesion_is_left(strength: float):
    planting = plant("tiny-class", strength)
    clean, faulty = plan_clean().metadata, planting.plan.metadata
    counts = [table[table["diagnosis_1"] == "Malignant"]["lesion_id"].nunique()
              for table in (clean, faulty)]
    assert counts[1] == max(2, round((1 - strength) * counts[0]))
    others = [table[table["diagnosis_1"] != "Malignant"].reset_index(drop=True)
              for table in (clean, faulty)]
    pd.testing.assert_frame_equal(others[1][list(clean)], others[0])
    assert set(planting.plan.pictures) == set(faulty["isic_id"])
    is_left = faulty["diagnosis_1"] == "Malignant"
    assert list(planting.isic_ids) == list(faulty.loc[is_left, "isic_id"])
