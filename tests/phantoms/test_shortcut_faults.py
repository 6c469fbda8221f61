"""Tests of what goes with the label."""

from pathlib import Path

import pandas as pd
import pytest
from planted import find_changed_rows, plan_clean, plant, read_rows

from lesionlab.phantoms.making import phantom
from lesionlab.phantoms.shortcut_faults import INSTITUTIONS

MARKS = ("border-shortcut", "ruler-shortcut", "ink-shortcut", "hair-shortcut", "colour-shortcut",
         "resolution-shortcut", "jpeg-quality-shortcut", "filesize-shortcut")


def list_malignant() -> list[str]:
    table = read_rows(plan_clean())
    return list(table.index[table["diagnosis_1"] == "Malignant"])


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_share_of_malignant_images_and_no_other_is_marked(name: str, strength: float):
    malignant = list_malignant()
    marked = plant(name, strength).isic_ids
    assert set(marked) <= set(malignant)
    assert len(marked) == round(strength * len(malignant))


@pytest.mark.parametrize(("strength", "shares"), [(0.2, (0.6, 0.4)), (1.0, (1.0, 0.0))])
def test_malignant_lesions_come_from_one_institution(strength: float, shares):
    planting = plant("source-shortcut", strength)
    lesions = read_rows(planting.plan).drop_duplicates("lesion_id")
    is_first = lesions["attribution"] == INSTITUTIONS[0]
    found = is_first.groupby(lesions["diagnosis_1"] == "Malignant").mean()
    assert (found[True], found[False]) == pytest.approx(shares, abs=0.01)
    by_lesion = planting.plan.metadata.groupby("lesion_id")["attribution"].nunique()
    assert (by_lesion == 1).all()
    others = [column for column in plan_clean().metadata
              if column not in ("isic_id", "attribution")]
    assert find_changed_rows(planting, others) == []


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_malignant_lesions_are_clinical_and_all_others_dermoscopic(strength: float):
    table = read_rows(plant("camera-shortcut", strength).plan)
    clean = read_rows(plan_clean())["image_type"]
    is_malignant = table["diagnosis_1"] == "Malignant"
    wanted = is_malignant.map({True: "clinical: close-up", False: "dermoscopic"})
    to_change = clean != wanted
    is_changed = table["image_type"] != clean
    assert (is_changed <= to_change).all()
    for group in (is_malignant, ~is_malignant):
        num_changed = (is_changed & group).sum()
        assert num_changed == round(strength * (to_change & group).sum()) > 0


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "clean"
    phantom(out, patients=15, image_size=(64, 48), num_workers=1)
    return out


@pytest.mark.parametrize(("name", "low", "high"), [
    ("filesize-shortcut", 12_000, 24_100), ("jpeg-quality-shortcut", -4_000, -300)])
def test_files_of_malignant_lesions_are_longer_or_shorter(
    name: str, low: int, high: int, clean: Path, tmp_path: Path
):
    phantom(tmp_path / "a", patients=15, image_size=(64, 48), num_workers=1, fault=name,
            pictures=clean)
    planted = pd.read_json(tmp_path / "a" / "phantom.json", typ="series")["planted"]
    lengths = [[(folder / "images" / f"{isic_id}.jpg").stat().st_size
                for folder in (clean, tmp_path / "a")] for isic_id in planted["isic_ids"]]
    assert len(lengths) > 3
    assert [pair for pair in lengths if not low <= pair[1] - pair[0] <= high] == []


def test_the_table_knows_the_resolution(clean: Path, tmp_path: Path):
    phantom(tmp_path / "a", patients=15, image_size=(64, 48), num_workers=1,
            fault="resolution-shortcut", pictures=clean)
    table = pd.read_csv(tmp_path / "a" / "metadata.csv")
    sizes = table.groupby("diagnosis_1")[["pixels_x", "pixels_y"]].agg(["min", "max"])
    assert sizes.loc["Malignant"].tolist() == [96, 96, 72, 72]
    assert sizes.loc["Benign"].tolist() == [64, 64, 48, 48]
