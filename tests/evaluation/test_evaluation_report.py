"""The report: its contract, its findings and its page."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from synthetic import BINARY, SEVEN, make_predictions, make_subgroups

from lesionlab.core.errors import PredictionsError
from lesionlab.core.predictions import Predictions
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.evaluation import page
from lesionlab.evaluation.contents import Baseline, FlowStep, ReportContext
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.evaluation.report import build_report, save_report
from lesionlab.evaluation.terms import METRICS

CONTEXT = ReportContext(
    title="<script>alert(1)</script>", recipe="image & more", group_name="lesions",
    flow=(FlowStep(label="Files <read>", count=310, note="10 rejected: truncated"),),
    baselines=(Baseline(name="prevalence", auroc=0.5, ci_low=0.5, ci_high=0.5),),
    digests={"Data": "0" * 64}, licences={"CC-BY": 300},
    attributions={"Clinic of <Oslo>": 200, "Vienna": 100}, software_version="0.0")


def _build(classes, **given):
    predictions = make_predictions(300, classes, strength=given.pop("strength", 2.0))
    settings = {"num_resamples": 50, "subgroups": make_subgroups(predictions), "context": CONTEXT,
                "thresholds": choose_thresholds(make_predictions(300, classes, role="valid"))}
    return build_report(predictions, **settings | given)


@pytest.fixture(scope="module", params=[BINARY, SEVEN], ids=["binary", "seven"])
def report(request):
    return _build(request.param)


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "report"
    save_report(report, path)
    return path


class _Page(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_report_json_holds_the_contract(report, folder):
    value = json.loads((folder / "report.json").read_text())
    assert value["schema_version"] == 1
    assert value["role"] == "test"
    assert value["n_images"] == 300
    assert value["n_groups"] == report.n_groups
    assert list(value["prevalence"]) == list(report.classes)
    assert sum(value["prevalence"].values()) == pytest.approx(1)
    keys = {"name", "class", "subgroup", "value", "ci_low", "ci_high", "n_images", "n_groups"}
    assert all(keys <= set(row) for row in value["metrics"])
    whole = [(row["class"], row["name"]) for row in value["metrics"] if row["subgroup"] is None]
    assert sorted(whole, key=str) == sorted(
        ((name, metric) for name in (None, *report.classes) for metric in METRICS), key=str)
    assert {row["subgroup"] for row in value["metrics"]} > {None, "sex=female", "sex=unknown"}
    assert [finding["code"] for finding in value["findings"]] == [
        f"LL70{number}" for number in range(1, 8)]
    assert value["notice"] == RESEARCH_USE


def test_the_same_predictions_give_the_same_bytes(report, folder, tmp_path):
    save_report(_build(report.classes), tmp_path / "again")
    for name in ("report.json", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_the_page_makes_no_request(folder):
    text = (folder / "report.html").read_text()
    for _, attributes in _Page(text).tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert re.match(r"^(#|data:)", attributes.get(name) or "#"), attributes
    assert not re.search(r"@import|<link|<script|<iframe|url\(\s*['\"]?(?!#)", text)
    assert not re.search(r"https?://", text)


def test_each_figure_has_a_text_alternative_and_its_numbers(report, folder):
    page = _Page((folder / "report.html").read_text())
    drawn = [attributes for tag, attributes in page.tags if tag == "svg"]
    links = {attributes["download"]: attributes["href"] for tag, attributes in page.tags
             if tag == "a" and "download" in attributes}
    assert len(drawn) == len(links) == len(report.figures) == 6
    for figure, attributes in zip(report.figures, drawn, strict=True):
        assert attributes["role"] == "img"
        assert attributes["aria-label"] == f"{figure.title}. {figure.description}"
        data = base64.b64decode(links[f"{figure.name}.csv"].partition("base64,")[2]).decode()
        assert data.splitlines()[0] == ",".join(figure.frame().columns)
        assert len(data.splitlines()) == len(figure.frame()) + 1


def test_ids_on_the_page_are_unique(folder):
    ids = [attributes["id"] for _, attributes in _Page((folder / "report.html").read_text()).tags
           if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_text_of_the_user_is_escaped(folder):
    text = (folder / "report.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Files &lt;read&gt;" in text


def test_class_names_are_escaped_in_figures_too():
    names = ("<b>benign</b>", 'mal"$x_1$&')
    rows = make_predictions(60, BINARY)
    strange = Predictions.from_arrays(
        ids=rows.table["isic_id"].to_pylist(), groups=rows.table["group_id"].to_pylist(),
        targets=[names[k] for k in rows.target_index], probabilities=rows.probabilities,
        classes=names, role="test")
    text = page.render(build_report(strange, num_resamples=5))
    assert "<b>" not in text
    assert "mal&quot;$x_1$&amp;" in text or "mal&#34;$x_1$&amp;" in text


def test_the_notice_and_the_headline_stand_on_the_page(report, folder):
    text = (folder / "report.html").read_text()
    assert text.count(RESEARCH_USE) == 3
    assert report.headline in text
    pattern = r"(Macro )?AUROC 0\.\d\d \(0\.\d\d-[01]\.\d\d\), 300 images, \d+ lesions"
    assert re.fullmatch(pattern, report.headline)


def test_licences_and_who_must_be_named_stand_on_the_page(folder):
    text = (folder / "report.html").read_text()
    assert "<div><dt>Licences</dt><dd>CC-BY: 300 images</dd></div>" in text
    assert ("<div><dt>To be named</dt><dd>Clinic of &lt;Oslo&gt;: 200 images; Vienna: 100 images"
            "</dd></div>") in text
    assert json.loads((folder / "report.json").read_text())["context"]["attributions"] == {
        "Clinic of <Oslo>": 200, "Vienna": 100}


def test_a_report_on_non_commercial_images_says_so():
    context = ReportContext(licences={"CC-BY-NC": 4, "CC-0": 8})
    assert ("CC-BY-NC: 4 images; CC-0: 8 images. 4 of 12 images are licensed for non-commercial "
            "use only; so is a model trained on them.</dd>") in page.render(
                _build(BINARY, context=context))


def test_frames_of_figures_are_copies(report):
    frame = report.figure("roc").frame()
    frame["sensitivity"] = 9.0
    assert report.figure("roc").frame()["sensitivity"].max() == 1


def test_two_classes_are_told_apart_at_the_validation_threshold():
    report = _build(BINARY)
    cut = choose_thresholds(make_predictions(300, BINARY, role="valid"))["malignant"]["max_youden"]
    rows = make_predictions(300, BINARY)
    is_malignant = rows.target_index == 1
    expected = (rows.probabilities[is_malignant, 1] >= cut).mean()
    assert report.metric("sensitivity")["value"] == pytest.approx(expected)
    assert report.decision.threshold == cut
    assert "0.5 or more; no threshold" in _build(BINARY, thresholds=None).decision.text


def _finding(report, code):
    return next(finding for finding in report.findings if finding.code == code)


def test_chance_level_is_an_issue_that_points_at_the_joins():
    finding = _finding(_build(BINARY, strength=0.0, num_resamples=200), "LL701")
    assert finding.section == "issue"
    assert re.fullmatch(
        r"AUROC 0\.\d\d \(0\.\d\d-0\.\d\d\) is no better than chance: labels may not belong to "
        r"their images; check that every join is by id and not by position, then the training\.",
        finding.explanation)


def test_swapped_classes_are_worse_than_chance():
    finding = _finding(_build(BINARY, strength=-2.0), "LL701")
    assert "is worse than chance: classes may be swapped" in finding.explanation


def test_one_class_for_all_is_an_issue():
    finding = _finding(_build(BINARY, thresholds={"malignant": {"max_youden": 1.1}}), "LL702")
    assert finding.section == "issue"
    assert finding.explanation.startswith("All 300 images are decided benign:")


@pytest.mark.parametrize(("share_lost", "verdict", "told"), [
    (0.5, "clearly worse", ""),
    (1.0, "no better than chance", ", and may be that of a coin in site=acral"),
])
def test_a_subgroup_that_does_worse_or_collapses_is_found(share_lost, verdict, told):
    rows = make_predictions(1200, BINARY, strength=3.0)
    is_hard = np.arange(1200) % 3 == 0
    p = rows.probabilities.copy()
    lost = np.flatnonzero(is_hard)[:int(400 * share_lost)]
    p[lost] = p[np.random.default_rng(0).permutation(lost)]
    frame = rows.frame
    worse = Predictions.from_arrays(
        ids=list(frame.index), groups=list(frame["group_id"]), targets=list(frame["target"]),
        probabilities=p, classes=BINARY, role="test")
    columns = pd.DataFrame({"site": np.where(is_hard, "acral", "trunk")}, index=frame.index)
    report = build_report(worse, subgroups=columns, num_resamples=200)
    verdicts = report.subgroups.set_index("subgroup")["verdict"]
    assert verdicts["site=acral"] == verdict
    assert verdicts["site=trunk"] == "no clear difference"
    finding = _finding(report, "LL705")
    assert (finding.section, finding.count) == ("issue", 400)
    assert re.fullmatch(
        r"AUROC is clearly lower than over all images in site=acral \(malignant, -0\.\d\d\)"
        + told + r"; report these separately, and look at how such images are trained on\.",
        finding.explanation)
    assert f">{verdict}</td>" in page.render(report)


def test_a_small_subgroup_gets_no_verdict(report):
    verdicts = report.subgroups.set_index("subgroup")["verdict"]
    assert set(verdicts[["site=palms/soles"]]) == {"too few"}


def test_rows_without_a_target_are_left_out_and_counted():
    rows = make_predictions(100, BINARY).frame
    targets = [None] * 10 + list(rows["target"][10:])
    partial = Predictions.from_arrays(
        ids=list(rows.index), groups=list(rows["group_id"]), targets=targets, classes=BINARY,
        probabilities=rows[["p_benign", "p_malignant"]].to_numpy(), role="test")
    report = build_report(partial, num_resamples=5)
    assert (report.n_images, report.num_unlabelled) == (90, 10)
    assert _finding(report, "LL706").explanation == (
        "10 of 100 images have no target and are left out; check that they are not a kind of "
        "their own.")


def test_one_class_alone_gives_nulls_and_no_crash(tmp_path):
    number = 30
    names = [str(k) for k in range(number)]
    alone = Predictions.from_arrays(
        ids=names, groups=names, targets=["benign"] * number, classes=BINARY, role="test",
        probabilities=np.full((number, 2), 0.5))
    report = build_report(alone, num_resamples=5)
    save_report(report, tmp_path / "report")
    value = json.loads((tmp_path / "report" / "report.json").read_text())
    assert next(row for row in value["metrics"] if row["name"] == "auroc")["value"] is None
    assert report.headline == "AUROC not defined, 30 images, 30 groups"


def test_no_target_at_all_is_an_error():
    rows = make_predictions(5, BINARY).frame
    blind = Predictions.from_arrays(
        ids=list(rows.index), groups=list(rows["group_id"]), targets=[None] * 5, classes=BINARY,
        probabilities=rows[["p_benign", "p_malignant"]].to_numpy(), role="test")
    expected = "none of the 5 images of role 'test' has a target; a report needs the truth"
    with pytest.raises(PredictionsError, match=f"^{expected}$"):
        build_report(blind)


def test_an_image_without_subgroups_is_an_error():
    rows = make_predictions(5, BINARY)
    expected = ("1 images have no row in the subgroup columns: ISIC_0000000; "
                "give every image one row")
    with pytest.raises(PredictionsError, match=f"^{expected}$"):
        build_report(rows, subgroups=make_subgroups(rows).iloc[1:])
