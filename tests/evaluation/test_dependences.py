"""LL725 to LL727: each fires on its fault, is silent without it, and says where it cannot look."""

import re

import numpy as np
import pytest
from suspects import make_cohort, score, suspect

from lesionlab.core.findings import Finding

BOUNDS = r"-?\d\.\d\d \(-?\d\.\d\d to -?\d\.\d\d\)"


def said(finding: Finding, section: str, pattern: str) -> bool:
    assert finding.section == section, finding
    assert re.fullmatch(pattern, finding.explanation), finding.explanation
    return True


def test_a_sound_model_passes() -> None:
    rows = make_cohort(3000)
    found = suspect(rows, score(rows))
    assert said(found["LL725"], "passed", (
        r"AUROC 0\.\d\d is 0\.\d\d between images of one source, and leaving out any one costs at "
        rf"most {BOUNDS}\."))
    assert said(found["LL726"], "passed", (
        r"Among images of one class the score of Malignant and the file's .* have a rank "
        r"correlation of -?0\.\d\d, the strongest of 3\."))
    assert said(found["LL727"], "passed", (
        rf"The mean probability of Malignant is 0\.\d+ and its share 0\.\d+, difference {BOUNDS}\."
        ))


def test_a_result_that_tells_sources_apart_is_an_issue() -> None:
    rows = make_cohort(2000)
    is_graz = (rows["target"] == "Malignant") ^ (
        rows["group_id"].isin(rows["group_id"].unique()[::6]))
    rows["source"] = np.where(is_graz, "Graz", "Vienna")
    found = suspect(rows, score(rows, 0.3, shift=3.0 * is_graz))
    assert said(found["LL725"], "issue", (
        rf"AUROC 0\.\d\d is 0\.\d\d between images of one source: telling sources apart carries "
        rf"{BOUNDS} of it; report the score within each source, and test on a source that was left "
        r"out of training\."))


def test_one_source_that_carries_the_result_is_named_and_counted() -> None:
    rows = make_cohort(2000)
    is_graz = (rows["source"] == "Graz").to_numpy()
    found = suspect(rows, np.where(is_graz[:, None], score(rows, 3.0), score(rows, 0.0)))
    num_images = int((is_graz & (rows["role"] == "test")).sum())
    assert said(found["LL725"], "issue", (
        r"AUROC 0\.\d\d is 0\.\d\d between images of one source, and falls by "
        rf"{BOUNDS} without the {num_images} images of Graz: one source carries the result; report "
        r"the score with and without it, and look at what sets its images apart\."))
    assert found["LL725"].count == num_images


def test_sources_of_one_class_each_leave_the_question_open() -> None:
    rows = make_cohort(1000)
    rows["source"] = np.where(rows["target"] == "Malignant", "Graz", "Vienna")
    assert said(suspect(rows, score(rows))["LL725"], "tip", (
        r"No source holds 10 groups of a class and as many of others, so that a model could live "
        r"on telling sources apart; test on a source with all classes\."))


@pytest.mark.parametrize("source", ["Graz", None])
def test_without_two_sources_there_is_nothing_to_leave_out(source: str | None) -> None:
    rows = make_cohort(400).assign(source=source)
    assert said(suspect(rows, score(rows))["LL725"], "not_applicable",
                r"There is just one source, or none is named\.")


def test_scores_that_read_the_size_of_the_file_are_an_issue() -> None:
    rows = make_cohort(2000)
    rows["file_bytes"] += 12_000 * (rows["target"] == "Malignant")
    p = score(rows, 1.0, shift=(rows["file_bytes"] - 30_000) / 5_000)
    assert said(suspect(rows, p)["LL726"], "issue", (
        r"Among images of one class the score of Malignant and the file's size in bytes have a "
        r"rank correlation of 0\.\d\d, and that number alone tells the class with AUROC "
        rf"{BOUNDS}: the model may read the file and not the lesion; bring all images to one size "
        r"and encoding before training, and compare scores within one size\."))


def test_scores_that_follow_a_file_that_tells_nothing_are_a_note() -> None:
    rows = make_cohort(2000)
    p = score(rows, 1.5, shift=(rows["file_bytes"] - 30_000) / 5_000)
    assert said(suspect(rows, p)["LL726"], "tip", (
        rf"Among images .* of 0\.\d\d, and that number alone tells the class with AUROC {BOUNDS}: "
        r"the score follows the file, or what makes a file large, but gains little by it here; "
        r"expect other scores for images of another camera or export\."))


def test_a_label_that_the_size_tells_does_not_tie_the_score_by_itself() -> None:
    rows = make_cohort(2000)
    rows["file_bytes"] += 12_000 * (rows["target"] == "Malignant")
    assert suspect(rows, score(rows, 2.0))["LL726"].section == "passed"


@pytest.mark.parametrize("change", [
    lambda rows: rows.assign(file_bytes=1.0, pixels_x=600.0),
    lambda rows: rows.drop(columns="file_bytes"),
])
def test_files_without_a_size_of_their_own_are_not_judged(change) -> None:
    rows = change(make_cohort(400))
    assert said(suspect(rows, score(rows))["LL726"], "not_applicable",
                "Files are all of one size, their sizes are not known, or no class has .*")


@pytest.mark.parametrize(("settings", "section", "told"), [
    (("fit.sampler=balanced",), "issue", r"the training was balanced by fit\.sampler=balanced"),
    (None, "issue", r"as after training on as many images of each class"),
    ((), "tip", r"classes may be more or less common here than in training"),
])
def test_probabilities_of_another_prevalence_name_its_cause(
    settings: tuple[str, ...] | None, section: str, told: str
) -> None:
    rows = make_cohort(2000, share=0.1)
    found = suspect(rows, score(rows, 1.0, shift=np.log(9)), balanced_by=settings)
    assert said(found["LL727"], section, (
        rf"The mean probability of Malignant is 0\.\d+ and its share 0\.\d+, difference {BOUNDS}: "
        rf"{told}; do not read probabilities as risks before they are fitted to images with shares "
        r"like these\."))


def test_a_rare_class_that_is_stated_many_times_too_often_is_found() -> None:
    rows = make_cohort(20_000, share=0.01)
    found = suspect(rows, score(rows, 0.5, shift=np.log(4)), balanced_by=())
    assert found["LL727"].section == "tip"
    assert found["LL727"].value and 0.01 < found["LL727"].value < 0.05


def test_balancing_that_was_put_right_passes() -> None:
    rows = make_cohort(2000, share=0.1)
    found = suspect(rows, score(rows), balanced_by=("fit.sampler=balanced",))
    assert found["LL727"].section == "passed"
