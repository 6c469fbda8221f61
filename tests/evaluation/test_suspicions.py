"""LL721 to LL724 and LL728: each fires on its fault, is silent without it, or says why not."""

import re

import numpy as np
import pytest
from suspects import BINARY, make_cohort, predict, score, suspect
from synthetic import SEVEN, make_predictions, make_subgroups

from lesionlab.core.findings import Finding
from lesionlab.dataset.ledger import Looks
from lesionlab.evaluation import page
from lesionlab.evaluation.background import Background, Case, Rival
from lesionlab.evaluation.report import build_report
from lesionlab.evaluation.suspicions import judge

CODES = [f"LL72{number}" for number in range(1, 9)]
BOUNDS = r"-?\d\.\d\d \(-?\d\.\d\d to -?\d\.\d\d\)"


def said(finding: Finding, section: str, pattern: str) -> bool:
    assert finding.section == section, finding
    assert re.fullmatch(pattern, finding.explanation), finding.explanation
    return True


@pytest.mark.parametrize("seed", range(6))
def test_a_sound_model_raises_no_issue(seed: int) -> None:
    rows = make_cohort(seed=seed)
    found = suspect(rows, score(rows, seed=seed), looks=Looks(num=1, num_recipes=1))
    assert list(found) == CODES
    assert [code for code, finding in found.items() if finding.section == "issue"] == []


def test_a_model_that_leads_passes_with_the_lead() -> None:
    rows = make_cohort(4000)
    found = suspect(rows, score(rows, 2.0))
    assert said(found["LL721"], "passed", (
        r"AUROC 0\.\d\d against 0\.\d\d of a logistic regression on age_approx, sex, difference "
        rf"{BOUNDS}\."))
    assert found["LL721"].value and found["LL721"].value > 0.1
    assert said(found["LL722"], "passed", (
        r"AUROC 0\.\d\d against 0\.\d\d of a logistic regression on source, pixels_x, file_bytes, "
        rf"difference {BOUNDS}\."))


def test_an_image_model_that_metadata_beat_is_an_issue() -> None:
    rows = make_cohort(4000)
    found = suspect(rows, score(rows, 0.2))
    assert said(found["LL721"], "issue", (
        r"AUROC 0\.\d\d against 0\.\d\d of a logistic regression on age_approx, sex, difference "
        rf"{BOUNDS}: the image adds nothing to what is known without it; check that each image has "
        r"its own label, then the training, and report the simpler model beside this one\."))


def test_too_few_images_to_tell_are_a_note() -> None:
    rows = make_cohort(700)
    found = suspect(rows, score(rows, 0.9))
    assert said(found["LL721"], "tip", r"AUROC .*: so few images cannot tell the two apart; do not "
                r"claim more than the simpler model reaches, or gather more images\.")


@pytest.mark.parametrize("strength", [0.0, 2.0])
def test_a_model_that_reads_the_source_is_no_better_than_the_source(strength: float) -> None:
    rows = make_cohort(2000)
    is_malignant = rows["target"] == "Malignant"
    is_graz = rows["group_id"].isin(rows["group_id"].unique()[::10]) ^ is_malignant
    rows["source"] = np.where(is_graz, "Graz", rows["source"].replace("Graz", "Vienna"))
    p = score(rows, 0.3, shift=3.0 * is_graz) if strength == 0 else score(rows, 4.0)
    section = "issue" if strength == 0 else "passed"
    assert said(suspect(rows, p)["LL722"], section, (
        rf"AUROC .* on source, pixels_x, file_bytes, difference {BOUNDS}"
        + (r": the score may come from where an image was made and not from the lesion; test on "
           r"images of another source, and report the simpler model beside this one\."
           if section == "issue" else r"\.")))


def test_a_model_without_images_is_no_rival_of_metadata() -> None:
    rows = make_cohort(300)
    found = suspect(rows, score(rows), sees_image=False)
    for code in ("LL721", "LL722", "LL726"):
        assert said(found[code], "not_applicable", r"The model sees no image\.")


def test_without_a_rival_nothing_is_compared() -> None:
    rows = make_cohort(300)
    found = suspect(rows, score(rows), metadata_rival=None, shortcut_rival=None)
    for code in ("LL721", "LL722"):
        assert said(found[code], "not_applicable", "There is nothing to compare with: .*")


def test_a_rival_at_chance_is_not_to_be_beaten() -> None:
    rows = make_cohort(1500)
    p = score(rows, 0.0)
    test = rows[rows["role"] == "test"]
    rng = np.random.default_rng(0)
    coin = Rival(label="a coin", columns=("coin",), probabilities=test.assign(
        **dict.fromkeys(BINARY, rng.random(len(test))))[list(BINARY)])
    assert said(suspect(rows, p, metadata_rival=coin)["LL721"], "passed",
                r"AUROC .*: the simpler model itself is no better than chance\.")


def score_role_better(role: str, num_images: int = 6000) -> dict[str, Finding]:
    """The findings of a model that is much better on one role."""
    rows = make_cohort(num_images)
    is_role = (rows["role"] == role).to_numpy()[:, None]
    return dict(suspect(rows, np.where(is_role, score(rows, 3.5), score(rows, 1.2))))


def test_a_score_far_below_validation_is_an_issue() -> None:
    found = score_role_better("valid")
    assert said(found["LL723"], "issue", (
        rf"AUROC is 0\.\d\d here and (0\.9\d|1\.00) on validation images, difference {BOUNDS}: "
        r"settings were fitted to those images too closely, or these are of another kind; compare "
        r"sources, devices and classes of the two, and choose among fewer settings\."))
    assert found["LL724"].section == "passed"


def test_training_images_known_by_heart_are_a_note() -> None:
    found = score_role_better("train")
    assert said(found["LL723"], "tip", (
        rf"AUROC is 0\.\d\d here and (0\.9\d|1\.00) on training images, difference {BOUNDS}: the "
        r"model knows its training images by heart; quote no score of theirs, and regularise more "
        r"or gather more images\."))
    assert found["LL724"].section == "passed"


def test_a_score_far_above_all_others_is_an_issue() -> None:
    found = score_role_better("test")
    assert said(found["LL724"], "issue", (
        rf"AUROC is (0\.9\d|1\.00) here and 0\.\d\d on (validation|training) images, difference "
        rf"{BOUNDS}: no model knows images better that it never saw; look for copies of training "
        r"images among these, for settings that were chosen by their scores, and for easier "
        r"cases\."))
    assert found["LL723"].section == "passed"


def test_cross_validation_stands_in_for_validation() -> None:
    rows = make_cohort(6000)
    p = np.where((rows["role"] == "test").to_numpy()[:, None], score(rows, 3.5), score(rows, 1.2))
    found = suspect(rows, p, others={"cross-validation": predict(rows, p, "train")})
    assert found["LL724"].section == "issue"
    assert " on cross-validation images, " in found["LL724"].explanation


def test_without_other_predictions_there_is_no_comparison() -> None:
    rows = make_cohort(300)
    found = suspect(rows, score(rows), others={})
    for code in ("LL723", "LL724"):
        assert said(found[code], "not_applicable", "There are no predictions of this model on .*")


def test_too_few_groups_are_not_judged() -> None:
    rows = make_cohort(60)
    found = suspect(rows, score(rows))
    assert {found[code].section for code in CODES} == {"not_applicable"}


@pytest.mark.parametrize(("num", "section", "pattern"), [
    (1, "passed", r"This is the first look at these test images\."),
    (20, "passed", r"This is look 20 at these test images, by 4 recipes\."),
    (21, "tip", (r"21 different models have been scored on these images, and the best of so many "
                 r"equal ones looks better than it is, in AUROC by up to 0\.\d\d; choose on "
                 r"validation images, and confirm the choice on images that nobody has looked "
                 r"at\.")),
])
def test_many_looks_are_a_note(num: int, section: str, pattern: str) -> None:
    rows = make_cohort(1000)
    found = suspect(rows, score(rows), looks=Looks(num=num, num_recipes=4))
    assert said(found["LL728"], section, pattern)
    assert found["LL728"].value == num


def test_looks_are_not_counted_everywhere() -> None:
    rows = make_cohort(300)
    assert said(suspect(rows, score(rows))["LL728"], "not_applicable",
                r"Looks are counted where test images are scored, and these are others\.")


def test_several_classes_are_judged_too() -> None:
    predictions = make_predictions(600, SEVEN, strength=2.5)
    rows = make_subgroups(predictions).assign(
        source=np.where(np.arange(600) % 2, "a", "b"), file_bytes=np.arange(600.0) % 7,
        pixels_x=600.0, pixels_y=450.0)
    other = make_predictions(600, SEVEN, strength=2.5, seed=1, role="valid")
    found = judge(Case.of(predictions, Background(rows=rows, others={"validation": other})))
    assert [finding.section for finding in found] == [
        "not_applicable", "not_applicable", *["passed"] * 3, found[5].section, found[6].section,
        "not_applicable"]
    assert found[5].section in ("passed", "not_applicable")


def test_the_report_holds_findings_rivals_and_looks() -> None:
    rows = make_cohort(900)
    p = score(rows, 2.0)
    test = rows[rows["role"] == "test"]
    rival = Rival(label="metadata alone", columns=("age_approx",),
                  probabilities=test.assign(Benign=0.5, Malignant=test["age_approx"] / 100)[
                      list(BINARY)])
    report = build_report(predict(rows, p, "test"), num_resamples=20, background=Background(
        rows=test, metadata_rival=rival, looks=Looks(num=7, num_recipes=3)))
    assert [finding.code for finding in report.findings] == [
        *(f"LL70{number}" for number in range(1, 8)), *CODES]
    content = report.to_dict()
    assert content["looks"] == {"num": 7, "num_recipes": 3}
    assert [one["name"] for one in content["context"]["baselines"]] == [
        "logistic regression on metadata alone"]
    assert type(report).from_dict(content).to_dict() == content
    text = page.render(report)
    assert "This is look 7 at these test images, by 3 recipes." in text
    assert "<dt>Models scored on these images</dt><dd>7</dd>" in text
    assert "<dt>Their recipes</dt><dd>3</dd>" in text
