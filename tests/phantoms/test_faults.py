"""Tests of what all faults have in common."""

import json
from pathlib import Path

import pandas as pd
import pytest
from planted import find_changed_pictures, find_changed_rows, plan_clean, plant, read_rows

from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.making import phantom

SIZE = (48, 36)
GIVEN = {"patients": 8, "seed": 2, "image_size": SIZE, "num_workers": 1}

OF_PICTURES = {
    "border-shortcut", "ruler-shortcut", "ink-shortcut", "hair-shortcut", "colour-shortcut",
    "resolution-shortcut", "jpeg-quality-shortcut", "filesize-shortcut",
    "channel-swap", "colour-cast", "blur", "blank", "off-topic"}
OF_TABLES = {
    "label-order", "label-shuffle", "label-flip", "metadata-shift", "patient-leak", "lesion-leak",
    "source-shortcut", "label-consequence", "unit-error", "missing-informative",
    "constant-column"}
OF_BOTH = {"camera-shortcut", "role-drift"}
OF_FILES = {"duplicate-leak", "duplicate-conflict", "stale-files", "tiny-class"}
WITHOUT_IDS = {"source-shortcut", "label-consequence", "constant-column"}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "clean"
    phantom(out, **GIVEN)
    return out


def read_pictures(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (folder / "images").iterdir()}


def read_truth(folder: Path) -> dict:
    return json.loads((folder / "phantom.json").read_text())


def test_every_fault_is_looked_at_here():
    assert sorted(FAULTS) == sorted(OF_PICTURES | OF_TABLES | OF_BOTH | OF_FILES)
    assert [name for name, fault in FAULTS.items() if fault.name != name] == []


@pytest.mark.parametrize("name", OF_TABLES)
def test_a_fault_of_the_table_leaves_all_pictures_alone(name: str):
    planting = plant(name)
    assert planting.plan.pictures == plan_clean().pictures
    pd.testing.assert_frame_equal(planting.plan.truth, plan_clean().truth)
    assert bool(planting.isic_ids) != (name in WITHOUT_IDS)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_fault_of_pictures_leaves_the_table_and_all_other_pictures_alone(name: str):
    planting = plant(name)
    pd.testing.assert_frame_equal(planting.plan.metadata, plan_clean().metadata)
    pd.testing.assert_frame_equal(planting.plan.truth, plan_clean().truth)
    assert find_changed_pictures(planting) == list(planting.isic_ids) != []


@pytest.mark.parametrize("name", OF_BOTH)
def test_a_fault_of_both_changes_row_and_picture_of_the_same_images(name: str):
    planting = plant(name)
    # Who has dark skin and a clinical picture already does not change by drifting there.
    changed = find_changed_pictures(planting)
    assert set(changed) <= set(planting.isic_ids)
    assert len(changed) > 0.9 * len(planting.isic_ids)
    assert find_changed_rows(planting, ["image_type"]) == [
        isic_id for isic_id in planting.isic_ids
        if not (name == "role-drift" and is_clinical(isic_id))]
    planned = read_rows(planting.plan)["image_type"].eq("dermoscopic").to_numpy()
    assert (planting.plan.truth["is_dermoscopic"] == planned).all()
    drawn = [picture.view.is_dermoscopic for _, picture in sorted(planting.plan.pictures.items())]
    assert (planned == drawn).all()


def is_clinical(isic_id: str) -> bool:
    return read_rows(plan_clean()).loc[isic_id, "image_type"] == "clinical: close-up"


@pytest.mark.parametrize("name", FAULTS)
def test_rows_and_files_stay_in_order_and_complete(name: str):
    plan = plant(name).plan
    assert plan.metadata["isic_id"].is_monotonic_increasing
    assert plan.metadata["isic_id"].is_unique
    assert list(plan.truth["isic_id"]) == list(plan.metadata["isic_id"])
    assert set(plan.metadata["isic_id"]) <= set(plan.pictures)


@pytest.mark.parametrize("name", FAULTS)
def test_a_low_strength_plants_something_and_less_than_the_full(name: str):
    weak, full = plant(name, 0.03), plant(name)
    columns = ["attribution", "sex", "split"]
    for planting in (weak, full):
        assert (planting.isic_ids or find_changed_rows(planting, columns)
                or "batch" in planting.plan.metadata)
    if name == "tiny-class":
        assert len(weak.isic_ids) > len(full.isic_ids)
    elif name not in WITHOUT_IDS:
        assert 0 < len(weak.isic_ids) < len(full.isic_ids)


@pytest.mark.parametrize("name", FAULTS)
def test_the_same_seed_plants_the_same_and_another_seed_something_else(name: str):
    first, again, other = plant(name, 0.5), plant(name, 0.5), plant(name, 0.5, seed=1)
    pd.testing.assert_frame_equal(first.plan.metadata, again.plan.metadata)
    assert first.plan.pictures == again.plan.pictures
    assert (first.isic_ids, first.copies) == (again.isic_ids, again.copies)
    is_same_table = first.plan.metadata.equals(other.plan.metadata)
    assert not (is_same_table and first.plan.pictures == other.plan.pictures)


@pytest.mark.parametrize("name", FAULTS)
def test_untouched_images_keep_their_bytes_in_the_folder(name: str, clean: Path, tmp_path: Path):
    phantom(tmp_path / "a", fault=name, pictures=clean, **GIVEN)
    truth = read_truth(tmp_path / "a")
    planted = truth["planted"]
    before, after = read_pictures(clean), read_pictures(tmp_path / "a")
    touched = {isic_id for isic_id, data in after.items() if before.get(isic_id) != data}
    no_files = OF_TABLES | {"tiny-class"}
    assert touched == (set() if name in no_files else set(planted["isic_ids"]))
    assert (planted["fault"], planted["strength"], truth["fault"]) == (name, 1.0, name)
    table = pd.read_csv(tmp_path / "a" / "metadata.csv")
    assert ("split" in table) == FAULTS[name].has_split


@pytest.mark.parametrize("name", ["border-shortcut", "duplicate-leak", "camera-shortcut"])
def test_bytes_are_the_same_whether_pictures_are_drawn_or_there(
    name: str, clean: Path, tmp_path: Path
):
    for out, pictures in ((tmp_path / "a", clean), (tmp_path / "b", None)):
        phantom(out, fault=name, pictures=pictures, strength=0.5, **GIVEN)
    assert read_pictures(tmp_path / "a") == read_pictures(tmp_path / "b")
    assert read_truth(tmp_path / "a") == read_truth(tmp_path / "b")
