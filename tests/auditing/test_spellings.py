"""Words out of the standard, words spelt in two ways, and names nearly known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import look

from factories import clean_frame, make_prepared
from lesionlab.auditing.spellings import find_twins

FRAME = clean_frame()
REMEDY = "; correct the words and names in your table."


def words(*counts: tuple[str, int]) -> pd.Series:
    return pd.Series([word for word, count in counts for _ in range(count)], name="clinic")


@pytest.mark.parametrize(("common", "rare"), [
    ("Vienna", "vienna "), ("head/neck", "Head Neck"), ("Barcelona", "Barcelonna"),
    ("Barcelona", "Barceolna"), ("malignant", "malignent"), ("Melbourne", "Melbourn")])
def test_two_spellings_are_twins(common: str, rare: str):
    [found] = find_twins(words((rare, 2), (common, 50)))
    assert str(found) == f"{rare!r} beside {common!r} in clinic"


@pytest.mark.parametrize(("one", "other"), [
    ("type A", "type B"), ("B2", "B5"), ("1.0", "10"), ("anterior", "interior"), ("left", "lift"),
    ("site 12", "site 13"), ("female", "male"), ("compound", "junctional"), ("+", "-")])
def test_other_words_are_no_twins(one: str, other: str):
    assert find_twins(words((one, 2), (other, 50))) == []


def test_words_that_are_both_frequent_are_two_words():
    assert find_twins(words(("papular", 40), ("papulas", 50))) == []


def test_a_column_of_very_many_words_is_no_vocabulary():
    assert find_twins(pd.Series([f"word {name}" for name in range(300)] + ["Word 1"])) == []


@given(st.lists(st.text(max_size=8), max_size=30))
def test_twins_are_words_of_the_column(texts: list[str]):
    for pair in find_twins(pd.Series(texts, dtype=str, name="own")):
        assert {pair.common, pair.rare} <= set(texts)
        assert pair.common != pair.rare


def test_refused_words_are_named_with_their_column(tmp_path: Path):
    rows = [{"isic_id": isic_id, "column": "sex", "value": "unknown", "reason": "literal_error"}
            for isic_id in FRAME.index[:3]]
    rows.append({"isic_id": FRAME.index[3], "column": "age_approx", "value": "90",
                 "reason": "above_85"})
    finding = look("LL505", make_prepared(tmp_path, FRAME, adjusted=rows))
    assert (finding.section, finding.value) == ("tip", 3)
    assert finding.isic_ids == tuple(FRAME.index[:3])
    assert finding.explanation == (
        f"Words that the standard does not know were set to missing: sex 'unknown' (3){REMEDY}")


def test_a_column_of_the_users_own_in_two_spellings_is_a_note(tmp_path: Path):
    frame = FRAME.assign(ward=np.where(np.arange(400) < 5, "ward east", "Ward East"))
    finding = look("LL505", make_prepared(tmp_path, frame))
    assert (finding.section, finding.isic_ids) == ("tip", tuple(FRAME.index[:5]))
    assert finding.explanation == (
        f"Words are spelt in two ways: 'ward east' beside 'Ward East' in ward{REMEDY}")


def test_two_spellings_of_a_class_are_an_issue(tmp_path: Path):
    frame = FRAME.assign(target=FRAME["target"].where(np.arange(400) > 30, "malignant"))
    data = make_prepared(tmp_path, frame, classes=("Benign", "Malignant", "malignant"))
    finding = look("LL505", data)
    assert finding.section == "issue"
    assert "'malignant' beside 'Malignant' in target" in finding.explanation


def test_a_column_that_is_nearly_named_as_a_known_one_is_a_note(tmp_path: Path):
    frame = FRAME.drop(columns="sex").assign(Sex=FRAME["sex"])
    finding = look("LL505", make_prepared(tmp_path, frame))
    assert finding.section == "tip"
    assert finding.explanation == (
        f"Columns are kept as your own for the spelling of their name: Sex for sex{REMEDY}")


def test_words_of_the_standard_are_passed(tmp_path: Path):
    finding = look("LL505", make_prepared(tmp_path, FRAME))
    assert (finding.section, finding.value) == ("passed", 0)
    assert finding.explanation == (
        "All words are those of the standard, and spelt in one way each.")
