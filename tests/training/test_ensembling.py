"""An ensemble is the mean of its members, or is refused."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conftest import TrainSmall
from lesionlab.core.errors import BundleError, InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.core.settings import ModelSettings
from lesionlab.dataset.deriving import derive
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.calibration import fit_temperature
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.comparing import compare
from lesionlab.inference.predicting import predict_role
from lesionlab.inference.scoring import evaluate
from lesionlab.recipes import find_recipe
from lesionlab.training import ensembling
from lesionlab.training.ensemble_members import check_members, load_training_data, temper
from lesionlab.training.ensembling import pack_ensemble
from lesionlab.training.fit import train
from lesionlab.training.run import TrainedRun

RECIPE = Recipe(name="ensemble", model=ModelSettings(head="ensemble", members=("a", "b")))
TABLES = ("metadata_linear", "metadata_boosting", "prevalence")


@pytest.fixture(scope="module")
def members(train_small: TrainSmall) -> list[Path]:
    return [train_small(name) for name in TABLES]


@pytest.fixture(scope="module")
def packed(
    prepared: PreparedData, members: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> TrainedRun:
    out = tmp_path_factory.mktemp("ensemble") / "run"
    return pack_ensemble(prepared, RECIPE, members, out)


def read_probabilities(predictions: Predictions) -> pd.DataFrame:
    return predictions.frame[[f"p_{name}" for name in predictions.classes]]


def mean_of(data: PreparedData, members: list[Path]) -> pd.DataFrame:
    """The mean of the members' own predictions, by id."""
    frames = [read_probabilities(predict_role(ModelBundle.load(run), data, "valid"))
              for run in members]
    return sum(frames[1:], frames[0]) / len(frames)


def read_thresholds(run: TrainedRun) -> Any:
    return run.bundle.manifest["thresholds"]


def test_the_probabilities_are_the_mean_of_the_members(
    packed: TrainedRun, prepared: PreparedData, members: list[Path]
) -> None:
    found = predict_role(packed.bundle, prepared, "valid")
    pd.testing.assert_frame_equal(read_probabilities(found), mean_of(prepared, members),
                                  rtol=0, atol=1e-6)
    assert packed.summary["parity_difference"] <= 1e-6
    stored = Predictions.load(packed.folder / "predictions_valid.parquet")
    assert stored.digest == found.digest
    assert read_thresholds(packed) == choose_thresholds(found)


@pytest.mark.slow
def test_members_that_see_images_share_the_backbone(
    prepared: PreparedData, train_small: TrainSmall, tmp_path: Path
) -> None:
    members = [train_small("image_frozen"), train_small("fusion_frozen"),
               train_small("metadata_linear")]
    bundle = pack_ensemble(prepared, RECIPE, members, tmp_path / "run").bundle
    found = read_probabilities(predict_role(bundle, prepared, "valid"))
    pd.testing.assert_frame_equal(found, mean_of(prepared, members), rtol=0, atol=1e-6)
    sizes = [(run / "bundle" / "model.onnx").stat().st_size for run in (*members, tmp_path / "run")]
    assert sizes[-1] < 1.3 * sizes[0]
    assert "licence Apache-2.0" in (bundle.folder / "MODEL_CARD.md").read_text()


def test_the_run_says_what_it_is_made_of(packed: TrainedRun, members: list[Path]) -> None:
    summary = packed.summary
    assert summary.keys() == {"parity_difference", "temperature", "num_parameters", "num_epochs",
                              "data", "notes", "seconds"}
    assert (summary["temperature"], set(summary["seconds"])) == (1.0, {"members", "packing"})
    history = pd.read_csv(packed.folder / "history.csv")
    assert list(history.columns) == ["member", "run", "recipe", "num_epochs", "seconds"]
    assert list(history["recipe"]) == list(TABLES)
    assert [(packed.folder / run).resolve() for run in history["run"]] == [
        run.resolve() for run in members]
    assert history["num_epochs"].sum() == summary["num_epochs"]
    manifest = packed.bundle.manifest
    assert [member["bundle"] for member in manifest["members"]] == [
        ModelBundle.load(run).digest for run in members]
    assert packed.recipe == RECIPE


def test_the_card_names_the_members(packed: TrainedRun) -> None:
    lines = (packed.bundle.folder / "MODEL_CARD.md").read_text().splitlines()
    bundles = [member["bundle"][:16] for member in packed.bundle.manifest["members"]]
    assert ("- Output: the mean of the probabilities of 3 models, calibrated each on its own."
            in lines)
    for number, (name, bundle) in enumerate(zip(TABLES, bundles, strict=True)):
        assert f"- Member {number}: recipe `{name}`, bundle `{bundle}`." in lines
    assert packed.summary["notes"][0] in lines
    assert any(line.startswith("The graph was compared with the members' own bundles on")
               for line in lines)


def test_parameters_are_summed_where_all_are_known(
    prepared: PreparedData, members: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = TrainedRun.load

    def count(*numbers: int | None) -> Any:
        known = dict(zip(members, numbers, strict=True))
        out = tmp_path / str(numbers)
        with monkeypatch.context() as patch:
            patch.setattr(TrainedRun, "load", lambda folder: dataclasses.replace(
                load(folder), summary=load(folder).summary | {"num_parameters": known[folder]})
                if folder in known else load(folder))
            return pack_ensemble(prepared, RECIPE, members, out).summary["num_parameters"]

    assert count(3, 4, 5) == 12
    assert count(3, None, 5) is None


def test_it_is_evaluated_and_compared_like_any_run(
    packed: TrainedRun, members: list[Path], tmp_path: Path
) -> None:
    result = evaluate(packed.folder)
    member = shutil.copytree(members[0], tmp_path / "member")
    evaluate(member)
    assert result.report.context.recipe == "ensemble"
    table = compare([packed.folder, member]).rows
    assert set(table["name"]) == {"run", "member"}


def test_the_same_ensemble_is_found_again_and_another_is_refused(
    packed: TrainedRun, prepared: PreparedData, members: list[Path]
) -> None:
    before = packed.folder.stat().st_mtime_ns
    assert pack_ensemble(prepared, RECIPE, members, packed.folder) == packed
    assert packed.folder.stat().st_mtime_ns == before
    with pytest.raises(StoreError) as error:
        pack_ensemble(prepared, RECIPE, members[:2], packed.folder)
    assert str(error.value) == (
        f"{packed.folder} exists and is not the ensemble of these runs on these data; remove it "
        "or choose another --out")


def test_a_graph_that_does_not_give_the_mean_is_not_written(
    prepared: PreparedData, members: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = ensembling.join_graphs
    monkeypatch.setattr(ensembling, "join_graphs", lambda models, _: join(models[:2]))
    with pytest.raises(BundleError) as error:
        pack_ensemble(prepared, RECIPE, members, tmp_path / "run")
    text = str(error.value)
    assert text.startswith("the ensemble does not give the mean of its members: probabilities "
                           "differ by up to 0.")
    assert text.endswith("more; the bundle was not written")
    assert list(tmp_path.iterdir()) == []


def test_unseen_predictions_give_temperature_and_thresholds(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    unseen = dataclasses.replace(
        predict_role(ModelBundle.load(members[0]), prepared, "train"), role="out_of_fold")
    run = pack_ensemble(prepared, RECIPE, members[:2], tmp_path / "run", unseen=unseen)
    temperature = fit_temperature(np.log(unseen.probabilities), unseen.target_index)
    assert run.summary["temperature"] == pytest.approx(temperature, abs=1e-6)
    valid = [predict_role(ModelBundle.load(member), prepared, "valid") for member in members[:2]]
    expected = np.mean([temper(item.probabilities, temperature) for item in valid], axis=0)
    found = predict_role(run.bundle, prepared, "valid")
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-6)
    cut = read_thresholds(run)["Malignant"]["max_youden"]
    assert np.isclose(cut, temper(unseen.probabilities, temperature)[:, 1], atol=1e-6).any()
    note = (f"The thresholds, and the temperature of each member before the mean, are chosen on "
            f"{len(unseen)} predictions of role out_of_fold, each by a member that had not seen "
            "the image. Members were trained on images of the valid role, so the scores of "
            "predictions_valid.parquet are too good.")
    assert run.summary["notes"] == [note]
    card = (run.bundle.folder / "MODEL_CARD.md").read_text()
    assert note in card
    assert f"each at temperature {temperature:.3f} before the mean." in card


def test_one_run_is_no_ensemble(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        pack_ensemble(prepared, RECIPE, members[:1], tmp_path / "run")
    assert str(error.value) == ("an ensemble needs two or more runs, got 1; name them by "
                                "--set model.members=RUN,RUN")


def test_a_folder_that_is_no_run_is_refused(prepared: PreparedData, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        pack_ensemble(prepared, RECIPE, [tmp_path], tmp_path / "run")
    assert str(error.value) == (f"{tmp_path} is not a run: it has no training.json; make one with: "
                                f"lesionlab train DATA --recipe R --out {tmp_path}")


def change(member: TrainedRun, name: str, **manifest: Any) -> TrainedRun:
    bundle = dataclasses.replace(member.bundle, manifest=member.bundle.manifest | manifest)
    return dataclasses.replace(member, bundle=bundle, folder=Path(name))


def test_members_that_predict_or_see_something_else_are_named(
    prepared: PreparedData, members: list[Path]
) -> None:
    run = TrainedRun.load(members[0])
    alike = [change(run, "a", preprocessing={"size_px": 64, "decode_side": 64}),
             change(run, "b", preprocessing={"size_px": 96, "decode_side": 64}),
             change(run, "c", classes=["Malignant", "Benign"])]
    with pytest.raises(InputError) as error:
        check_members(alike, prepared, may_have_seen_valid=False)
    assert str(error.value) == (
        "these runs cannot be one ensemble:\n"
        f"  - c predicts malignancy (Malignant, Benign), {prepared.folder} is of malignancy "
        "(Benign, Malignant)\n"
        "  - a and b prepare images differently: size_px 64 and 96")


def derive_run(data: PreparedData, folder: Path, frame: pd.DataFrame) -> Path:
    own = derive(data, folder / "data", frame, target=(data.target, data.classes), note="changed")
    return train(own, find_recipe("metadata_linear"), folder / "run").folder


def swap_roles(frame: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    return frame.assign(role=frame["role"].replace({a: b, b: a}))


def check_pair(prepared: PreparedData, first: Path, second: Path, *, seen: bool = False) -> str:
    with pytest.raises(InputError) as error:
        check_members([TrainedRun.load(first), TrainedRun.load(second)], prepared,
                      may_have_seen_valid=seen)
    return str(error.value)


def test_a_member_that_was_trained_on_test_images_is_refused(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    run = derive_run(prepared, tmp_path, swap_roles(prepared.frame, "train", "test"))
    number = len(prepared.rows("test"))
    assert f"{run} was trained on {number} test images of {prepared.folder}: ISIC_" in check_pair(
        prepared, members[0], run, seen=True)


def test_a_member_that_was_trained_on_valid_images_needs_unseen_predictions(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    run = derive_run(prepared, tmp_path, swap_roles(prepared.frame, "train", "valid"))
    number = len(prepared.rows("valid"))
    assert (f"{run} was trained on {number} valid images of {prepared.folder}, on which thresholds "
            "are chosen: ISIC_") in check_pair(prepared, members[0], run)
    pair = [TrainedRun.load(members[0]), TrainedRun.load(run)]
    check_members(pair, prepared, may_have_seen_valid=True)


def test_a_member_that_was_trained_on_other_targets_is_refused(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    frame = prepared.frame.copy()
    first = frame.index[0]
    frame.loc[first, "target"] = ({"Benign", "Malignant"} - {frame.loc[first, "target"]}).pop()
    run = derive_run(prepared, tmp_path, frame)
    assert check_pair(prepared, members[0], run) == (
        "these runs cannot be one ensemble:\n"
        f"  - {run} was trained with other targets for 1 images of {prepared.folder}: {first}")


def test_a_member_of_unrelated_data_is_refused(
    prepared: PreparedData, members: list[Path], tmp_path: Path
) -> None:
    run = derive_run(prepared, tmp_path, prepared.frame.iloc[3:])
    own = PreparedData.load(tmp_path / "data")
    pair = [TrainedRun.load(run), TrainedRun.load(members[0])]
    with pytest.raises(InputError) as error:
        check_members(pair, own, may_have_seen_valid=True)
    assert str(error.value) == (
        "these runs cannot be one ensemble:\n"
        f"  - {members[0]} was trained on data {prepared.digest[:12]}, which are neither "
        f"{own.folder} ({own.digest[:12]}) nor derived from it")


def test_data_that_are_gone_or_changed_are_said(prepared: PreparedData, tmp_path: Path) -> None:
    member = TrainedRun.load(derive_run(prepared, tmp_path, prepared.frame.iloc[3:]))
    data, digest = tmp_path / "data", member.bundle.manifest["digests"]["data"]
    data.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError) as error:
        load_training_data(member)
    assert str(error.value) == (f"the data of {member.folder} are no longer at {data}; put them "
                                "there, or train the run again")
    other = derive(prepared, data, prepared.frame, note="changed",
                   target=(prepared.target, prepared.classes))
    with pytest.raises(StoreError) as error:
        load_training_data(member)
    assert str(error.value) == (f"{member.folder} was trained on data {digest[:12]}, "
                                f"and {data} holds {other.digest[:12]} now; train the run again")
