"""Tests of files that are spoilt or should not be there."""

from pathlib import Path

import pandas as pd
import pytest
from planted import plan_clean, plant, read_rows

from lesionlab.phantoms.making import phantom

SPOILT = ("channel-swap", "colour-cast", "blur", "blank", "off-topic")


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_tenth_of_the_images_is_spoilt_at_full_strength(name: str, strength: float):
    share = len(plant(name, strength).isic_ids) / len(plan_clean().metadata)
    assert share == pytest.approx(0.10 * strength, abs=0.002)


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_spoilt_does_not_go_with_the_label(name: str):
    table = read_rows(plan_clean())
    is_malignant = table["diagnosis_1"] == "Malignant"
    ids = [isic_id for seed in range(10) for isic_id in plant(name, seed=seed).isic_ids]
    assert is_malignant[ids].mean() == pytest.approx(is_malignant.mean(), abs=0.06)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_stale_files_are_of_another_cohort_and_no_row_names_them(strength: float):
    planting = plant("stale-files", strength)
    plan = planting.plan
    pd.testing.assert_frame_equal(plan.metadata, plan_clean().metadata)
    assert sorted(set(plan.pictures) - set(plan.metadata["isic_id"])) == list(planting.isic_ids)
    assert len(planting.isic_ids) == round(0.20 * strength * len(plan.metadata))
    known = {picture.lesion for picture in plan_clean().pictures.values()}
    assert known.isdisjoint(plan.pictures[isic_id].lesion for isic_id in planting.isic_ids)


def test_stale_files_lie_in_the_folder(tmp_path: Path):
    phantom(tmp_path / "a", patients=5, image_size=(48, 36), num_workers=1, fault="stale-files")
    planted = pd.read_json(tmp_path / "a" / "phantom.json", typ="series")["planted"]
    files = {path.stem for path in (tmp_path / "a" / "images").iterdir()}
    named = set(pd.read_csv(tmp_path / "a" / "metadata.csv")["isic_id"])
    assert sorted(files - named) == planted["isic_ids"] != []
    assert named <= files
