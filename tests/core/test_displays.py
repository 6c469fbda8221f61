"""What a notebook shows: the facts that matter, and nothing that a browser would run."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from factories import clean_frame
from lesionlab.core import displays
from lesionlab.core.cohort import Cohort
from lesionlab.core.predictions import Predictions
from lesionlab.core.split import Split

SCRIPT = "<script>alert('x')</script>"


def cells(html: str) -> list[list[str]]:
    """The text of the cells of each table row, headings among them."""
    rows = html.split("<tr>")[1:]
    return [[cell.split("<")[0] for cell in row.split("</tr>")[0].replace("<th", "<td").split("<td")
             for cell in [cell.partition(">")[2]] if cell] for row in rows]


def make_cohort(target: str = "Benign") -> Cohort:
    frame = clean_frame(10).drop(columns=["role", "group_id"]).reset_index()
    return Cohort.from_frame(frame.assign(
        target=[target] * 9 + ["Malignant"], age_approx=[50.0] * 8 + [np.nan] * 2))


def make_split(group_key: str = "patient_id") -> Split:
    ids = [f"ISIC_{number:07d}" for number in range(10)]
    return Split(
        table=pa.table({"isic_id": ids, "role": ["train"] * 6 + ["test"] * 4,
                        "group_id": [*ids[:1] * 2, *ids[2:]]}),
        seed=3, group_key=group_key, cohort_digest="c")


def make_predictions(positive: str = "Malignant") -> Predictions:
    ids = [f"ISIC_{number:07d}" for number in range(7)]
    return Predictions.from_arrays(
        ids=ids, groups=["a", "a", *ids[2:]], targets=[positive] * 6 + [None],
        probabilities=np.tile([0.25, 0.75], (7, 1)), classes=("Benign", positive), role="test")


def test_a_cohort_shows_its_counts_and_gaps():
    html = make_cohort()._repr_html_()
    assert "images 10 · patients 10 · lesions 10 · digest" in html
    rows = cells(html)
    assert ["Benign", "9", "90 %"] in rows and ["Malignant", "1", "10 %"] in rows
    assert ["age_approx", "2", "20 %"] in rows
    assert ["patient_id", "0", "0 %"] in rows
    assert ["image_type", "10", "100 %"] in rows


def test_a_cohort_without_a_target_shows_its_diagnoses():
    table = pd.DataFrame({"isic_id": ["a", "b"], "diagnosis_1": ["Benign", None]})
    html = Cohort.from_frame(table)._repr_html_()
    assert "Images by diagnosis_1" in html
    assert ["Benign", "1", "50 %"] in cells(html)
    assert "patients" not in html


def test_a_cohort_of_ids_alone_shows_itself():
    assert "images 1" in Cohort.from_frame(pd.DataFrame({"isic_id": ["a"]}))._repr_html_()


def test_a_split_shows_images_and_groups_of_every_role():
    html = make_split()._repr_html_()
    assert "kept together patient_id · seed 3 · digest" in html
    assert cells(html)[1:] == [["train", "6", "5", "60 %"], ["valid", "0", "0", "0 %"],
                               ["test", "4", "4", "40 %"]]


def test_predictions_show_their_first_rows():
    predictions = make_predictions()
    html = predictions._repr_html_()
    assert f"role test · images 7 · groups 6 · digest {predictions.digest[:12]}" in html
    rows = cells(html)
    assert rows[0] == ["isic_id", "group_id", "target", "p_Benign", "p_Malignant"]
    assert rows[1] == ["ISIC_0000000", "a", "Malignant", "0.250", "0.750"]
    assert len(rows) == 6


@pytest.mark.parametrize("make", [make_cohort, make_split, make_predictions])
def test_text_from_data_is_escaped(make: Callable[[str], Cohort | Split | Predictions]):
    html = make(SCRIPT)._repr_html_()
    assert "&lt;script&gt;" in html and "<script" not in html


def test_a_table_escapes_everything_and_marks_what_is_missing():
    html = displays.show_table(SCRIPT, [SCRIPT], [[SCRIPT], [None], [float("nan")],
                                                  [np.float64(0.5)], [np.int64(1234)], [True]])
    assert "<script" not in html
    assert [row[0] for row in cells(html)[2:]] == [
        "\N{EN DASH}", "\N{EN DASH}", "0.500", "1,234", "True"]


def test_a_table_without_rows_is_nothing():
    assert displays.show_table("Left out", ["why"], []) == ""


def test_a_run_shows_its_figures_seconds_and_notes():
    html = displays.show_run(SCRIPT, {
        "num_features": 1392, "parity_difference": 1.1e-6, "data": "../data", "notes": [SCRIPT],
        "seconds": {"head": 15.5}})
    assert "num features 1,392 · parity difference 1.1e-06" in html
    assert ["head", "15.500"] in cells(html)
    assert "&lt;script&gt;" in html and "<script" not in html
