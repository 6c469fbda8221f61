"""Predicting files: each image is a row, and what is missing or wrong is said."""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import TrainSmall
from lesionlab.core.errors import BundleError, InputError, SourceError, StoreError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.store import ImageStore
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import (
    find_images,
    normalise,
    predict,
    predict_role,
    run_bundle,
    save_table,
)

SUFFIXES = (".avif, .bmp, .dcm, .dicom, .gif, .heic, .jfif, .jp2, .jpeg, .jpg, .png, .tif, .tiff, "
            ".webp")
COLUMNS = ["isic_id", "file", "p_Benign", "p_Malignant", "predicted", "missing_metadata", "error"]


@pytest.fixture(scope="module")
def linear(train_small: TrainSmall) -> ModelBundle:
    """A model of age, sex and size."""
    return ModelBundle.load(train_small("metadata_linear"))


@pytest.fixture(scope="module")
def image(train_small: TrainSmall) -> ModelBundle:
    """A model of the image alone."""
    return ModelBundle.load(train_small("image_frozen"))


@pytest.fixture
def photos(phantom_folder: Path, tmp_path: Path) -> Path:
    """Three images, one of them in a folder below, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for name, path in zip(("a.jpg", "b.JPG", "below/c.jpeg"),
                          sorted((phantom_folder / "images").iterdir()), strict=False):
        shutil.copy(path, folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def write_metadata(path: Path, **columns: list) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_files_folders_and_globs_are_found_once_each(photos: Path) -> None:
    a, b, c = photos / "a.jpg", photos / "b.JPG", photos / "below" / "c.jpeg"
    assert find_images([photos]) == [a, b, c]
    assert find_images([c, a]) == [c, a]
    assert find_images([str(photos / "*.jpg")]) == [a]
    assert find_images([f"{photos}/**/*.j*"]) == [a, c]
    assert find_images([b, photos, a]) == [b, a, c]


@pytest.mark.parametrize("path", ["none.jpg", "*.png", "empty"])
def test_nothing_found_is_said(path: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        find_images([tmp_path / path])
    assert str(error.value) == (f"no image found at {tmp_path / path}; give image files, a folder "
                                f"that holds some ({SUFFIXES}), or a glob")


def test_images_without_metadata_are_predicted_and_noted(
    linear: ModelBundle, photos: Path
) -> None:
    result = predict(linear, [photos])
    assert list(result.table) == COLUMNS
    assert result.table["isic_id"].tolist() == ["a", "b", "c"]
    assert result.table["file"].tolist() == [
        str(photos / name) for name in ("a.jpg", "b.JPG", "below/c.jpeg")]
    np.testing.assert_allclose(
        result.table[["p_Benign", "p_Malignant"]].sum(axis=1), 1, atol=1e-6)
    assert result.table["missing_metadata"].unique().tolist() == [
        "age_approx sex clin_size_long_diam_mm"]
    assert result.notes == (
        ("3 of 3 images have no metadata and 0 have it in part; the model reads age_approx, sex, "
         "clin_size_long_diam_mm and treats what is missing as unknown"),)
    assert result.num_errors == 0


def test_metadata_is_joined_by_id_and_gaps_are_noted(
    linear: ModelBundle, photos: Path, tmp_path: Path
) -> None:
    table = write_metadata(
        tmp_path / "m.csv", isic_id=["zz", "c.jpeg", "a"], age_approx=["50", "70", ""],
        sex=["male", "female", "unclear"], clin_size_long_diam_mm=["3", "4.5", "2"])
    result = predict(linear, [photos], metadata=table)
    assert result.table["missing_metadata"].tolist() == [
        "age_approx sex", "age_approx sex clin_size_long_diam_mm", ""]
    assert result.notes[:2] == (
        ("1 of 3 images have no metadata and 1 have it in part; the model reads age_approx, sex, "
         "clin_size_long_diam_mm and treats what is missing as unknown"),
        "1 rows of the metadata table match no image: zz")
    assert [note.partition(" (")[0] for note in result.notes[2:]] == [
        "1 values of sex set to missing or clamped"]
    alone = pd.DataFrame({"age_approx": [70.0], "sex": ["female"], "clin_size_long_diam_mm": [4.5]})
    np.testing.assert_allclose(
        result.table.loc[2, ["p_Benign", "p_Malignant"]].to_numpy(float),
        linear.run(None, alone)[0], atol=1e-6)


def test_older_names_of_columns_are_known(
    linear: ModelBundle, photos: Path, tmp_path: Path
) -> None:
    new = write_metadata(tmp_path / "new.csv", isic_id=["a"], age_approx=["85"], sex=["male"])
    old = write_metadata(tmp_path / "old.csv", isic_id=["a"], age=["85+"], sex=["male"])
    found = [predict(linear, [photos / "a.jpg"], metadata=path).table for path in (new, old)]
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize(("columns", "message"), [
    ({"isic_id": ["a", "a", "b"]}, "1 ids stand in more than one row: a; keep one row an id"),
    ({"isic_id": ["a", ""]}, "1 rows have no isic_id; fill it in"),
    ({"name": ["a"], "sex": ["male"]}, "no column 'isic_id' to join images by; it has name, sex"),
])
def test_a_table_that_cannot_be_joined_is_refused(
    columns: dict, message: str, linear: ModelBundle, photos: Path, tmp_path: Path
) -> None:
    table = write_metadata(tmp_path / "m.csv", sex=["male"] * len(next(iter(columns.values()))),
                           **{k: v for k, v in columns.items() if k != "sex"})
    if "name" in columns:
        table = write_metadata(tmp_path / "m.csv", **columns)
    with pytest.raises(SourceError) as error:
        predict(linear, [photos], metadata=table)
    assert str(error.value) == f"{table}: {message}"


def test_a_metadata_table_that_is_not_there_is_named(linear: ModelBundle, photos: Path) -> None:
    with pytest.raises(SourceError) as error:
        predict(linear, [photos], metadata=photos / "none.csv")
    assert str(error.value) == (f"{photos / 'none.csv'}: no such file; give a CSV or Parquet table "
                                "with isic_id")


def test_a_model_of_metadata_opens_no_image(linear: ModelBundle, photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"no picture")
    assert predict(linear, [photos]).num_errors == 0


@pytest.mark.slow
def test_a_bad_file_costs_its_own_row_alone(image: ModelBundle, photos: Path) -> None:
    whole = predict(image, [photos]).table
    (photos / "b.JPG").write_bytes((photos / "b.JPG").read_bytes()[:200])
    (photos / "d.png").write_bytes(b"")
    result = predict(image, [photos])
    table = result.table.set_index("isic_id")
    assert result.num_errors == 2
    assert table["error"].isna().to_dict() == {"a": True, "b": False, "c": True, "d": False}
    assert table.loc["b", "error"].startswith("truncated: ")
    assert table.loc["d", "error"].startswith("empty: ")
    assert table.loc[["b", "d"], ["p_Benign", "p_Malignant", "predicted"]].isna().all(axis=None)
    for name in ("a", "c"):
        before = whole.set_index("isic_id").loc[name]
        assert table.loc[name, "p_Malignant"] == pytest.approx(before["p_Malignant"], abs=1e-6)
        assert table.loc[name, "predicted"] == before["predicted"]


@pytest.mark.slow
def test_a_larger_photograph_is_reduced_as_for_training(
    image: ModelBundle, prepared: PreparedData, tmp_path: Path
) -> None:
    small = Image.open(io.BytesIO(prepared.store.read(str(prepared.store.ids[0]))))
    large = small.resize((small.width * 6, small.height * 6), Image.Resampling.BICUBIC)
    small.save(tmp_path / "small.png")
    large.save(tmp_path / "large.png")
    found = predict(image, [tmp_path / "small.png", tmp_path / "large.png"]).table["p_Malignant"]
    assert found[0] == pytest.approx(found[1], abs=0.1)


def test_two_classes_are_told_apart_at_the_threshold(linear: ModelBundle, photos: Path) -> None:
    table = predict(linear, [photos]).table
    expected = np.where(table["p_Malignant"] >= linear.decision.threshold, "Malignant", "Benign")
    assert table["predicted"].tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["p.csv", "new/p.parquet"])
def test_predictions_are_written_by_the_ending(
    name: str, linear: ModelBundle, photos: Path, tmp_path: Path
) -> None:
    table = predict(linear, [photos]).table
    save_table(table, tmp_path / name)
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    back = read(tmp_path / name)
    assert list(back) == COLUMNS
    np.testing.assert_allclose(back["p_Benign"], table["p_Benign"], atol=1e-6)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        save_table(pd.DataFrame(), tmp_path / "p.xlsx")
    assert str(error.value) == f"--out {tmp_path}/p.xlsx: end the name in .csv or .parquet"


def test_rows_sum_to_one_beyond_float32() -> None:
    wide = normalise(np.float32([[0.1, 0.2, 0.7000001]]))
    assert (wide.dtype, float(wide.sum())) == (np.float64, pytest.approx(1, abs=1e-15))


def test_no_rows_give_no_predictions(linear: ModelBundle) -> None:
    probabilities, errors = run_bundle(linear, [], pd.DataFrame())
    assert (probabilities.shape, errors) == ((0, 2), [])


@pytest.mark.slow
def test_a_stored_image_that_does_not_decode_is_damage(
    image: ModelBundle, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = str(prepared.rows("test").index[1])
    read = ImageStore.read
    monkeypatch.setattr(ImageStore, "read", lambda self, isic_id: (
        b"no picture" if isic_id == bad else read(self, isic_id)))
    with pytest.raises(StoreError) as error:
        predict_role(image, prepared, "test")
    assert str(error.value) == (f"{prepared.folder} is damaged: 1 images of the test role do not "
                                f"decode: {bad}; prepare the data again")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        ModelBundle.load(tmp_path)
