"""A derived folder is a prepared one: same images and split, and a manifest that sums up."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import clean_frame, make_prepared
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.split import ROLES
from lesionlab.dataset.deriving import derive, join_by_position, retarget
from lesionlab.dataset.description import describe
from lesionlab.dataset.prepared import PreparedData

CLASSES = ("Benign", "Malignant")
SETTINGS = {"settings": {"size_px": 64, "target": "malignancy"}, "sources": [], "licences": {}}
COUNTS = {"files_without_row": 0, "adjusted_values": {}}


def make_data(folder: Path, frame: pd.DataFrame, **manifest: object) -> PreparedData:
    return make_prepared(folder, frame, counts=COUNTS, **SETTINGS, **manifest)


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return make_data(tmp_path / "data", clean_frame(60))


def subset(data: PreparedData, out: Path, ids: list[str]) -> PreparedData:
    return derive(data, out, data.frame.loc[ids], target=("malignancy", CLASSES), note="some")


@settings(max_examples=10)
@given(keep=st.lists(st.booleans(), min_size=60, max_size=60).filter(any))
def test_any_rows_make_a_folder_that_opens_and_sums_up(
    keep: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("derived")
    data = make_data(folder / "data", clean_frame(60))
    ids = [isic_id for isic_id, is_kept in zip(data.cohort.ids, keep, strict=True) if is_kept]
    derived = PreparedData.load(subset(data, folder / "out", ids[::-1]).folder)
    pd.testing.assert_frame_equal(derived.frame, data.frame.loc[ids])
    counts = derived.manifest["counts"]
    assert counts["num_images"] == len(ids)
    assert counts["num_rows_read"] - sum(counts["dropped_by_target"].values()) == len(ids)
    assert sum(counts["roles"][role]["num_images"] for role in ROLES) == len(ids)
    assert sum(counts["classes"].values()) == len(ids)
    assert len(derived.manifest["dropped"]) == 60 - len(ids)


def test_all_rows_as_they_were_keep_the_digests_and_the_counts(prepared: PreparedData,
                                                               tmp_path: Path) -> None:
    derived = derive(prepared, tmp_path / "out", prepared.frame.sample(frac=1, random_state=1),
                     target=(prepared.target, prepared.classes), note="nothing")
    same = {"plan", "derived_from", "note", "lesionlab_version"}
    assert ({name: part for name, part in derived.manifest.items() if name not in same}
            == {name: part for name, part in prepared.manifest.items() if name not in same})
    assert derived.manifest["derived_from"] == prepared.digest
    assert derived.manifest["note"] == "nothing"
    assert describe(derived) == describe(prepared)


def test_the_images_are_shared_not_copied(data: PreparedData, tmp_path: Path) -> None:
    derived = subset(data, tmp_path / "out", list(data.cohort.ids[:9]))
    files = [folder / "images" / "000000.arrow" for folder in (data.folder, derived.folder)]
    assert files[0].samefile(files[1])


def test_a_disk_without_links_gets_a_copy(
    data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    derived = subset(data, tmp_path / "out", list(data.cohort.ids[:9]))
    files = [folder / "images" / "000000.arrow" for folder in (data.folder, derived.folder)]
    assert not files[0].samefile(files[1])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_other_roles_and_groups_are_taken_from_the_frame(
    data: PreparedData, tmp_path: Path
) -> None:
    frame = data.frame.assign(role="train", group_id=[f"G{k // 2}" for k in range(60)])
    derived = derive(data, tmp_path / "out", frame, target=("malignancy", CLASSES), note="one role")
    assert set(derived.frame["role"]) == {"train"}
    assert derived.manifest["counts"]["roles"]["train"]["num_groups"] == 30
    assert derived.manifest["counts"]["roles"]["test"]["num_images"] == 0
    assert derived.manifest["counts"]["num_groups"] == 30


def test_a_pair_of_copies_stays_where_both_are_there(tmp_path: Path) -> None:
    frame = clean_frame(6)
    ids = list(frame.index)
    pairs = [{"isic_id": ids[1], "copy_of": ids[0], "kind": "near", "of_two_patients": True},
             {"isic_id": ids[5], "copy_of": ids[2], "kind": "exact", "of_two_patients": False}]
    data = make_data(tmp_path / "data", frame, duplicates=pairs)
    derived = subset(data, tmp_path / "out", ids[:5])
    assert derived.manifest["duplicates"] == pairs[:1]
    assert derived.manifest["counts"]["duplicate_pairs"] == {"exact": 0, "near": 1}
    assert derived.manifest["counts"]["duplicate_pairs_of_two_patients"] == 1


def test_a_finished_folder_is_found_again(data: PreparedData, tmp_path: Path) -> None:
    ids = list(data.cohort.ids[:9])
    first = subset(data, tmp_path / "out", ids)
    before = (first.folder / "manifest.json").stat()
    assert subset(data, tmp_path / "out", ids).digest == first.digest
    after = (first.folder / "manifest.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_folder_is_refused(data: PreparedData, tmp_path: Path) -> None:
    out = tmp_path / "out"
    subset(data, out, list(data.cohort.ids[:9]))
    with pytest.raises(StoreError) as caught:
        subset(data, out, list(data.cohort.ids[:8]))
    assert str(caught.value) == (f"{out} was derived from other data or in another way; remove "
                                 f"{out} or choose another folder")
    shutil.rmtree(out)
    out.mkdir()
    with pytest.raises(StoreError) as caught:
        subset(data, out, list(data.cohort.ids[:8]))
    assert str(caught.value) == (
        f"{out} is not a prepared folder: it has no manifest.json; make one with: lesionlab "
        f"prepare SOURCE --out {out}; first remove {out} or choose another folder")


def test_a_place_that_cannot_be_written_is_said(data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    with pytest.raises(StoreError) as caught:
        subset(data, out, list(data.cohort.ids))
    assert str(caught.value).startswith(f"{out} cannot be written (")
    assert str(caught.value).endswith("; free or unlock the disk or choose another folder")


def test_another_target_keeps_the_split(prepared: PreparedData, tmp_path: Path) -> None:
    derived = retarget(prepared, "malignant_subtype", tmp_path / "subtypes")
    ids = derived.cohort.ids
    pd.testing.assert_frame_equal(derived.split.frame, prepared.split.frame.loc[ids])
    assert derived.target == derived.manifest["settings"]["target"] == "malignant_subtype"
    is_benign = derived.frame["target"] == "Benign"
    assert (is_benign == (prepared.frame["target"].loc[ids] == "Benign")).all()
    counts = derived.manifest["counts"]
    images = counts["num_rows_read"] - sum(
        sum(counts[key].values())
        for key in ("dropped_by_source", "dropped_by_target", "rejected_images"))
    assert images == len(derived.cohort) <= len(prepared.cohort)


def diagnosed(num_images: int) -> pd.DataFrame:
    """Nevi, and a melanoma, a metastasis and a leiomyosarcoma in turn."""
    frame = clean_frame(num_images).drop(columns="target")
    row = np.arange(num_images) % 4
    malignant = np.array([None, "Malignant melanocytic proliferations (Melanoma)",
                          "Malignant melanocytic proliferations (Melanoma)", "Other"])[row]
    return frame.assign(
        diagnosis_1=np.where(row == 0, "Benign", "Malignant"), diagnosis_2=malignant,
        diagnosis_3=np.where(row == 2, "Melanoma metastasis", None),
        target=np.where(row == 0, "Benign", "Malignant"))


def test_a_class_without_a_training_image_leaves_the_target(tmp_path: Path) -> None:
    frame = diagnosed(40)
    metastases = frame["diagnosis_3"].notna()
    data = make_data(tmp_path / "data",
                     frame.assign(role=frame["role"].where(~metastases, "test")))
    derived = retarget(data, "malignant_subtype", tmp_path / "out")
    assert derived.classes == ("Benign", "melanoma")
    assert derived.manifest["counts"]["dropped_by_target"] == {
        "Malignant, other than the subtypes": 10,
        "melanoma metastasis, of which the train role has no image": 10}
    assert derived.manifest["note"] == (
        "data prepared for malignancy, with the classes of malignant_subtype but basal cell "
        "carcinoma, melanoma metastasis, squamous cell carcinoma, of which the train role has no "
        "image")


def test_a_target_of_one_class_is_refused(tmp_path: Path) -> None:
    frame = diagnosed(40)
    data = make_data(tmp_path / "data", frame[frame["target"] == "Benign"])
    with pytest.raises(InputError) as caught:
        retarget(data, "malignant_subtype", tmp_path / "out")
    assert str(caught.value) == (
        f"target 'malignant_subtype': the train role of {data.folder} holds Benign alone; two "
        "classes are needed: prepare data of more diagnoses, or choose another target")
    assert not (tmp_path / "out").exists()


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), wanted=st.integers(20, 80))
def test_a_join_by_position_moves_labels_within_their_role_alone(
    seed: int, wanted: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("control")
    data = make_data(folder / "data", clean_frame(wanted, seed))
    wrong = join_by_position(data, folder / "out", seed)
    pd.testing.assert_frame_equal(wrong.split.frame, data.split.frame)
    for role in ROLES:
        labels = wrong.rows(role)["target"]
        assert sorted(labels) == sorted(data.rows(role)["target"])
        if role != "test":
            assert labels.is_monotonic_increasing
    other = wrong.frame.drop(columns="target")
    pd.testing.assert_frame_equal(other, data.frame.drop(columns="target"))


def test_a_join_by_position_says_that_it_is_wrong(data: PreparedData, tmp_path: Path) -> None:
    wrong = join_by_position(data, tmp_path / "out", 3)
    assert wrong.manifest["note"] == ("control with deliberately wrong labels: joined by position, "
                                      "as in the original study (seed 3)")
    assert not wrong.rows("test")["target"].is_monotonic_increasing
    assert wrong.digest != data.digest
