"""Runs are compared on the same images and targets, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.comparing import compare

IDS = [f"i{k}" for k in range(6)]
TARGETS: list[str | None] = ["Benign", "Malignant"] * 3


def make_run(
    folder: Path, value: float | None, *, ids: list[str] = IDS,
    targets: list[str | None] = TARGETS, low: float | None = 0.5,
) -> Path:
    """An evaluated run of `auroc` alone."""
    Predictions.from_arrays(
        ids=ids, groups=ids, targets=targets, probabilities=np.full((len(ids), 2), 0.5),
        classes=("Benign", "Malignant"), role="test").save(folder / "predictions_test.parquet")
    metric = {"name": "auroc", "class": None, "subgroup": None, "value": value, "ci_low": low,
              "ci_high": 0.9}
    rest = [metric | {"class": "Malignant", "value": 0.1}, metric | {"subgroup": "sex=male"}]
    artifacts.write_json(folder / "report" / "report.json", {
        "n_images": len(ids), "n_groups": 4, "metrics": [*rest, metric]})
    return folder


def test_the_best_run_is_first_with_its_interval(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, value)
            for name, value in (("low", 0.6), ("none", None), ("high", 0.8))]
    table = compare(runs)
    assert table.to_dict("records") == [
        {"run": "high", "auroc": "0.800 (0.500-0.900)", "images": 6, "groups": 4},
        {"run": "low", "auroc": "0.600 (0.500-0.900)", "images": 6, "groups": 4},
        {"run": "none", "auroc": "-", "images": 6, "groups": 4}]


def test_a_value_without_an_interval_is_shown_alone(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, 0.7, low=None) for name in "ab"]
    assert compare(runs)["auroc"].tolist() == ["0.700", "0.700"]


def read_problem(runs: list[Path]) -> str:
    with pytest.raises(InputError) as error:
        compare(runs)
    return str(error.value)


def test_one_run_is_no_comparison(tmp_path: Path) -> None:
    assert read_problem([tmp_path]) == "compare needs two or more runs"


def test_a_run_without_a_report_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", 0.7)
    assert read_problem([run, tmp_path / "b"]) == (
        f"{tmp_path / 'b'} has no report; make one with: lesionlab evaluate {tmp_path / 'b'}")
    other = make_run(tmp_path / "b", 0.7)
    (other / "predictions_test.parquet").unlink()
    assert read_problem([run, other]) == (
        f"{other} has no predictions_test.parquet beside its report; make it with: "
        f"lesionlab evaluate {other}")


def test_other_test_images_are_refused(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", 0.7)
    b = make_run(tmp_path / "b", 0.7, ids=[*IDS[1:], "x"])
    assert read_problem([a, b]) == (f"{a} and {b} were scored on different images: "
                                    "2 ids differ, i0, x")


def test_other_targets_are_refused(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", 0.7)
    b = make_run(tmp_path / "b", 0.7, targets=[*TARGETS[:4], None, "Benign"])
    assert read_problem([a, b]) == (f"{a} and {b} were scored against different targets: "
                                    "those of 2 ids differ, i4, i5")
