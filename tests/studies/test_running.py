"""A study runs all it can, goes on where it was stopped, and knows when it measures nothing."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import SMALL_SETTINGS
from factories import clean_frame, make_prepared
from lesionlab.core import artifacts
from lesionlab.core.errors import RecipeError
from lesionlab.dataset.deriving import derive
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.leaderboard_files import load_leaderboards
from lesionlab.recipes import RECIPES, metadata_linear
from lesionlab.studies import running
from lesionlab.studies.running import Study, study
from lesionlab.studies.suites import CONTROL

PAIR = ("prevalence", "metadata_linear")


def run_pair(data: PreparedData, out: Path, **arguments: Any) -> Study:
    return study(data, out, recipes=PAIR, **arguments)


def list_states(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file each is and when it was written."""
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(prepared: PreparedData, cache: Path, tmp_path_factory: pytest.TempPathFactory
             ) -> Study:
    """A study with an image recipe and its control; do not change it."""
    settings = [f"image_frozen:{setting}" for setting in SMALL_SETTINGS["image_frozen"]]
    return study(prepared, tmp_path_factory.mktemp("study") / "out",
                 recipes=[*PAIR, "image_frozen"], control="image_frozen",
                 settings=[*settings, "metadata.columns=age_approx,sex"], cache=cache)


def test_every_recipe_has_a_run_with_a_report(finished: Study) -> None:
    assert list(finished.runs) == [*PAIR, "image_frozen", CONTROL]
    assert finished.failures == {}
    for run in finished.runs.values():
        assert (run / "report" / "report.html").is_file()
        assert (run / "bundle").is_dir()


def test_the_leaderboard_is_written_with_the_control_apart(
    finished: Study, prepared: PreparedData
) -> None:
    board, = load_leaderboards(finished.folder / "leaderboard")
    assert finished.leaderboards["malignancy"].digest == board.digest
    assert set(board.rows["name"]) == set(finished.runs)
    assert list(board.rows[board.rows["is_control"]]["name"]) == [CONTROL]
    assert board.n_images == len(prepared.rows("test"))
    assert {path.name for path in (finished.folder / "leaderboard").iterdir()} == {
        "leaderboard.json", "leaderboard.csv", "leaderboard.html"}


def test_what_was_set_is_recorded_and_said(finished: Study) -> None:
    told = artifacts.read_json(finished.folder / "study.json")
    settings = {row["name"]: row["settings"] for row in told["experiments"]}
    assert settings == {
        "prevalence": [], "metadata_linear": ["metadata.columns=age_approx,sex"],
        "image_frozen": SMALL_SETTINGS["image_frozen"], CONTROL: SMALL_SETTINGS["image_frozen"]}
    rows = finished.leaderboards["malignancy"].rows.set_index("name")
    assert rows["said"]["metadata_linear"] == "set: metadata.columns=age_approx,sex"
    assert "image_frozen on labels joined by position" in rows["said"][CONTROL]
    assert rows["published"]["metadata_linear"] == "precision-recall curve only"


def test_the_lines_judge_the_control(finished: Study) -> None:
    judged = [line for line in finished.lines if line.startswith(f"{CONTROL}: ")]
    assert len(judged) == 1
    assert "0.5 is " in judged[0]


def test_a_finished_study_is_not_repeated(
    finished: Study, prepared: PreparedData, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list_states(finished.folder / "runs")
    settings = [f"image_frozen:{setting}" for setting in SMALL_SETTINGS["image_frozen"]]
    again = study(prepared, finished.folder, recipes=[*PAIR, "image_frozen"],
                  control="image_frozen", cache=cache,
                  settings=[*settings, "metadata.columns=age_approx,sex"])
    assert list_states(finished.folder / "runs") == before
    assert again.leaderboards["malignancy"].digest == finished.leaderboards["malignancy"].digest
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "[1/4] prevalence", "[2/4] metadata_linear", "[3/4] image_frozen", f"[4/4] {CONTROL}"]
    assert told[0].startswith("[1/4] prevalence: AUROC 0.50 (")
    assert told[0].endswith(" s")


def test_a_killed_study_goes_on_behind_what_is_finished(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = running.train

    def train_until_killed(data: PreparedData, recipe: Any, out: Path, **rest: Any) -> Any:
        if recipe.name == "metadata_linear":
            raise KeyboardInterrupt
        return train(data, recipe, out, **rest)

    monkeypatch.setattr(running, "train", train_until_killed)
    with pytest.raises(KeyboardInterrupt):
        run_pair(prepared, tmp_path / "out")
    before = list_states(tmp_path / "out" / "runs" / "prevalence")
    monkeypatch.undo()
    done = run_pair(prepared, tmp_path / "out")
    assert list(done.runs) == list(PAIR)
    assert list_states(tmp_path / "out" / "runs" / "prevalence") == before


def test_a_run_without_its_report_is_evaluated_and_not_trained(
    prepared: PreparedData, tmp_path: Path
) -> None:
    run = run_pair(prepared, tmp_path / "out").runs["metadata_linear"]
    before = list_states(run / "bundle")
    shutil.rmtree(run / "report")
    run_pair(prepared, tmp_path / "out")
    assert (run / "report" / "report.json").is_file()
    assert list_states(run / "bundle") == before


def test_a_failure_is_kept_and_the_rest_goes_on(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str]
) -> None:
    train = running.train

    def train_with_bug(data: PreparedData, recipe: Any, out: Path, **rest: Any) -> Any:
        if recipe.name == "prevalence":
            raise ZeroDivisionError("a bug")
        return train(data, recipe, out, **rest)

    monkeypatch.setattr(running, "train", train_with_bug)
    out, missing = tmp_path / "out", tmp_path / "own.pth"
    recipes = [*PAIR, "image_frozen"]
    done = study(prepared, out, recipes=recipes, settings=[f"model.weights=file:{missing}"])
    assert list(done.runs) == ["metadata_linear"]
    assert list(done.failures) == ["prevalence", "image_frozen"]
    assert done.failures["prevalence"] == "ZeroDivisionError: a bug"
    assert str(missing) in done.failures["image_frozen"]
    assert done.lines[-2] == "failed: prevalence: ZeroDivisionError: a bug"
    assert "Traceback" in (out / "runs" / "prevalence.failed.txt").read_text()
    assert "Traceback" not in (out / "runs" / "image_frozen.failed.txt").read_text()
    assert "[1/3] prevalence: failed, " in capsys.readouterr().err
    failures = [row["failure"] for row in
                artifacts.read_json(out / "study.json")["experiments"]]
    assert failures == [done.failures["prevalence"], None, done.failures["image_frozen"]]
    page = (out / "leaderboard" / "leaderboard.html").read_text()
    assert "<h2 id=\"failed-h\">Not in the table</h2>" in page and "ZeroDivisionError" in page
    monkeypatch.undo()
    again = run_pair(prepared, out)
    assert again.failures == {}
    assert "Not in the table" not in (out / "leaderboard" / "leaderboard.html").read_text()
    assert not (out / "runs" / "prevalence.failed.txt").exists()


def test_a_study_of_which_nothing_ran_has_no_leaderboard(
    prepared: PreparedData, tmp_path: Path
) -> None:
    done = study(prepared, tmp_path / "out", recipes=["image_frozen"],
                 settings=[f"model.weights=file:{tmp_path / 'own.pth'}"])
    assert (done.runs, done.leaderboards) == ({}, {})
    assert len(done.lines) == 1
    assert not (tmp_path / "out" / "leaderboard").exists()


def test_an_unknown_recipe_is_said_before_anything_starts(
    prepared: PreparedData, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as caught:
        study(prepared, tmp_path / "out", recipes=["prevalence", "metadata_liner"])
    assert str(caught.value) == "no recipe 'metadata_liner'; did you mean 'metadata_linear'?"
    assert not (tmp_path / "out").exists()


def name_multiclass(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    """Let quick recipes go by the names of those that ask which malignancy."""
    for name in names:
        recipe = metadata_linear().to_dict() | {"name": name}
        monkeypatch.setitem(RECIPES, name, lambda recipe=recipe: type(metadata_linear()).from_dict(
            recipe))


def test_a_multiclass_recipe_has_another_target_and_a_leaderboard_of_its_own(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_multiclass(monkeypatch, ["multiclass_frozen"])
    done = study(prepared, tmp_path / "out", recipes=["multiclass_frozen", "metadata_linear"])
    assert list(done.leaderboards) == ["malignancy", "malignant_subtype"]
    data = PreparedData.load(tmp_path / "out" / "data_malignant_subtype")
    assert data.target == "malignant_subtype"
    assert list(done.leaderboards["malignant_subtype"].rows["name"]) == ["multiclass_frozen"]
    kept = prepared.split.frame.loc[data.cohort.ids]
    assert data.split.frame.equals(kept)


def aged(num_images: int) -> Any:
    """Rows whose age tells the class, ids and ages in no order."""
    frame = clean_frame(num_images, seed=1)
    noise = np.random.default_rng(2).normal(0, 6, num_images)
    age = np.where(frame["target"] == "Malignant", 60.0, 45.0) + noise
    return frame.assign(age_approx=age.round())


def test_the_control_lands_at_a_half_where_the_recipe_does_not(tmp_path: Path) -> None:
    made = make_prepared(tmp_path / "made", aged(2000), settings={"size_px": 64})
    data = derive(made, tmp_path / "data", made.frame, target=("malignancy", made.classes),
                  note="the same with all counts")
    done = study(data, tmp_path / "out", recipes=["metadata_linear"], control="metadata_linear")
    rows = done.leaderboards["malignancy"].rows.set_index("name")
    assert rows["auroc"]["metadata_linear"] > 0.9
    assert 0.4 < rows["auroc"][CONTROL] < 0.6
    assert "0.5 is in it, as it must be" in "\n".join(done.lines)
