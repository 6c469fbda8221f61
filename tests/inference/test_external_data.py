"""External tests: only images that the training has no link to, each loss counted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.external_data import RECORD_FILE, describe_training_images
from lesionlab.inference.scoring import Evaluation, evaluate
from lesionlab.phantoms.making import phantom
from lesionlab.recipes import find_recipe
from lesionlab.sources.raw_source import TableColumns
from lesionlab.training.fit import train

REASONS = ("left out: same id 1, same file 1, near copy 1, same lesion 1, same patient 1, "
           "in a group with one of these 1")


@pytest.fixture
def run(train_small: TrainSmall, tmp_path: Path) -> Path:
    """A run of its own."""
    shutil.copytree(train_small("metadata_linear"), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def other_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 patients that no training has seen."""
    folder = tmp_path_factory.mktemp("other") / "cohort"
    phantom(folder, patients=30, seed=1, image_size=(96, 72))
    return folder


@pytest.fixture(scope="module")
def other(other_cohort: Path) -> PreparedData:
    return prepare([other_cohort], other_cohort.parent / "elsewhere", num_workers=1,
                   settings=PrepareSettings(size_px=64))


@pytest.fixture(scope="module")
def planted(
    other_cohort: Path, prepared: PreparedData, phantom_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> PreparedData:
    """The other cohort with a row for each link to the training, and one of its test role."""
    folder = tmp_path_factory.mktemp("planted") / "cohort"
    shutil.copytree(other_cohort, folder)
    table = pd.read_csv(folder / "metadata.csv", dtype=str)
    rows = pd.read_csv(phantom_folder / "metadata.csv", dtype=str).set_index("isic_id")
    trained = prepared.rows("train")
    lone = trained[~trained["patient_id"].duplicated()].index
    unseen, valid = prepared.rows("test").index, prepared.rows("valid").index[0]
    fresh = table.copy()
    own = table.index[table["diagnosis_1"] == "Benign"][:2]
    table.loc[own, ["patient_id", "lesion_id"]] = None
    table.loc[own[0], "lesion_id"] = rows["lesion_id"][lone[2]]
    table.loc[own[1], "patient_id"] = rows["patient_id"][lone[3]]
    table.loc[own, "isic_id"] = ["ISIC_0000003", "ISIC_0000004"]
    for name, isic_id in zip(list(fresh["isic_id"][own]), table["isic_id"][own], strict=True):
        (folder / "images" / f"{name}.jpg").rename(folder / "images" / f"{isic_id}.jpg")
    new = {
        valid: (valid, {}),
        "ISIC_0000001": (lone[0], {"lesion_id": "IL_0000001", "patient_id": "IP_0000001"}),
        "ISIC_0000002": (lone[1], {"lesion_id": None, "patient_id": None}),
        "ISIC_0000005": (unseen[1], {"lesion_id": "IL_0000001", "patient_id": "IP_0000001"}),
        unseen[0]: (unseen[0], {}),
    }
    for isic_id, (source, changes) in new.items():
        table.loc[len(table)] = {**rows.loc[source], **changes, "isic_id": isic_id}
        shutil.copy(phantom_folder / "images" / f"{source}.jpg",
                    folder / "images" / f"{isic_id}.jpg")
    with Image.open(folder / "images" / "ISIC_0000002.jpg") as picture:
        picture.convert("RGB").save(folder / "images" / "ISIC_0000002.jpg", quality=93)
    table.to_csv(folder / "metadata.csv", index=False)
    return prepare([folder], folder.parent / "planted", num_workers=1,
                   settings=PrepareSettings(size_px=64))


def flow(result: Evaluation) -> dict[str, tuple[int, str]]:
    return {step.label: (step.count, step.note) for step in result.report.context.flow}


def lose_data(run: Path) -> Path:
    """Let the run look for its data where there are none."""
    summary = artifacts.read_json(run / "training.json")
    artifacts.write_json(run / "training.json", summary | {"data": "../gone"})
    return run.parent / "gone"


def test_all_rows_of_another_cohort_are_scored(
    run: Path, other: PreparedData, prepared: PreparedData
) -> None:
    evaluate(run)
    own = (run / "report" / "report.json").read_bytes()
    result = evaluate(run, data=other.folder)
    assert result.folder == run / "report_external_elsewhere"
    assert (result.report.role, result.report.n_images) == ("external", len(other.cohort))
    predictions = Predictions.load(run / "predictions_external_elsewhere.parquet")
    assert (predictions.role, predictions.data_digest) == ("external", other.digest)
    assert list(predictions.frame.index) == list(other.cohort.ids)
    assert (run / "report" / "report.json").read_bytes() == own
    digests = result.report.context.digests
    assert (digests["training data"], digests["external data"]) == (prepared.digest, other.digest)
    thresholds = artifacts.read_json(run / "bundle" / "manifest.json")["thresholds"]
    assert result.report.decision.threshold == thresholds["Malignant"]["max_youden"]
    number = len(other.cohort)
    assert result.notes == (f"external test on {number} of {number} images; no link found",)


def test_a_role_can_be_asked_for(run: Path, other: PreparedData) -> None:
    result = evaluate(run, data=other.folder, role="valid")
    assert result.folder == run / "report_external_elsewhere_valid"
    assert result.report.role == "external"
    assert flow(result)["in the valid role"] == (len(other.rows("valid")), "")
    assert result.report.n_images == len(other.rows("valid"))


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_the_training_has_seen_is_left_out_and_counted(
    is_gone: bool, run: Path, planted: PreparedData, prepared: PreparedData
) -> None:
    told = REASONS
    if is_gone:
        lose_data(run)
        told += "; near copies told by their hash alone, as the training images are not there"
    result = evaluate(run, data=planted.folder)
    scored = set(Predictions.load(run / "predictions_external_planted.parquet").frame.index)
    gone = set(planted.cohort.ids) - scored
    assert gone == {prepared.rows("valid").index[0], *(f"ISIC_000000{n}" for n in range(1, 6))}
    assert flow(result)["not linked to the training of the model"] == (len(scored), told)
    assert result.lines[1] == (f"note: external test on {len(scored)} of {len(scored) + 6} images; "
                               f"{told}")


def test_links_do_not_depend_on_the_role_or_the_order_of_ids(
    run: Path, planted: PreparedData
) -> None:
    whole = evaluate(run, data=planted.folder).report.n_images
    parts = [evaluate(run, data=planted.folder, role=role).report.n_images
             for role in ("train", "valid", "test")]
    assert sum(parts) == whole


def test_the_same_cohort_split_anew_is_scored_where_it_was_test(
    run: Path, prepared: PreparedData, phantom_folder: Path, tmp_path: Path
) -> None:
    again = prepare([phantom_folder], tmp_path / "again", num_workers=1,
                    settings=PrepareSettings(size_px=64, seed=1))
    result = evaluate(run, data=again.folder)
    scored = Predictions.load(run / "predictions_external_again.parquet").frame.index
    assert set(scored) == set(prepared.rows("test").index)
    num_seen = len(again.cohort) - len(scored)
    assert flow(result)["not linked to the training of the model"] == (
        len(scored), f"left out: same id {num_seen}")


def test_the_record_names_no_patient_and_no_lesion(prepared: PreparedData, tmp_path: Path) -> None:
    table = describe_training_images(prepared)
    assert table.column_names == ["isic_id", "role", "sha256", "patient_id", "lesion_id",
                                  "perceptual_hash"]
    rows = prepared.frame[prepared.frame["role"] != "test"]
    found = table.to_pandas().set_index("isic_id")
    assert list(found.index) == list(rows.index)
    artifacts.write_parquet(tmp_path / RECORD_FILE, table)
    content = pq.read_table(tmp_path / RECORD_FILE).to_pandas().to_csv()
    for name in ("patient_id", "lesion_id"):
        assert not any(value in content for value in rows[name].dropna())
        assert found[name].isna().equals(rows[name].isna())
        assert found.groupby(name).ngroups == rows.groupby(name).ngroups


def test_a_run_that_does_not_know_its_training_is_refused(run: Path, other: PreparedData) -> None:
    folder = lose_data(run)
    (run / RECORD_FILE).unlink()
    with pytest.raises(InputError) as error:
        evaluate(run, data=other.folder)
    assert str(error.value) == (
        f"{run}: which images it was trained on is not known, so those of {other.folder} that "
        f"are among them cannot be left out: {folder} does not hold its data and the run has no "
        "training_images.parquet; put the data back there, or train again")
    assert not (run / "report_external_elsewhere").exists()


def test_a_run_without_a_record_is_read_from_its_data(
    run: Path, other: PreparedData, prepared: PreparedData
) -> None:
    (run / RECORD_FILE).unlink()
    assert evaluate(run, data=other.folder).report.n_images == len(other.cohort)


def test_the_record_of_another_run_is_refused(
    run: Path, other: PreparedData, prepared: PreparedData
) -> None:
    artifacts.write_parquet(run / RECORD_FILE, describe_training_images(other))
    with pytest.raises(StoreError) as error:
        evaluate(run, data=other.folder)
    assert str(error.value) == (
        f"{run / RECORD_FILE} is not the record of this run, which was trained on data "
        f"{prepared.digest[:12]}; copy the run again, or train again")


def test_another_question_is_refused(run: Path, other_cohort: Path, tmp_path: Path) -> None:
    other = prepare([other_cohort], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=64, target="sex"))
    with pytest.raises(InputError) as error:
        evaluate(run, data=other.folder)
    assert str(error.value) == (
        f"{run} was trained for malignancy (Benign, Malignant), {other.folder} is prepared for sex "
        "(female, male): that is another question; prepare the data again with --target malignancy")


def test_data_of_which_nothing_is_left_are_refused(
    run: Path, prepared: PreparedData, phantom_folder: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    shutil.copytree(phantom_folder, seen)
    rows = pd.read_csv(seen / "metadata.csv", dtype=str)
    rows[rows["isic_id"].isin(prepared.rows("train").index)].to_csv(
        seen / "metadata.csv", index=False)
    other = prepare([seen], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=64))
    with pytest.raises(InputError) as error:
        evaluate(run, data=other.folder)
    number = len(other.cohort)
    assert str(error.value) == (f"none of {number} images of {other.folder} is left to score: "
                                f"left out: same id {number}")


Labelled = Callable[[Path, Path, list[str]], PreparedData]


@pytest.fixture
def prepare_labelled() -> Labelled:
    """Prepares the images of a cohort with labels dealt out to its patients in turn."""

    def make(cohort: Path, out: Path, labels: list[str]) -> PreparedData:
        source = out.parent / f"{out.name}_source"
        shutil.copytree(cohort / "images", source / "images")
        table = pd.read_csv(cohort / "metadata.csv", dtype=str)
        number = pd.factorize(table["patient_id"])[0]
        pd.DataFrame({
            "name": table["isic_id"], "person": table["patient_id"],
            "verdict": [labels[n % len(labels)] for n in number], "sex": table["sex"],
        }).to_csv(source / "rows.csv", index=False)
        return prepare([source], out, num_workers=1, columns=TableColumns(
            id="name", label="verdict", patient="person"),
            settings=PrepareSettings(size_px=64, target="label", split="40/30/30"))

    return make


@pytest.fixture
def labelled_run(
    prepare_labelled: Labelled, phantom_folder: Path, tmp_path: Path
) -> Path:
    """A model of the classes a, b and c."""
    data = prepare_labelled(phantom_folder, tmp_path / "labelled", ["a", "b", "c"])
    return train(data, find_recipe("prevalence"), tmp_path / "labelled_run").folder


def test_classes_on_one_side_alone_are_said_and_counted(
    labelled_run: Path, prepare_labelled: Labelled, other_cohort: Path, tmp_path: Path
) -> None:
    other = prepare_labelled(other_cohort, tmp_path / "other", ["b", "c", "d"])
    result = evaluate(labelled_run, data=other.folder)
    counts = other.frame["target"].value_counts()
    told = (f"classes that the model does not know: d {counts['d']}; "
            "classes without an image: a")
    assert flow(result)["of a class that the model knows"] == (counts["b"] + counts["c"], told)
    assert told in result.notes
    assert result.report.classes == ("a", "b", "c")
    assert result.report.n_images == counts["b"] + counts["c"]


def test_data_without_a_class_of_the_model_are_refused(
    labelled_run: Path, prepare_labelled: Labelled, other_cohort: Path, tmp_path: Path
) -> None:
    other = prepare_labelled(other_cohort, tmp_path / "other", ["x", "y"])
    with pytest.raises(InputError) as error:
        evaluate(labelled_run, data=other.folder)
    assert str(error.value) == (
        f"{labelled_run} was trained for label (a, b, c), {other.folder} is prepared for label "
        "(x, y): no class is in both; name the classes of the data as the model does and prepare "
        "them again")


def test_labels_of_ones_own_may_answer_a_named_target(
    run: Path, prepare_labelled: Labelled, other_cohort: Path, tmp_path: Path
) -> None:
    other = prepare_labelled(other_cohort, tmp_path / "other", ["Malignant", "Benign"])
    result = evaluate(run, data=other.folder)
    assert result.report.classes == ("Benign", "Malignant")
    assert result.report.n_images == len(other.cohort)
    assert flow(result)["not linked to the training of the model"] == (
        len(other.cohort), "no link found; lesions not compared, as one side names none")


def test_images_kept_at_another_size_are_said(
    train_small: TrainSmall, other_cohort: Path, tmp_path: Path
) -> None:
    other = prepare([other_cohort], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=48))
    run = tmp_path / "run"
    shutil.copytree(train_small("image_frozen"), run)
    assert evaluate(run, data=other.folder).notes[-1] == (
        f"the images of {other.folder} are kept with a shorter side of 48 pixels, those of the "
        "training were with 64; prepare with --size 64 for equal ones")
