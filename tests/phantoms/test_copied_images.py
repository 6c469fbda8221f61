"""Tests of images that are there twice."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from planted import plan_clean, plant, read_rows

from lesionlab.phantoms.copied_images import VARIANTS
from lesionlab.phantoms.diagnoses import LABEL_COLUMNS
from lesionlab.phantoms.making import phantom

NAMES = ("duplicate-leak", "duplicate-conflict")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_a_share_of_the_images_gets_one_copy_each(name: str, strength: float):
    planting = plant(name, strength)
    clean = read_rows(plan_clean())
    num_copyable = len(clean) if name == "duplicate-leak" else (
        clean["diagnosis_1"] != "Indeterminate").sum()
    sources = [copy.copy_of for copy in planting.copies]
    assert len(sources) == len(set(sources)) == round(0.15 * strength * num_copyable)
    assert tuple(copy.isic_id for copy in planting.copies) == planting.isic_ids
    assert set(sources) <= set(clean.index)
    assert set(planting.isic_ids).isdisjoint(clean.index)
    assert list(planting.plan.metadata["isic_id"]) == sorted([*clean.index, *planting.isic_ids])


@pytest.mark.parametrize("name", NAMES)
def test_variants_are_taken_in_turn(name: str):
    counts = pd.Series([copy.variant for copy in plant(name).copies]).value_counts()
    assert set(counts.index) == set(VARIANTS)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_named_as_a_strangers(name: str):
    planting = plant(name)
    clean, faulty = read_rows(plan_clean()), read_rows(planting.plan)
    copies = faulty.loc[list(planting.isic_ids)]
    for column in ("patient_id", "lesion_id"):
        assert copies[column].is_unique
        assert set(copies[column]).isdisjoint(clean[column])
    sources = faulty.loc[[copy.copy_of for copy in planting.copies]]
    changed = {"duplicate-leak": ["split"], "duplicate-conflict": list(LABEL_COLUMNS)}[name]
    kept = [column for column in clean if column not in ("patient_id", "lesion_id", *changed)]
    pd.testing.assert_frame_equal(copies[kept], sources[kept].set_axis(copies.index))
    pd.testing.assert_frame_equal(faulty.loc[clean.index], clean)


def test_a_leaking_copy_stands_in_another_role():
    planting = plant("duplicate-leak")
    roles = read_rows(planting.plan)["split"]
    assert all(roles[copy.isic_id] != roles[copy.copy_of] for copy in planting.copies)


def test_a_contradicting_copy_has_a_label_of_another_class():
    planting = plant("duplicate-conflict")
    labels = read_rows(planting.plan)["diagnosis_1"]
    pairs = {(labels[copy.isic_id], labels[copy.copy_of]) for copy in planting.copies}
    assert pairs == {("Benign", "Malignant"), ("Malignant", "Benign")}


def test_the_files_of_copies_are_what_their_variant_says(tmp_path: Path):
    phantom(tmp_path / "a", patients=20, image_size=(64, 48), fault="duplicate-leak",
            num_workers=1)
    document = pd.read_json(tmp_path / "a" / "phantom.json", typ="series")
    sizes, is_same = {}, {}
    for copy in document["planted"]["copies"]:
        paths = [tmp_path / "a" / "images" / f"{copy[key]}.jpg" for key in ("isic_id", "copy_of")]
        is_same[copy["variant"]] = paths[0].read_bytes() == paths[1].read_bytes()
        with Image.open(paths[0]) as image:
            sizes[copy["variant"]] = image.size
    assert is_same == {variant: variant == "exact" for variant in VARIANTS}
    whole = {variant: size for variant, size in sizes.items() if variant != "cropped"}
    assert whole == dict.fromkeys(whole, (64, 48)) | {"resized": (38, 29)}
    assert 0.79 * 64 <= sizes["cropped"][0] <= 0.91 * 64
    table = pd.read_csv(tmp_path / "a" / "metadata.csv").set_index("isic_id")
    resized = [copy["isic_id"] for copy in document["planted"]["copies"]
               if copy["variant"] == "resized"]
    assert set(table.loc[resized, "pixels_x"]) == {38}
