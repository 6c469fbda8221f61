"""Every recipe trains, packs, predicts and is scored, all the same way."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from conftest import SMALL_SETTINGS, TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict
from lesionlab.inference.scoring import evaluate
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.networks import build_network
from lesionlab.recipes import RECIPES, STUDY, find_recipe
from lesionlab.training import loop
from lesionlab.training.fit import train
from lesionlab.training.run import TrainedRun
from lesionlab.training.tuning import FittedNetwork, fit_network

pytestmark = pytest.mark.slow


TRAINED = [name for name in RECIPES if name != "ensemble"]
"""An ensemble is made of runs; tests/training/test_ensembling.py does."""
NETWORKS = [name for name in TRAINED if find_recipe(name).model.tuning == "network"]
HEAD_HISTORY = ["epoch", "member", "train_loss", "valid_loss", "seconds"]
NETWORK_HISTORY = ["phase", "epoch", "member", "train_loss", "valid_loss", "valid_auroc",
                   "learning_rate", "images_per_second", "waiting_share", "seconds"]


@pytest.fixture(params=TRAINED)
def run(request: pytest.FixtureRequest, train_small: TrainSmall) -> Path:
    return train_small(request.param)


def test_every_experiment_of_the_study_has_a_recipe() -> None:
    assert [recipe.__name__ for recipe in STUDY] == [
        "metadata_linear", "metadata_mlp", "image_cnn", "image_metadata_cnn", "mobilenetv2_5000",
        "mobilenetv2_10000", "mobilenetv2_5000_unbalanced_valid", "mobilenetv2_5000_unbalanced",
        "mobilenetv2_5000_aug", "mobilenetv2_5000_aug_frozen", "resnet50_5000",
        "mobilenetv2_5000_metadata", "multiclass_frozen", "multiclass_finetuned"]
    assert {recipe.__name__ for recipe in STUDY} <= set(RECIPES)


def test_a_run_holds_what_it_promises(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "bundle", "history.csv", "predictions_valid.parquet", "recipe.json",
        "training.json", "training_images.parquet"]
    files = {path.name for path in (run / "bundle").iterdir()}
    optional = {"weights.safetensors", "context.onnx"}
    assert files - optional == {"MODEL_CARD.md", "manifest.json", "model.onnx"}
    trained = TrainedRun.load(run)
    assert ("weights.safetensors" in files) == (trained.recipe.model.head != "boosting")
    assert trained.summary["parity_difference"] <= 1e-4
    assert trained.summary["num_parameters"] > 0
    assert all(seconds >= 0 for seconds in trained.summary["seconds"].values())


def test_history_has_a_row_an_epoch(run: Path) -> None:
    history = pd.read_csv(run / "history.csv")
    trained = TrainedRun.load(run)
    is_network = trained.recipe.model.tuning == "network"
    assert list(history) == (NETWORK_HISTORY if is_network else HEAD_HISTORY)
    assert len(history) == trained.summary["num_epochs"]
    fit = trained.recipe.fit
    for _, rows in history.groupby("member"):
        assert rows["epoch"].tolist() == list(range(1, len(rows) + 1))
        assert len(rows) <= fit.max_epochs + fit.frozen_epochs
    numbers = history.drop(columns=["phase", "valid_auroc"], errors="ignore")
    assert np.isfinite(numbers.to_numpy(float)).all()


def test_an_image_without_metadata_is_predicted(
    run: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    isic_id = str(prepared.rows("test").index[0])
    (tmp_path / f"{isic_id}.jpg").write_bytes(prepared.store.read(isic_id))
    result = predict(ModelBundle.load(run), [tmp_path])
    assert result.table["error"].isna().all()
    found = result.table[["p_Benign", "p_Malignant"]].to_numpy(float)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


class StoppedError(Exception):
    """Raised in the place of a kill."""


@pytest.mark.parametrize("name", NETWORKS)
def test_an_interrupted_training_goes_on(
    name: str, train_small: TrainSmall, prepared: PreparedData, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = train_small(name)
    recipe = TrainedRun.load(whole).recipe
    encoder = MetadataEncoder.fit(prepared.rows("train"), recipe.metadata.columns)
    finish = loop._finish_epoch

    def stop(*_: object) -> None:
        raise StoppedError

    def run_network() -> FittedNetwork:
        return fit_network(prepared, recipe, encoder, tmp_path / "run", cache=cache,
                           most_cache_bytes=1 << 30, on_stage=lambda _: None)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "READ_EVERY", 1)
    monkeypatch.setattr(loop, "_finish_epoch", stop)
    with pytest.raises(StoppedError):
        run_network()
    monkeypatch.setattr(loop, "_finish_epoch", finish)
    state = run_network().built.network.state_dict()
    stored = load_file(whole / "bundle" / "weights.safetensors")
    assert stored.keys() == state.keys()
    for key, value in stored.items():
        np.testing.assert_array_equal(value, state[key].numpy(), err_msg=key)


def test_unfreezing_that_does_harm_is_taken_back(
    prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    recipe = find_recipe("mobilenetv2_5000").with_settings([
        *SMALL_SETTINGS["mobilenetv2_5000"], "model.backbone=study_cnn", "fit.learning_rate=1",
        "fit.frozen_epochs=3"])
    encoder = MetadataEncoder.fit(prepared.rows("train"), [])
    fitted = fit_network(prepared, recipe, encoder, tmp_path / "run", cache=cache,
                         most_cache_bytes=1 << 30, on_stage=lambda _: None)
    history = fitted.history
    assert history["valid_loss"].iloc[-1] > history["valid_loss"].iloc[:-1].min()
    fresh = build_network(recipe, 0, 2).network.state_dict()
    found = fitted.built.network.state_dict()
    is_stage = [key for key in fresh if key.startswith("stages.")]
    assert is_stage and all(bool((fresh[key] == found[key]).all()) for key in is_stage)


def test_a_cache_that_is_too_small_is_said(
    prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    recipe = find_recipe("finetuned").with_settings(SMALL_SETTINGS["finetuned"])
    with pytest.raises(InputError) as error:
        train(prepared, recipe, tmp_path / "run", cache=cache, most_cache_bytes=1000)
    assert re.fullmatch(
        r"the frozen stages of tf_efficientnet_lite0 would take 0\.0 GB in the cache, allowed are "
        r"0\.0 GB; raise --cache-limit, or lower image\.num_views or image\.size_px, or set "
        r"model\.num_frozen_stages to a later stage", str(error.value))
    assert not (tmp_path / "run").exists()


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
