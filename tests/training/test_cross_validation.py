"""Each image is scored by a fold that has not seen it, and a finished fold is found again."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import SMALL_SETTINGS
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.predicting import predict_role
from lesionlab.inference.scoring import evaluate
from lesionlab.recipes import find_recipe
from lesionlab.training import cross_validation
from lesionlab.training.cross_validation import CrossValidation, cross_validate, summarise_folds
from lesionlab.training.ensemble_members import temper


@pytest.fixture(scope="module")
def crossed(prepared: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    return cross_validate(prepared, find_recipe("metadata_linear"),
                          tmp_path_factory.mktemp("crossed") / "folds", num_folds=3)


def check_laws(crossed: CrossValidation, data: PreparedData) -> None:
    outside = data.frame[data.frame["role"] != "test"]
    pooled = crossed.predictions.frame
    assert sorted(pooled.index) == sorted(outside.index)
    assert list(pooled["target"]) == list(outside["target"].loc[pooled.index])
    held_out = []
    for k, run in enumerate(crossed.runs):
        own = PreparedData.load(crossed.folder / f"fold_{k}" / "data")
        assert own.manifest["derived_from"] == data.digest
        assert sorted(own.frame.index) == sorted(outside.index)
        rows = own.rows("test").index
        held_out += list(rows)
        expected = predict_role(run.bundle, own, "test").frame
        pd.testing.assert_frame_equal(pooled.loc[expected.index], expected)
    assert sorted(held_out) == sorted(outside.index)


def test_each_image_is_scored_by_the_fold_that_did_not_see_it(
    crossed: CrossValidation, prepared: PreparedData
) -> None:
    check_laws(crossed, prepared)
    assert (crossed.predictions.role, crossed.predictions.data_digest) == (
        "out_of_fold", prepared.digest)
    stored = Predictions.load(crossed.folder / "predictions_out_of_fold.parquet")
    assert stored.digest == crossed.predictions.digest


def test_the_spread_is_that_of_the_folds(crossed: CrossValidation) -> None:
    reports = [artifacts.read_json(run.folder / "report" / "report.json") for run in crossed.runs]
    values = [metric["value"] for report in reports for metric in report["metrics"]
              if metric["name"] == "auroc" and not (metric["class"] or metric["subgroup"])]
    row = crossed.metrics.iloc[0]
    assert (row["name"], row["class"], row["num_folds"]) == ("auroc", None, 3)
    assert list(row[["fold_0", "fold_1", "fold_2"]]) == values
    assert list(row[["mean", "sd", "min", "max"]]) == pytest.approx(
        [np.mean(values), np.std(values, ddof=1), min(values), max(values)])
    assert crossed.lines[0] == (
        f"AUROC of 3 folds: mean {np.mean(values):.3f}, standard deviation "
        f"{np.std(values, ddof=1):.3f}, {min(values):.3f} to {max(values):.3f}")
    assert crossed.lines[1] == f"out of fold, all together: {crossed.report.headline}"


def test_a_metric_that_a_fold_lacks_is_left_out_of_the_spread(crossed: CrossValidation) -> None:
    table = crossed.report.metrics
    without = dataclasses.replace(crossed.report, metrics=table.assign(
        value=table["value"].where(table["name"] != "auroc")))
    row = summarise_folds([crossed.report, without]).iloc[0]
    assert (row["num_folds"], row["mean"]) == (1, row["fold_0"])
    assert np.isnan(row["sd"])
    assert np.isnan(row["fold_1"])


def test_the_files_say_the_same(crossed: CrossValidation, prepared: PreparedData) -> None:
    content = artifacts.read_json(crossed.folder / "folds.json")
    assert content.keys() == {"format_version", "recipe", "digests", "folds", "metrics"}
    assert content["digests"]["data"] == prepared.digest
    assert [fold["run"] for fold in content["folds"]] == [f"fold_{k}/run" for k in range(3)]
    assert sum(fold["num_images"] for fold in content["folds"]) == len(crossed.predictions)
    table = pd.read_csv(crossed.folder / "folds.csv")
    assert list(table["name"]) == [metric["name"] for metric in content["metrics"]]
    np.testing.assert_allclose(table["mean"], crossed.metrics["mean"].astype(float))
    report = artifacts.read_json(crossed.folder / "report" / "report.json")
    assert (report["role"], report["n_images"]) == ("out_of_fold", len(crossed.predictions))
    assert (crossed.folder / "report" / "report.html").is_file()


def test_the_ensemble_is_calibrated_out_of_fold_and_scored_on_the_test_role(
    crossed: CrossValidation, prepared: PreparedData
) -> None:
    ensemble = crossed.ensemble
    assert ensemble.recipe.name == "metadata_linear_folds"
    assert ensemble.recipe.model.members == ("fold_0/run", "fold_1/run", "fold_2/run")
    temperature = ensemble.summary["temperature"]
    assert temperature != 1
    assert "128 predictions of role out_of_fold" in ensemble.summary["notes"][0]
    expected = np.mean([temper(predict_role(run.bundle, prepared, "test").probabilities,
                               temperature) for run in crossed.runs], axis=0)
    found = predict_role(ensemble.bundle, prepared, "test")
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-6)
    assert evaluate(ensemble.folder).report.n_images == len(prepared.rows("test"))


def test_a_finished_fold_is_found_again(
    crossed: CrossValidation, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [path for path in crossed.folder.rglob("*")
            if path.is_file() and path.parent.name in ("data", "run", "bundle", "ensemble")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    monkeypatch.setattr(cross_validation, "evaluate", None)  # each fold is scored already
    again = cross_validate(prepared, crossed.runs[0].recipe, crossed.folder, num_folds=3)
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    pd.testing.assert_frame_equal(again.metrics, crossed.metrics)
    assert again.report.digest == crossed.report.digest


def test_a_folder_of_other_folds_is_refused(
    crossed: CrossValidation, prepared: PreparedData
) -> None:
    with pytest.raises(StoreError, match=r"fold_0.data was derived from other data"):
        cross_validate(prepared, crossed.runs[0].recipe, crossed.folder, num_folds=4)
    other = crossed.runs[0].recipe.with_settings(["fit.l2=3"])
    with pytest.raises(StoreError, match=r"fold_0.run exists and is not a run of recipe"):
        cross_validate(prepared, other, crossed.folder, num_folds=3)


def test_two_folds_are_refused_before_anything_is_written(
    prepared: PreparedData, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="--folds 2: give 3 or more"):
        cross_validate(prepared, find_recipe("metadata_linear"), tmp_path / "folds", num_folds=2)
    assert list(tmp_path.iterdir()) == []


def test_it_is_refused_in_several_processes(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError) as error:
        cross_validate(prepared, find_recipe("metadata_linear"), tmp_path / "cv", num_folds=3)
    assert str(error.value) == ("--folds under torchrun: the processes would write each other's "
                                "folds; start it without torchrun")
    assert not (tmp_path / "cv").exists()


@pytest.mark.slow
def test_a_recipe_that_sees_images_is_cross_validated(
    prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    recipe = find_recipe("image_frozen").with_settings(
        [*SMALL_SETTINGS["image_frozen"], "image.num_views=1"])
    crossed = cross_validate(prepared, recipe, tmp_path / "folds", num_folds=3, cache=cache)
    check_laws(crossed, prepared)
    sizes = [(folder / "bundle" / "model.onnx").stat().st_size
             for folder in (crossed.runs[0].folder, crossed.ensemble.folder)]
    assert sizes[1] < 2 * sizes[0]
