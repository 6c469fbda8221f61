"""Tests of labels and rows that belong to other images."""

import numpy as np
import pandas as pd
import pytest
from planted import find_changed_rows, plan_clean, plant, read_rows

from lesionlab.phantoms.diagnoses import LABEL_COLUMNS

LABELS = list(LABEL_COLUMNS)


@pytest.mark.parametrize("name", ["label-order", "label-shuffle"])
def test_the_labels_are_all_there_at_other_images_and_nothing_else_has_changed(name: str):
    planting = plant(name)
    clean, faulty = plan_clean().metadata, planting.plan.metadata
    kept = [column for column in clean if column not in LABELS]
    pd.testing.assert_frame_equal(faulty[kept], clean[kept])
    tuples = [sorted(table[LABELS].astype(str).agg("|".join, axis=1)) for table in (clean, faulty)]
    assert tuples[0] == tuples[1]
    assert find_changed_rows(planting, ["diagnosis_1"]) == list(planting.isic_ids)


def test_label_order_sorts_the_labels_in_the_order_of_ids():
    faulty = plant("label-order").plan.metadata
    assert faulty["isic_id"].is_monotonic_increasing
    assert faulty["diagnosis_1"].is_monotonic_increasing


def test_label_order_of_half_strength_moves_labels_of_at_most_half():
    num_moved = len(find_changed_rows(plant("label-order", 0.5), LABELS))
    assert 0.2 < num_moved / len(plan_clean().metadata) <= 0.501


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_label_shuffle_leaves_a_share_of_labels_to_chance(strength: float):
    clean = plan_clean().metadata["diagnosis_1"]
    by_chance = 1 - (clean.value_counts(normalize=True) ** 2).sum()
    share = len(plant("label-shuffle", strength).isic_ids) / len(clean)
    assert share == pytest.approx(strength * by_chance, abs=0.04)


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_label_flip_is_by_lesion_and_misses_more_than_it_fears(strength: float):
    planting = plant("label-flip", strength)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    assert faulty.groupby("lesion_id")["diagnosis_1"].nunique().max() == 1
    lesions = clean.drop_duplicates("lesion_id")
    is_flipped = faulty.loc[lesions.index, "diagnosis_1"] != lesions["diagnosis_1"]
    shares = is_flipped.groupby(lesions["diagnosis_1"]).mean()
    assert shares["Malignant"] == pytest.approx(0.4 * strength, abs=0.01)
    assert shares["Benign"] == pytest.approx(0.1 * strength, abs=0.01)
    assert shares["Indeterminate"] == 0
    assert find_changed_rows(planting) == list(planting.isic_ids)


def test_a_flipped_diagnosis_is_one_of_the_same_look():
    planting = plant("label-flip")
    looks = plan_clean().truth.set_index("isic_id")["look"]
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    by_look = {look: set(clean.loc[looks == look, "diagnosis_3"]) for look in set(looks)}
    flipped = faulty.loc[list(planting.isic_ids), "diagnosis_3"]
    assert all(name in by_look[looks[isic_id]] for isic_id, name in flipped.items())


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_metadata_shift_moves_whole_rows(strength: float):
    planting = plant("metadata-shift", strength)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    assert len(planting.isic_ids) == round(strength * len(clean))
    assert set(find_changed_rows(planting)) <= set(planting.isic_ids)
    rows = [sorted(map(str, table.astype(object).fillna("").to_numpy().tolist()))
            for table in (clean, faulty)]
    assert rows[0] == rows[1]
    links = faulty.groupby("lesion_id")[["patient_id", "diagnosis_3"]].nunique()
    assert (links == 1).all(axis=None)


def test_no_row_is_shifted_to_its_own_image():
    planting = plant("metadata-shift")
    plan = plan_clean()
    marked = plan.metadata.assign(number=np.arange(len(plan.metadata)))
    assert len(planting.isic_ids) == len(marked)
    changed = find_changed_rows(planting, ["lesion_id", "acquisition_day", "image_type"])
    assert len(changed) > 0.97 * len(marked)
