"""A report that is saved and read again is the same report."""

from pathlib import Path

import pytest
from synthetic import BINARY, SEVEN, make_predictions, make_subgroups

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.contents import Baseline, FlowStep, Report, ReportContext
from lesionlab.evaluation.report import build_report, load_report, save_report

CONTEXT = ReportContext(
    title="a <run>", recipe="image_frozen", flow=(FlowStep(label="read", count=3, note="1 torn"),),
    baselines=(Baseline(name="metadata", auroc=0.7, ci_low=0.6, ci_high=0.8),),
    digests={"data": "0" * 64}, licences={"CC-0": 3}, attributions={"Oslo": 3})


def make_report(predictions: Predictions) -> Report:
    return build_report(predictions, subgroups=make_subgroups(predictions), context=CONTEXT,
                        num_resamples=50)


@pytest.mark.parametrize("classes", [BINARY, SEVEN])
@pytest.mark.parametrize("num_rows", [12, 300])
def test_saving_and_loading_is_identity(
    tmp_path: Path, classes: tuple[str, ...], num_rows: int
) -> None:
    report = make_report(make_predictions(num_rows, classes))
    save_report(report, tmp_path / "report")
    again = load_report(tmp_path / "report")
    assert again.to_dict() == report.to_dict()
    assert (again.digest, again.headline) == (report.digest, report.headline)
    save_report(again, tmp_path / "again")
    names = ("report.json", "report.html")
    assert [(tmp_path / "again" / name).read_bytes() for name in names] == [
        (tmp_path / "report" / name).read_bytes() for name in names]


def test_a_report_of_before_the_ledger_is_read() -> None:
    content = make_report(make_predictions(60, BINARY)).to_dict()
    old = content | {"context": content["context"] | {"num_looks": None}}
    del old["looks"]
    assert Report.from_dict(old).to_dict() == content


def test_reports_of_other_predictions_have_other_digests() -> None:
    first, second = (make_report(make_predictions(60, BINARY, seed=seed)) for seed in (0, 1))
    assert first.digest != second.digest


def test_a_missing_or_newer_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as missing:
        load_report(tmp_path)
    assert str(missing.value) == (
        f"{tmp_path} holds no report.json; make one with: lesionlab evaluate RUN")
    artifacts.write_json(tmp_path / "report.json", {"schema_version": 2})
    with pytest.raises(InputError) as newer:
        load_report(tmp_path)
    assert str(newer.value) == "report of format 2; this version reads 1: evaluate again"
