"""Tests of the synthetic cohort and its known truth."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isic_metadata.metadata import MetadataBatch, MetadataRow
from PIL import Image

from lesionlab.core.errors import InputError
from lesionlab.phantoms.diagnoses import DIAGNOSES, LABEL_COLUMNS
from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.making import PhantomSummary, phantom
from lesionlab.phantoms.plan import Plan, plan_cohort
from lesionlab.phantoms.shortcut_faults import INSTITUTIONS
from lesionlab.phantoms.truth import auroc, expected_auroc, malignancy_probability

SIZE = (48, 36)
SCHEMA_NAMES = {"age_approx": "age"}
ARCHIVE_ONLY = ("isic_id", "attribution", "copyright_license", "pixels_x", "pixels_y")


def read_bytes(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def plan(num_patients: int = 1_500, seed: int = 0, image: float = 1, metadata: float = 1) -> Plan:
    return plan_cohort(num_patients, seed, image_signal=image, metadata_signal=metadata)


def measure(plan: Plan) -> dict[str, float]:
    """AUROC of each true score against the labels of the table, joined by id."""
    table = plan.metadata[["isic_id", "diagnosis_1"]].merge(
        plan.truth.drop(columns="diagnosis_1"), on="isic_id", validate="1:1"
    )
    table = table[table["diagnosis_1"] != "Indeterminate"]
    is_malignant = (table["diagnosis_1"] == "Malignant").to_numpy()
    # A lesion's images share their scores: noise far below the signal breaks the ties.
    noise = 1e-9 * np.random.default_rng(0).standard_normal(len(table))
    return {
        name: auroc(table[f"{name}_score"].to_numpy() + noise, is_malignant)
        for name in ("image", "metadata", "joint")
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    phantom(out, patients=12, seed=3, image_size=SIZE)
    return out


def test_the_folder_has_the_layout_of_the_isic_client(folder):
    table = pd.read_csv(folder / "metadata.csv")
    files = sorted(path.name for path in (folder / "images").iterdir())
    assert files == [f"{isic_id}.jpg" for isic_id in table["isic_id"]]
    assert sorted(path.name for path in folder.iterdir()) == [
        "attribution.txt",
        "images",
        "licenses",
        "metadata.csv",
        "phantom.json",
    ]
    assert [path.name for path in (folder / "licenses").iterdir()] == ["CC-0.txt"]
    with Image.open(folder / "images" / files[0]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SIZE)
    assert (table["pixels_x"] == SIZE[0]).all()
    assert (table["pixels_y"] == SIZE[1]).all()
    assert table["isic_id"].str.fullmatch(r"ISIC_9\d{7}").all()


def test_the_summary_counts_what_was_written(tmp_path):
    summary = phantom(tmp_path / "a", patients=2, image_size=SIZE)
    table = pd.read_csv(tmp_path / "a" / "metadata.csv")
    assert summary == PhantomSummary(
        out=tmp_path / "a",
        num_patients=2,
        num_lesions=table["lesion_id"].nunique(),
        num_images=len(table),
        fault=None,
    )


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    phantom(tmp_path / "again", patients=12, seed=3, image_size=SIZE)
    assert read_bytes(tmp_path / "again") == read_bytes(folder)


def test_another_seed_gives_other_images(folder, tmp_path):
    phantom(tmp_path / "other", patients=12, seed=4, image_size=SIZE)
    pictures = {data for name, data in read_bytes(folder).items() if name.endswith(".jpg")}
    assert pictures.isdisjoint(read_bytes(tmp_path / "other").values())


def test_the_truth_names_every_image(folder):
    truth = json.loads((folder / "phantom.json").read_text())
    table = pd.read_csv(folder / "metadata.csv")
    assert list(truth["images"]) == list(table["isic_id"])
    written = [truth["images"][isic_id]["diagnosis_1"] for isic_id in table["isic_id"]]
    assert written == list(table["diagnosis_1"])
    assert truth["expected_auroc"] == expected_auroc(1, 1)
    facts = ("format_version", "seed", "patients", "fault", "image_signal", "metadata_signal",
             "image_size", "planted")
    assert [truth[name] for name in facts] == [1, 3, 12, None, 1.0, 1.0, list(SIZE), None]


def test_joint_beats_image_beats_metadata():
    expected = expected_auroc(1, 1)
    assert expected == {"image": 0.922, "metadata": 0.809, "joint": 0.952}
    measured = measure(plan(6_000))
    assert measured == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("image", "metadata", "without_signal"),
    [(0, 1, ["image"]), (1, 0, ["metadata"]), (0, 0, ["image", "metadata", "joint"])],
)
def test_a_signal_of_strength_0_tells_nothing(image, metadata, without_signal):
    measured = measure(plan(3_000, image=image, metadata=metadata))
    for name, value in expected_auroc(image, metadata).items():
        if name in without_signal:
            assert value == pytest.approx(0.5, abs=0.005)
        assert measured[name] == pytest.approx(value, abs=0.03)


def test_the_look_tells_nothing_of_malignancy():
    truth = plan(4_000).truth
    truth = truth[truth["diagnosis_1"] != "Indeterminate"]
    shares = (truth["diagnosis_1"] == "Malignant").groupby(truth["look"]).mean()
    assert set(shares.index) == set(DIAGNOSES)
    assert shares.between(0.17, 0.27).all()


@pytest.mark.parametrize("strength", [0, 0.5, 1, 2])
def test_the_prevalence_does_not_depend_on_the_strength(strength):
    scores = np.random.default_rng(0).standard_normal(20_000)
    shares = [malignancy_probability(score, strength) for score in scores]
    assert np.mean(shares) == pytest.approx(0.22, abs=0.005)


def test_patients_have_several_lesions_and_lesions_several_images():
    table = plan().metadata
    lesions = table.groupby("patient_id")["lesion_id"].nunique()
    images = table.groupby("lesion_id").size()
    assert set(lesions) == {1, 2, 3, 4}
    assert set(images) == {1, 2, 3}
    for name in ("patient_id", "diagnosis_3"):
        assert len(table[["lesion_id", name]].drop_duplicates()) == len(images)
    assert 2.7 < len(table) / 1_500 < 3.3


def test_every_row_passes_the_official_schema(folder):
    # Read as text, so that no value is changed on its way.
    written = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
    planned = plan(150).metadata.astype(object)
    planned = planned.where(planned.notna(), "").astype(str)
    rows = written.to_dict(orient="records") + planned.to_dict(orient="records")
    checked = []
    for row in rows:
        values = {
            SCHEMA_NAMES.get(name, name): value
            for name, value in row.items()
            if name not in ARCHIVE_ONLY
        }
        checked.append(MetadataRow(**values))
        assert checked[-1].unstructured == {}
        assert (checked[-1].diagnosis_3 or "") == row["diagnosis_3"]
        assert (checked[-1].anatom_site_3 or "") == row["anatom_site_3"]
    MetadataBatch(items=checked)


@pytest.mark.parametrize(
    ("column", "share"),
    [
        ("age_approx", 0.04),
        ("sex", 0.03),
        ("anatom_site_1", 0.05),
        ("clin_size_long_diam_mm", 0.50),
        ("fitzpatrick_skin_type", 0.60),
    ],
)
def test_values_are_missing_as_often_as_in_real_tables_whatever_the_label(column, share):
    table = plan(4_000).metadata
    is_missing = table[column].isna()
    assert is_missing.mean() == pytest.approx(share, abs=0.03)
    by_label = is_missing.groupby(table["diagnosis_1"] == "Malignant").mean()
    assert by_label[True] == pytest.approx(by_label[False], abs=0.04)


@pytest.mark.parametrize("column", ["diagnosis_1", "diagnosis_2", *LABEL_COLUMNS[4:]])
def test_labels_are_complete(column):
    assert plan(300).metadata[column].notna().all()


def test_ids_and_file_order_tell_nothing_of_the_label():
    truth = plan(3_000).truth
    assert truth["isic_id"].is_monotonic_increasing
    is_malignant = (truth["diagnosis_1"] == "Malignant").to_numpy()
    assert auroc(np.arange(len(truth), dtype=float), is_malignant) == pytest.approx(0.5, abs=0.03)


def test_label_order_changes_the_table_and_no_image(folder, tmp_path):
    summary = phantom(
        tmp_path / "faulty", patients=12, seed=3, image_size=SIZE, fault="label-order"
    )
    assert summary.fault == "label-order"
    clean, faulty = read_bytes(folder), read_bytes(tmp_path / "faulty")
    changed = [name for name in clean if faulty[name] != clean[name]]
    assert sorted(changed) == ["metadata.csv", "phantom.json"]
    truth = json.loads(faulty["phantom.json"])
    assert truth["fault"] == "label-order"
    assert truth["images"] == json.loads(clean["phantom.json"])["images"]


def assert_refused(message: str, out: Path, **arguments) -> None:
    with pytest.raises(InputError) as caught:
        phantom(out, **arguments)
    assert str(caught.value) == message


def test_an_unknown_fault_is_refused_with_the_choices(tmp_path):
    choices = ", ".join(FAULTS)
    message = f"fault 'label-ordre' does not exist; choose from: {choices}."
    assert_refused(message, tmp_path / "a", fault="label-ordre")
    assert "choose from: label-order, label-shuffle, " in message
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "patients is 0; a phantom needs at least 1."),
        ({"seed": -1}, "seed is -1; give 0 or a positive number."),
        ({"image_signal": -0.5}, "image_signal is -0.5; give a strength from 0 (none) to 5."),
        ({"strength": 0.5}, "strength is 0.5, but there is no fault to plant; name one."),
        ({"fault": "blur", "strength": 0.0},
         "strength is 0.0; give a number above 0 and up to 1."),
        ({"fault": "blur", "strength": 1.5},
         "strength is 1.5; give a number above 0 and up to 1."),
        ({"metadata_signal": 9.0}, "metadata_signal is 9.0; give a strength from 0 (none) to 5."),
        ({"image_size": (320, 8)}, "image_size is 320 x 8 pixels; give at least 32 x 32."),
    ],
)
def test_an_argument_out_of_range_is_refused(tmp_path, arguments, message):
    assert_refused(message, tmp_path / "a", **arguments)


def test_a_folder_with_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    assert_refused(
        f"{tmp_path} exists and is not an empty folder; name a new one, or remove it first.",
        tmp_path,
    )
    assert read_bytes(tmp_path) == {"mine.txt": b"keep"}


def test_an_empty_folder_is_filled(tmp_path):
    out = tmp_path / "empty"
    out.mkdir()
    phantom(out, patients=1, image_size=SIZE)
    assert (out / "metadata.csv").exists()


def test_a_stopped_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lesionlab.phantoms.making._write_tables", stop)
    with pytest.raises(KeyboardInterrupt):
        phantom(tmp_path / "a", patients=1, image_size=SIZE)
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_are_there_are_not_drawn_again(folder, tmp_path, monkeypatch):
    def refuse(_: object) -> bytes:
        raise AssertionError("a picture was drawn")

    monkeypatch.setattr("lesionlab.phantoms.making.draw_picture", refuse)
    phantom(tmp_path / "again", patients=12, seed=3, image_size=SIZE, pictures=folder)
    assert read_bytes(tmp_path / "again") == read_bytes(folder)


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        ({"seed": 4}, "seed 3, and 4 is needed"),
        ({"patients": 13}, "patients 12, and 13 is needed"),
        ({"image_signal": 0.5}, "image_signal 1.0, and 0.5 is needed"),
        ({"image_size": (64, 48)}, "image_size [48, 36], and [64, 48] is needed"),
    ],
)
def test_pictures_of_another_phantom_are_refused(folder, tmp_path, arguments, difference):
    given = {"patients": 12, "seed": 3, "image_size": SIZE} | arguments
    message = f"pictures: {folder} has {difference}; name the same phantom without a fault."
    assert_refused(message, tmp_path / "a", pictures=folder, **given)


def test_pictures_of_a_faulty_phantom_are_refused(folder, tmp_path):
    given = {"patients": 12, "seed": 3, "image_size": SIZE}
    faulty = tmp_path / "faulty"
    phantom(faulty, fault="label-order", pictures=folder, **given)
    assert_refused(
        f"pictures: {faulty} has fault label-order, and None is needed; name the same phantom "
        "without a fault.",
        tmp_path / "a", pictures=faulty, **given)


def test_pictures_of_no_phantom_are_refused(tmp_path):
    assert_refused(
        f"pictures: there is no {tmp_path / 'b' / 'phantom.json'}; name the folder of a phantom.",
        tmp_path / "a", pictures=tmp_path / "b")


def test_two_institutions_have_half_of_the_patients_each(folder, tmp_path):
    out = tmp_path / "a"
    phantom(out, patients=12, seed=3, image_size=SIZE, pictures=folder, with_sources=True)
    table = pd.read_csv(out / "metadata.csv")
    assert table.groupby("attribution")["patient_id"].nunique().to_dict() == dict.fromkeys(
        INSTITUTIONS, 6)
    assert (out / "attribution.txt").read_text().splitlines() == list(INSTITUTIONS)
