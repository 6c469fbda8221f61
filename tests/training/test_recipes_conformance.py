"""Every recipe trains, packs, predicts and is scored, all the same way."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict
from lesionlab.inference.scoring import evaluate
from lesionlab.recipes import RECIPES
from lesionlab.training.fit import TrainedRun

pytestmark = pytest.mark.slow


@pytest.fixture(params=RECIPES)
def run(request: pytest.FixtureRequest, train_small: TrainSmall) -> Path:
    return train_small(request.param)


def test_a_run_holds_what_it_promises(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "bundle", "history.csv", "predictions_valid.parquet", "recipe.json", "training.json"]
    files = {path.name for path in (run / "bundle").iterdir()}
    assert files - {"weights.safetensors"} == {"MODEL_CARD.md", "manifest.json", "model.onnx"}
    trained = TrainedRun.load(run)
    has_tensors = trained.recipe.model.head != "boosting"
    assert ("weights.safetensors" in files) == has_tensors
    assert trained.summary["parity_difference"] <= 1e-4
    assert set(trained.summary["seconds"]) == {"backbone", "features", "head", "packing"}


def test_history_has_a_row_an_epoch(run: Path) -> None:
    history = pd.read_csv(run / "history.csv")
    trained = TrainedRun.load(run)
    assert list(history) == ["epoch", "member", "train_loss", "valid_loss", "seconds"]
    assert history["epoch"].tolist() == list(range(1, len(history) + 1))
    assert len(history) == trained.summary["num_epochs"] <= trained.recipe.fit.max_epochs
    assert np.isfinite(history.to_numpy(float)).all()


def test_the_manifest_names_data_split_and_recipe(run: Path, prepared: PreparedData) -> None:
    trained = TrainedRun.load(run)
    manifest = trained.bundle.manifest
    assert manifest["digests"] == {"data": prepared.digest, "split": prepared.split.digest,
                                   "recipe": trained.recipe.digest}
    assert manifest["temperature"] > 0
    assert set(manifest["thresholds"]["Malignant"]) == {
        "max_youden", "sensitivity_95", "specificity_90", "specificity_95"}
    card = (run / "bundle" / "MODEL_CARD.md").read_text()
    assert f"# Model card: {trained.recipe.name} for malignancy\n" in card
    assert "Research use only" in card


def test_files_are_predicted_as_stored_images_are(
    run: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    stored = Predictions.load(run / "predictions_valid.parquet")
    ids = list(stored.frame.index)
    for isic_id in ids:
        (tmp_path / f"{isic_id}.jpg").write_bytes(prepared.store.read(isic_id))
    table = tmp_path / "metadata.parquet"
    prepared.frame.reset_index().to_parquet(table)
    result = predict(ModelBundle.load(run), [tmp_path], metadata=table)
    assert result.table["isic_id"].tolist() == ids
    assert result.table["error"].isna().all()
    found = result.table[["p_Benign", "p_Malignant"]].to_numpy(float)
    np.testing.assert_allclose(found, stored.probabilities, rtol=0, atol=1e-6)


def test_a_report_has_every_image_of_the_test_role(
    run: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    result = evaluate(copied)
    written = artifacts.read_json(copied / "report" / "report.json")
    test = prepared.rows("test")
    assert (written["n_images"], written["n_groups"]) == (len(test), test["group_id"].nunique())
    assert {metric["name"] for metric in written["metrics"]} >= {"auroc", "brier"}
    assert (result.folder / "report.html").is_file()
    stored = Predictions.load(copied / "predictions_test.parquet")
    assert set(stored.frame.index) == set(test.index)
