"""Runs become a leaderboard with what their bundles, reports and training say."""

import shutil
from pathlib import Path

import pytest

import lesionlab
from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.leaderboard_files import load_leaderboards
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.comparing import compare, measure_latency, read_contender
from lesionlab.inference.scoring import evaluate


@pytest.fixture(scope="module")
def runs(train_small: TrainSmall, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two evaluated runs; do not change them."""
    folder = tmp_path_factory.mktemp("compared")
    found = []
    for name in ("prevalence", "metadata_linear"):
        shutil.copytree(train_small(name), folder / name)
        evaluate(folder / name)
        found.append(folder / name)
    return found


@pytest.fixture
def copied(runs: list[Path], tmp_path: Path) -> list[Path]:
    """The same runs, to change."""
    return [Path(shutil.copytree(run, tmp_path / run.name)) for run in runs]


def read_problem(runs: list[Path]) -> str:
    with pytest.raises(InputError) as error:
        compare(runs)
    return str(error.value)


def test_the_values_are_those_of_the_reports(runs: list[Path], tmp_path: Path) -> None:
    found = compare(runs, out=tmp_path / "board")
    for row, run in zip(found.records, reversed(runs), strict=True):
        told = {metric["name"]: metric["value"]
                for metric in artifacts.read_json(run / "report" / "report.json")["metrics"]
                if metric["class"] is None and metric["subgroup"] is None}
        assert row["name"] == run.name
        for name in ("auroc", "average_precision", "balanced_accuracy", "accuracy", "brier"):
            assert row[name] == pytest.approx(told[name]), name
    assert (found.target, found.best) == ("malignancy", "metadata_linear")
    loaded, = load_leaderboards(tmp_path / "board")
    assert loaded.digest == found.digest == compare(runs[::-1]).digest


def test_prevalence_is_no_baseline(runs: list[Path]) -> None:
    facts = [read_contender(run, name=run.name).facts for run in runs]
    assert [fact.is_baseline for fact in facts] == [False, True]
    assert compare(runs).reference == "metadata_linear"
    assert compare(runs, reference="prevalence").reference == "prevalence"


def test_cost_and_notes_come_from_the_training(copied: list[Path]) -> None:
    told = artifacts.read_json(copied[1] / "training.json")
    artifacts.write_json(copied[1] / "training.json", told | {
        "seconds": {"features": 1.5, "head": 2.0}, "num_parameters": 7, "notes": ["fewer"]})
    found = read_contender(copied[1], name="x", published="AUC 0.5", said=["on a CPU"])
    assert (found.facts.training_seconds, found.facts.num_parameters) == (3.5, 7)
    assert (found.published, found.said) == ("AUC 0.5", ("on a CPU", "fewer"))
    del told["num_parameters"]
    artifacts.write_json(copied[1] / "training.json", told)
    assert read_contender(copied[1], name="x").facts.num_parameters is None


@pytest.mark.parametrize("name", ["metadata_linear", "image_frozen"])
def test_latency_is_a_time(name: str, train_small: TrainSmall) -> None:
    assert measure_latency(ModelBundle.load(train_small(name))) > 0


def test_folders_of_one_name_are_called_by_their_path(copied: list[Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(copied[1], tmp_path / "seed_1" / "metadata_linear"))
    found = compare([*copied, other])
    assert set(found.rows["name"]) == {"prevalence", str(copied[1]), str(other)}
    assert found.difference(str(max(copied[1], other)), "best")["difference"] == 0


def test_compare_is_a_verb_of_the_package() -> None:
    assert lesionlab.compare is compare


def test_one_run_is_no_comparison(runs: list[Path]) -> None:
    assert read_problem(runs[:1]) == "compare needs two or more runs"
    assert read_problem([runs[0], runs[1], runs[0]]) == (
        f"compare was given one run more than once: {runs[0]}")


def test_a_run_without_a_report_is_named(copied: list[Path], tmp_path: Path) -> None:
    missing = tmp_path / "b"
    assert read_problem([copied[0], missing]) == (
        f"{missing} has no report; make one with: lesionlab evaluate {missing}")
    (copied[1] / "predictions_test.parquet").unlink()
    assert read_problem(copied) == (
        f"{copied[1]} has no predictions_test.parquet beside its report; make it with: "
        f"lesionlab evaluate {copied[1]}")


def test_a_report_of_other_predictions_is_refused(copied: list[Path]) -> None:
    shutil.copy(copied[0] / "predictions_test.parquet", copied[1] / "predictions_test.parquet")
    assert read_problem(copied) == (
        f"the report of {copied[1]} is of other predictions than those beside it; make both "
        f"again with: lesionlab evaluate {copied[1]}")


def test_other_test_images_are_refused(copied: list[Path]) -> None:
    path = copied[1] / "predictions_test.parquet"
    old = Predictions.load(path)
    first = old.table["isic_id"][0].as_py()
    fewer = Predictions(table=old.table.slice(1), classes=old.classes, role=old.role)
    fewer.save(path)
    report = copied[1] / "report" / "report.json"
    artifacts.write_json(report, artifacts.read_json(report) | {
        "predictions_digest": fewer.digest})
    assert read_problem(copied) == ("metadata_linear and prevalence were scored on different "
                                    f"images: 1 ids differ, {first}")
