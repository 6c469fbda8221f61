"""A stack is trained out of fold, packed in two passes, and compares a patient's images."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import TrainSmall
from factories import clean_frame
from lesionlab.core.errors import BundleError, InputError, RecipeError
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.patient_context import list_context_columns
from lesionlab.inference.predicting import PredictedImages, predict
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.heads import DenseHead, Layer
from lesionlab.recipes import find_recipe
from lesionlab.training.ensemble_members import check_members
from lesionlab.training.features import Clock
from lesionlab.training.packing import TrainedParts
from lesionlab.training.run import TrainedRun
from lesionlab.training.sampling import sample_rows
from lesionlab.training.solving import HeadRows, fit_head
from lesionlab.training.stacked_model import (
    StackedModel,
    check_stack_parity,
    find_scores,
    name_scores,
    write_stack,
)
from lesionlab.training.stacking import (
    NUM_FOLDS,
    build_tree_rows,
    draw_folds_of_train,
    fit_fold_heads,
    fit_stack,
)
from lesionlab.training.trained import FeatureModel

RECIPE = find_recipe("stack_boosting")
PASSES = ["p_Benign", "p_Malignant"]


@pytest.fixture(scope="module")
def run(train_small: TrainSmall) -> TrainedRun:
    return TrainedRun.load(train_small("stack_boosting", "image.size_px=64", "image.num_views=2"))


@pytest.fixture(scope="module")
def photos(prepared: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The valid role as files."""
    folder = tmp_path_factory.mktemp("photos")
    for isic_id in prepared.rows("valid").index:
        (folder / f"{isic_id}.jpg").write_bytes(prepared.store.read(str(isic_id)))
    return folder


def write_table(data: PreparedData, path: Path, *left_out: str) -> Path:
    data.rows("valid").drop(columns=[*left_out]).reset_index().to_parquet(path)
    return path


def read_probabilities(found: PredictedImages) -> np.ndarray:
    assert found.table["error"].isna().all()
    return found.table[PASSES].to_numpy(float)


def count_images_of_patient(rows: pd.DataFrame) -> np.ndarray:
    return rows.groupby("patient_id")["target"].transform("size").to_numpy()


def test_a_run_holds_both_passes(run: TrainedRun, prepared: PreparedData) -> None:
    files = {path.name for path in run.bundle.folder.iterdir()}
    assert files == {"MODEL_CARD.md", "context.onnx", "manifest.json", "model.onnx",
                     "weights.safetensors"}
    manifest = run.bundle.manifest
    assert manifest["format_version"] == 2
    assert manifest["context"] == {"scores": ["log_odds_Malignant"],
                                   "measures": ["clin_size_long_diam_mm"]}
    assert run.summary["parity_difference"] <= 1e-4
    assert run.summary["computed"] == {"num_train": len(prepared.rows("train"))}
    history = pd.read_csv(run.folder / "history.csv")
    assert history["member"].unique().tolist() == [*range(NUM_FOLDS + 1)]
    assert len(history) == run.summary["num_epochs"]
    assert np.isfinite(history.to_numpy(float)).all()
    stored = Predictions.load(run.folder / "predictions_valid.parquet")
    assert manifest["thresholds"] == choose_thresholds(stored)


def test_the_card_says_that_images_are_compared(run: TrainedRun) -> None:
    lines = (run.bundle.folder / "MODEL_CARD.md").read_text().splitlines()
    assert ("- Patients: images of one patient (`patient_id`) that are given together are compared "
            "with each other, by log_odds_Malignant, clin_size_long_diam_mm; what is predicted for "
            "one then depends on the others. An image without others of its patient is predicted "
            "by itself.") in lines


def test_files_are_predicted_as_stored_images_are(
    run: TrainedRun, prepared: PreparedData, photos: Path, tmp_path: Path
) -> None:
    stored = Predictions.load(run.folder / "predictions_valid.parquet")
    table = write_table(prepared, tmp_path / "table.parquet")
    found = predict(run.bundle, [photos], metadata=table)
    assert found.table["isic_id"].tolist() == list(stored.frame.index)
    np.testing.assert_allclose(read_probabilities(found), stored.probabilities, rtol=0, atol=1e-6)
    compared = count_images_of_patient(prepared.rows("valid")) > 1
    assert found.notes[-1] == (
        f"{compared.sum()} of {len(compared)} images were compared with others of their patient; "
        "what is predicted for them depends on which of these are given together")


def test_the_patient_changes_only_what_has_others_beside_it(
    run: TrainedRun, prepared: PreparedData, photos: Path, tmp_path: Path
) -> None:
    together = predict(run.bundle, [photos],
                       metadata=write_table(prepared, tmp_path / "known.parquet"))
    apart = predict(run.bundle, [photos],
                    metadata=write_table(prepared, tmp_path / "unknown.parquet", "patient_id"))
    differs = np.abs(read_probabilities(together) - read_probabilities(apart)).max(axis=1) > 1e-6
    compared = count_images_of_patient(prepared.rows("valid")) > 1
    assert not differs[~compared].any()
    assert differs[compared].mean() > 0.5


def test_images_without_metadata_and_one_image_are_predicted(
    run: TrainedRun, prepared: PreparedData, photos: Path, tmp_path: Path
) -> None:
    bare = read_probabilities(predict(run.bundle, [photos]))
    assert np.isfinite(bare).all()
    np.testing.assert_allclose(bare.sum(axis=1), 1, atol=1e-6)
    first = sorted(photos.iterdir())[0]
    np.testing.assert_allclose(read_probabilities(predict(run.bundle, [first])), bare[:1],
                               atol=1e-5)
    known = write_table(prepared, tmp_path / "known.parquet")
    unknown = write_table(prepared, tmp_path / "unknown.parquet", "patient_id")
    found = [read_probabilities(predict(run.bundle, [first], metadata=table))
             for table in (known, unknown)]
    np.testing.assert_array_equal(found[0], found[1])


def test_it_cannot_be_a_member(
    run: TrainedRun, prepared: PreparedData, train_small: TrainSmall
) -> None:
    other = TrainedRun.load(train_small("metadata_linear"))
    with pytest.raises(InputError) as error:
        check_members([other, run], prepared, may_have_seen_valid=False)
    assert str(error.value) == (
        f"these runs cannot be one ensemble:\n  - {run.folder} compares a patient's images with "
        "each other, which an ensemble cannot do; leave it out")


def draw_rows(num_images: int, num_views: int, num_classes: int, seed: int) -> HeadRows:
    rng = np.random.default_rng(seed)
    target = np.repeat(rng.integers(0, num_classes, num_images), num_views)
    features = rng.normal(size=(len(target), 3)).astype(np.float32)
    features[:, 0] += target
    return HeadRows(features=features, target_index=target)


def test_no_image_is_scored_by_a_head_that_saw_its_fold() -> None:
    train, valid = draw_rows(60, 2, 2, seed=0), draw_rows(20, 1, 2, seed=1)
    folds = np.arange(60) % NUM_FOLDS
    found = fit_fold_heads(RECIPE, train, valid, folds, 2)
    assert len(found.head.members) == NUM_FOLDS
    # Labels of a fold that are turned around change every other fold's scores, not its own.
    is_first = np.repeat(folds == 0, 2)
    turned = HeadRows(features=train.features,
                      target_index=np.where(is_first, 1 - train.target_index, train.target_index))
    again = fit_fold_heads(RECIPE, turned, valid, folds, 2)
    np.testing.assert_array_equal(found.logits[folds == 0], again.logits[folds == 0])
    assert (found.logits[folds != 0] != again.logits[folds != 0]).all()
    first = DenseHead(members=found.head.members[:1])
    np.testing.assert_array_equal(found.logits[folds == 0],
                                  first.logits(train.features[::2][folds == 0]))


def test_groups_stay_in_one_fold_and_too_few_are_refused() -> None:
    rows = clean_frame(100).assign(group_id=[f"G{number // 4}" for number in range(100)])
    folds = draw_folds_of_train(rows, seed=0)
    assert folds.index.equals(rows.index)
    assert folds.groupby(rows["group_id"]).nunique().eq(1).all()
    assert sorted(folds.unique()) == [*range(NUM_FOLDS)]
    with pytest.raises(InputError) as error:
        draw_folds_of_train(rows.iloc[:12], seed=0)
    assert str(error.value) == ("the train role holds 3 groups, and a stack needs 5, one for each "
                                "fold of its scores; prepare more data")


def test_each_row_is_learned_with_and_without_its_patient(prepared: PreparedData) -> None:
    encoder = MetadataEncoder.fit(prepared.rows("train"), ["sex", "clin_size_long_diam_mm"])
    sampled = sample_rows(prepared, RECIPE, "train")
    number = len(sampled.rows)
    scores = np.random.default_rng(0).normal(size=(number, 1)).astype(np.float32)
    found = build_tree_rows(prepared, encoder, sampled, scores)
    width = 1 + len(encoder.feature_names)
    known, alone = found.features[:number], found.features[number:]
    np.testing.assert_array_equal(known[:, :width], alone[:, :width])
    assert np.isnan(alone[:, width:]).all()
    has_context = ~np.isnan(known[:, width:]).all(axis=1)
    np.testing.assert_array_equal(has_context, count_images_of_patient(sampled.rows) > 1)
    np.testing.assert_array_equal(found.target_index, np.tile(sampled.target_index, 2))
    nobody = dataclasses.replace(sampled, rows=sampled.rows.drop(columns="patient_id"))
    once = build_tree_rows(prepared, encoder, nobody, scores)
    np.testing.assert_array_equal(once.features, alone)


def test_scores_of_several_classes_are_their_log_probabilities() -> None:
    logits = np.array([[1, 2, 3], [0, 0, 0]], np.float32)
    scores = find_scores(logits)
    assert name_scores("abc") == ("log_p_a", "log_p_b", "log_p_c")
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(scores, find_scores(logits + 5), atol=1e-6)


def test_a_stack_without_a_backbone_is_refused(prepared: PreparedData, tmp_path: Path) -> None:
    recipe = RECIPE.with_settings(["model.backbone="])
    with pytest.raises(RecipeError) as error:
        fit_stack(prepared, recipe, MetadataEncoder(codes=()), tmp_path, Clock())
    assert str(error.value) == ("a stack reads the scores of images, and model.backbone is empty: "
                                "set it, or take --recipe metadata_boosting")


def draw_judge(width: int, num_context: int, num_classes: int) -> FeatureModel:
    """Trees that read every column; half of the rows have no context."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(800, width)).astype(np.float32)
    target = (features.sum(axis=1) > 0) + rng.integers(0, num_classes - 1, 800)
    features[::2, width - num_context:] = np.nan
    rows = HeadRows(features=features, target_index=target.astype(np.int64))
    recipe = find_recipe("metadata_boosting").with_settings(["fit.max_epochs=15"])
    head = fit_head(recipe, rows, rows, num_classes).head
    return FeatureModel(backbone=None, exported=None, head=head, num_metadata=width)


@pytest.mark.parametrize("columns", [["age_approx", "sex"], []])
@pytest.mark.parametrize("classes", [("Benign", "Malignant"), ("a", "b", "c")])
def test_both_graphs_compute_what_trees_do(
    prepared: PreparedData, tmp_path: Path, classes: tuple[str, ...], columns: list[str]
) -> None:
    encoder = MetadataEncoder.fit(prepared.rows("train"), columns)
    num_metadata, number = len(encoder.feature_names), len(classes)
    num_scores = len(name_scores(classes))
    num_context = len(list_context_columns(name_scores(classes)))
    rng = np.random.default_rng(1)
    head = DenseHead(members=((Layer(rng.normal(size=(num_metadata, number)).astype(np.float32),
                                     rng.normal(size=number).astype(np.float32)),),))
    model = StackedModel(  # whose scorer reads metadata in the place of images
        scorer=FeatureModel(backbone=None, exported=None, head=head, num_metadata=num_metadata),
        judge=draw_judge(num_scores + num_metadata + num_context, num_context, number),
        classes=classes, measures=())
    shift = rng.normal(size=number)
    parts = TrainedParts(recipe=RECIPE, encoder=encoder, preprocessing=None, model=model,
                         logit_shift=shift, temperature=1.7)
    target = {"name": "malignancy", "classes": list(classes)}
    data = dataclasses.replace(prepared, manifest=prepared.manifest | {"target": target})
    bundle = write_stack(tmp_path, parts, data)
    rows = prepared.rows("valid")
    outputs, encoded = bundle.run_all(None, rows), encoder.encode(rows)
    alone, scores = outputs[:, :number], outputs[:, number:]
    np.testing.assert_allclose(scores, find_scores(head.logits(encoded)), atol=1e-5)

    def calibrate(logits: np.ndarray) -> np.ndarray:
        shares = np.exp((logits + shift) / 1.7)
        return shares / shares.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(alone, calibrate(model.judge_scores(scores, encoded, None)),
                               atol=1e-5)
    context = rng.normal(size=(len(rows), num_context)).astype(np.float32)
    context[rng.random(context.shape) < 0.3] = np.nan
    found = bundle.run_context(scores, context, rows)
    np.testing.assert_allclose(found, calibrate(model.judge_scores(scores, encoded, context)),
                               atol=1e-5)
    assert np.abs(found - alone).max() > 0.01
    unknown = np.full_like(context, np.nan)
    np.testing.assert_array_equal(bundle.run_context(scores, unknown, rows), alone)


def test_a_bundle_that_computes_something_else_is_refused(
    prepared: PreparedData, cache: Path, run: TrainedRun, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = MetadataEncoder.fit(prepared.rows("train"), run.recipe.metadata.columns)
    parts = fit_stack(prepared, run.recipe, encoder, cache, Clock()).parts
    bundle = write_stack(tmp_path, parts, prepared)
    assert check_stack_parity(bundle, parts, prepared) <= 1e-4
    model = parts.model
    assert isinstance(model, StackedModel) and isinstance(model.scorer.head, DenseHead)
    one_head = DenseHead(members=model.scorer.head.members[:1])
    other_scorer = dataclasses.replace(model, scorer=dataclasses.replace(
        model.scorer, head=one_head))
    assert is_refused(bundle, parts, other_scorer, prepared, "scores")
    other_judge = dataclasses.replace(model, judge=draw_judge(
        model.judge.num_metadata, model.num_context, 2))
    assert is_refused(bundle, parts, other_judge, prepared, "first pass")
    monkeypatch.setattr(ModelBundle, "run_context", lambda *_: np.full((1, 2), np.nan))
    assert is_refused(bundle, parts, model, prepared, "second pass")


def is_refused(
    bundle: ModelBundle, parts: TrainedParts, model: StackedModel, data: PreparedData, what: str
) -> bool:
    with pytest.raises(BundleError) as error:
        check_stack_parity(bundle, dataclasses.replace(parts, model=model), data)
    return str(error.value).startswith(
        f"the bundle does not compute what was trained: in its {what} probabilities differ by "
        "up to ") and str(error.value).endswith("; the bundle was not written")
