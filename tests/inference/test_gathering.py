"""What an evaluation knows of a run besides its predictions."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.background import Background
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.gathering import gather_background, list_balancing
from lesionlab.inference.predicting import predict_role
from lesionlab.recipes import find_recipe
from lesionlab.training.ensembling import pack_ensemble


def gather(run: Path, data: PreparedData, role: str = "test") -> Background:
    return gather_background(data, data.rows(role), role,  # type: ignore[arg-type]
                             run=run, bundle=ModelBundle.load(run / "bundle"))


def test_validation_and_training_images_are_scored_by_the_same_model(
    prepared: PreparedData, train_small: TrainSmall
) -> None:
    run = train_small("metadata_linear")
    found = gather(run, prepared)
    assert not found.sees_image
    assert found.metadata_rival is None
    valid, trained = found.others["validation"], found.others["training"]
    assert set(valid.frame.index) == set(prepared.rows("valid").index)
    whole = predict_role(ModelBundle.load(run / "bundle"), prepared, "train").frame
    assert trained.frame["p_Malignant"].to_dict() == pytest.approx(
        whole.loc[trained.frame.index, "p_Malignant"].to_dict())
    assert len(trained) <= len(prepared.rows("test"))
    assert trained.frame["target"].value_counts().nunique() == 1


@pytest.mark.parametrize("role", ["valid", "train", "external"])
def test_other_roles_are_not_compared_with_other_images(
    role: str, prepared: PreparedData, train_small: TrainSmall
) -> None:
    run = train_small("metadata_linear")
    rows = prepared.rows("test" if role == "external" else role)  # type: ignore[arg-type]
    found = gather_background(prepared, rows, role, run=run,
                              bundle=ModelBundle.load(run / "bundle"))
    assert found.others == {}


def test_rivals_of_predictions_of_another_tool_score_the_same_images(
    prepared: PreparedData
) -> None:
    rows = prepared.rows("test")
    found = gather_background(prepared, rows, "test")
    assert found.metadata_rival and found.shortcut_rival
    assert "age_approx" in found.metadata_rival.columns
    assert "file_bytes" in found.shortcut_rival.columns
    for rival in (found.metadata_rival, found.shortcut_rival):
        assert rival.probabilities.index.equals(rows.index)
    assert (found.others, found.balanced_by) == ({}, None)
    assert gather_background(prepared, rows, "external").metadata_rival is None


def test_predictions_of_other_data_are_left_out(
    prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(train_small("metadata_linear"), run)
    table = Predictions.load(run / "predictions_valid.parquet").table
    Predictions(table=table, classes=prepared.classes, role="valid", data_digest="0" * 64).save(
        run / "predictions_valid.parquet")
    assert list(gather(run, prepared).others) == ["training"]


def pack(prepared: PreparedData, members: list[Path], out: Path) -> Path:
    return pack_ensemble(prepared, find_recipe("ensemble").with_settings(
        [f"model.members={','.join(map(str, members))}"]), members, out).folder


def test_an_ensemble_of_runs_has_not_seen_validation_images(
    prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    members = [train_small("metadata_linear"), train_small("prevalence")]
    assert list(gather(pack(prepared, members, tmp_path / "both"), prepared).others) == [
        "validation", "training"]


def test_an_ensemble_of_folds_is_compared_out_of_fold(
    prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    members = [train_small("metadata_linear"), train_small("prevalence")]
    run = pack(prepared, members, tmp_path / "ensemble")
    bundle = ModelBundle.load(run / "bundle")
    folds = [member | {"data": "1" * 64} for member in bundle.manifest["members"]]
    of_folds = ModelBundle(folder=bundle.folder, manifest=bundle.manifest | {"members": folds})
    rows = prepared.rows("test")
    found = gather_background(prepared, rows, "test", run=run, bundle=of_folds)
    assert list(found.others) == ["training"]  # it has seen validation images, and no fold is left
    Predictions.load(run / "predictions_valid.parquet").save(
        tmp_path / "predictions_out_of_fold.parquet")
    artifacts.write_json(tmp_path / "folds.json", {"folds": folds})
    found = gather_background(prepared, rows, "test", run=run, bundle=of_folds)
    assert list(found.others) == ["cross-validation", "training"]
    artifacts.write_json(tmp_path / "folds.json", {"folds": folds[::-1]})
    found = gather_background(prepared, rows, "test", run=run, bundle=of_folds)
    assert list(found.others) == ["training"]


@pytest.mark.parametrize(("settings", "expected"), [
    ([], ()),
    (["sample.train_images=50"], ()),
    (["sample.train_per_class=50"], ("sample.train_per_class=50",)),
    (["fit.sampler=balanced", "fit.class_weight_power=0.5"],
     ("fit.sampler=balanced", "fit.class_weight_power=0.5")),
])
def test_settings_that_balance_are_named(settings: list[str], expected: tuple[str, ...]) -> None:
    recipe = find_recipe("image_frozen").with_settings(settings)
    assert list_balancing(recipe.to_dict()) == expected


def test_the_same_training_images_are_drawn_each_time(
    prepared: PreparedData, train_small: TrainSmall
) -> None:
    run = train_small("metadata_linear")
    one, two = (gather(run, prepared).others["training"] for _ in range(2))
    assert one.digest == two.digest
    assert np.isfinite(one.probabilities).all()
