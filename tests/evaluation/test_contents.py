"""A report in a notebook: the line to quote, metrics with intervals, what was found."""

from synthetic import BINARY, make_predictions

from lesionlab.evaluation.contents import ReportContext
from lesionlab.evaluation.report import build_report


def test_a_report_shows_headline_metrics_and_findings():
    report = build_report(make_predictions(200, BINARY), num_resamples=200)
    html = report._repr_html_()
    assert report.headline in html
    row = report.metric("brier")
    assert (f">Brier score</td><td>{row['value']:.3f}</td>"
            f"<td>{row['ci_low']:.3f} to {row['ci_high']:.3f}</td>") in html
    for finding in report.findings:
        assert (finding.code in html) == (finding.section in ("issue", "tip"))


def test_text_of_a_report_is_escaped():
    predictions = make_predictions(60, ("a", "<script>"))
    report = build_report(predictions, num_resamples=20, context=ReportContext(title="<b>run</b>"))
    html = report._repr_html_()
    assert "&lt;b&gt;run" in html
    assert "<script" not in html and "<b>" not in html
