"""Evaluating: the right data, one role, and another tool's table joined by id."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, PredictionsError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.ledger import LEDGER_FILE, Looks, read_ledger
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.scoring import evaluate, evaluate_predictions, subgroup_columns


@pytest.fixture
def run(train_small: TrainSmall, tmp_path: Path) -> Path:
    """A run of its own."""
    shutil.copytree(train_small("metadata_linear"), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def table(prepared: PreparedData, tmp_path: Path) -> Path:
    """Another tool's predictions of the test role."""
    ids = list(prepared.rows("test").index)
    path = tmp_path / "other.csv"
    pd.DataFrame({"isic_id": ids[::-1], "Malignant": np.linspace(0, 1, len(ids))}).to_csv(
        path, index=False)
    return path


def auroc(content: dict) -> dict:
    return next(m for m in content["metrics"] if m["name"] == "auroc" and m["class"] is None
                and m["subgroup"] is None)


def test_the_test_role_is_scored_by_default(run: Path, prepared: PreparedData) -> None:
    result = evaluate(run)
    assert result.folder == run / "report"
    assert result.content == artifacts.read_json(run / "report" / "report.json")
    assert (result.content["role"], result.content["n_images"]) == (
        "test", len(prepared.rows("test")))
    assert result.lines[0].startswith("AUROC ")


@pytest.mark.parametrize("role", ["valid", "train"])
def test_another_role_has_a_report_of_its_own(
    role: str, run: Path, prepared: PreparedData
) -> None:
    result = evaluate(run, role=role)
    assert result.folder == run / f"report_{role}"
    assert (result.content["role"], result.content["n_images"]) == (
        role, len(prepared.rows(role)))  # type: ignore[arg-type]
    assert Predictions.load(run / f"predictions_{role}.parquet").role == role


def test_evaluating_reads_no_role_but_the_one_and_train(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    rows = PreparedData.rows
    monkeypatch.setattr(PreparedData, "rows", lambda self, role: (asked.add(role),
                                                                  rows(self, role))[1])
    before = {path: path.read_bytes() for path in (run / "bundle").iterdir()}
    evaluate(run)
    assert asked == {"test", "train"}
    assert before == {path: path.read_bytes() for path in (run / "bundle").iterdir()}


def test_evaluating_twice_gives_the_same_numbers(run: Path, tmp_path: Path) -> None:
    assert evaluate(run).content == evaluate(run, out=tmp_path / "again").content


def test_an_unknown_role_is_refused(run: Path) -> None:
    with pytest.raises(InputError) as error:
        evaluate(run, role="tset")
    assert str(error.value) == "--role tset: choose train, valid, test"


def test_data_that_were_made_anew_are_not_taken_for_those_of_the_run(
    run: Path, prepared: PreparedData, phantom_folder: Path, tmp_path: Path
) -> None:
    other = prepare([phantom_folder], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=64, seed=1))
    summary = artifacts.read_json(run / "training.json")
    artifacts.write_json(run / "training.json", summary | {"data": "../other"})
    with pytest.raises(InputError) as error:
        evaluate(run)
    assert str(error.value) == (
        f"{run} was trained on data {prepared.digest[:12]}, {other.folder} now holds "
        f"{other.digest[:12]}; name the folder by --data, for an external test of what it holds "
        "now, or train again")
    assert not (run / "report").exists()


def test_a_run_finds_its_data_from_any_working_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert evaluate(run, role="valid", out=tmp_path / "report").report.n_images > 0


def test_data_that_moved_are_named_by_the_user(
    run: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    summary = artifacts.read_json(run / "training.json")
    artifacts.write_json(run / "training.json", summary | {"data": str(tmp_path / "gone")})
    with pytest.raises(StoreError) as error:
        evaluate(run)
    assert str(error.value) == (f"the data of {run} are no longer at {tmp_path / 'gone'}; "
                                "name them by --data")
    shutil.copytree(prepared.folder, tmp_path / "moved")
    assert auroc(evaluate(run, data=tmp_path / "moved").content)["value"] is not None


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        evaluate(tmp_path)
    assert str(error.value) == (f"{tmp_path} is not a run: it has no training.json; make one "
                                f"with: lesionlab train DATA --recipe R --out {tmp_path}")


def test_predictions_of_another_tool_are_joined_by_id(
    table: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    result = evaluate_predictions(table, data=prepared.folder)
    assert result.folder == tmp_path / "other_report"
    shuffled = tmp_path / "shuffled.csv"
    pd.read_csv(table).sample(frac=1, random_state=0).to_csv(shuffled, index=False)
    again = evaluate_predictions(shuffled, data=prepared.folder, out=tmp_path / "again")
    assert auroc(again.content) == auroc(result.content)


def test_a_runs_own_predictions_score_the_same_as_a_table(
    run: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    first = evaluate(run).content
    path = tmp_path / "p.parquet"
    Predictions.load(run / "predictions_test.parquet").frame.reset_index().drop(
        columns=["group_id", "target"]).to_parquet(path)
    assert auroc(evaluate_predictions(path, data=prepared.folder).content) == auroc(first)


def test_predictions_need_data(table: Path) -> None:
    with pytest.raises(InputError) as error:
        evaluate_predictions(table, data=None)
    assert str(error.value) == (f"{table}: predictions of another tool need --data, the prepared "
                                "folder whose images they are of")


def test_missing_extra_and_repeated_ids_are_named(table: Path, prepared: PreparedData) -> None:
    frame = pd.read_csv(table)
    broken = pd.concat([frame.iloc[2:], frame.iloc[[5]], frame.iloc[[0]].assign(isic_id="zz")])
    broken.to_csv(table, index=False)
    missing = sorted(frame["isic_id"][:2])
    with pytest.raises(PredictionsError) as error:
        evaluate_predictions(table, data=prepared.folder)
    assert str(error.value) == (
        f"{table} cannot be joined to the {len(frame)} images of role 'test'; give each of them "
        f"one row:\n  - 1 ids stand in more than one row: {frame['isic_id'][5]}\n"
        f"  - 2 images of role 'test' have no row: {', '.join(missing)}\n"
        "  - 1 ids are not images of role 'test': zz")
    assert not (table.parent / "other_report").exists()


def test_subgroups_are_categories_and_bands_of_age(prepared: PreparedData) -> None:
    rows = prepared.rows("test")
    columns = subgroup_columns(rows)
    assert columns.index.equals(rows.index)
    assert {"sex", "anatom_site_1", "image_type", "fitzpatrick_skin_type", "age"} <= set(columns)
    ages = rows["age_approx"]
    assert (columns["age"].eq("70 and over") == (ages >= 70)).all()
    assert (columns["age"].eq("under 30") == (ages < 30)).all()
    assert columns["age"].isna().equals(ages.isna())


@pytest.fixture
def own_data(prepared: PreparedData, tmp_path: Path) -> Path:
    """The prepared data, nobody has looked at."""
    folder = tmp_path / "own_data"
    shutil.copytree(prepared.folder, folder, ignore=shutil.ignore_patterns(LEDGER_FILE))
    return folder


def test_every_look_at_the_test_role_is_recorded(
    run: Path, table: Path, own_data: Path, train_small: TrainSmall, tmp_path: Path
) -> None:
    assert evaluate(run, data=own_data, role="valid").report.looks is None
    first = evaluate(run, data=own_data)
    assert first.lines[1] == "This is the first look at these test images."
    content = (run / "report" / "report.json").read_bytes()
    evaluate(run, data=own_data)
    assert (run / "report" / "report.json").read_bytes() == content
    shutil.copytree(train_small("prevalence"), tmp_path / "second")
    assert evaluate(tmp_path / "second", data=own_data).content["looks"] == {
        "num": 2, "num_recipes": 2}
    third = evaluate_predictions(table, data=own_data)
    assert "This is look 3 at these test images, by 3 recipes." in third.lines
    written = read_ledger(own_data / LEDGER_FILE)
    assert [(look["run"], look["recipe_name"], look["role"]) for look in written] == [
        ("run", "metadata_linear", "test"), ("run", "metadata_linear", "test"),
        ("second", "prevalence", "test"), ("other.csv", None, "test")]


def test_an_external_test_is_a_look_at_the_other_data(
    run: Path, phantom_folder: Path, tmp_path: Path
) -> None:
    other = prepare([phantom_folder], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=64, seed=1))
    assert evaluate(run, data=other.folder).content["looks"] == {"num": 1, "num_recipes": 1}
    assert [look["role"] for look in read_ledger(other.folder / LEDGER_FILE)] == ["external"]
    again = prepare([phantom_folder], tmp_path / "other", num_workers=1,
                    settings=PrepareSettings(size_px=64, seed=1))
    assert len(read_ledger(again.folder / LEDGER_FILE)) == 1


def test_a_ledger_that_cannot_be_written_is_a_note_and_no_failure(
    run: Path, own_data: Path
) -> None:
    (own_data / LEDGER_FILE).mkdir()
    result = evaluate(run, data=own_data)
    assert result.notes == ((
        f"this look at the test images could not be recorded in {own_data / LEDGER_FILE} (Is a "
        "directory), so later ones will not count it"),)
    assert result.report.looks == Looks(num=1, num_recipes=1)


def test_an_evaluation_makes_all_checks(run: Path, table: Path, own_data: Path) -> None:
    codes = [*(f"LL70{number}" for number in range(1, 8)),
             *(f"LL72{number}" for number in range(1, 9))]
    for result in (evaluate(run, data=own_data), evaluate_predictions(table, data=own_data)):
        assert [finding.code for finding in result.report.findings] == codes
