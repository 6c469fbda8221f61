"""Sizes in another unit are told from sizes that are small."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looking import look

from factories import clean_frame, make_prepared
from lesionlab.auditing.units import split_modes

FRAME = clean_frame()


def draw_sizes(seed: int = 0, num: int = 400) -> np.ndarray:
    """Sizes of lesions in mm, as real tables have them."""
    rng = np.random.default_rng(seed)
    return np.clip(5.5 * np.exp(0.5 * rng.standard_normal(num)), 1, 40).round(1)


@pytest.mark.parametrize(("factor", "unit"), [(10, "cm"), (25.4, "inches")])
def test_sizes_in_another_unit_are_listed(tmp_path: Path, factor: float, unit: str):
    is_odd = np.random.default_rng(1).random(400) < 0.2
    sizes = np.where(is_odd, draw_sizes() / factor, draw_sizes())
    finding = look("LL503", make_prepared(tmp_path, FRAME.assign(clin_size_long_diam_mm=sizes)))
    found = FRAME.index.isin(finding.isic_ids)
    assert finding.section == "issue"
    assert (found & is_odd).sum() / is_odd.sum() > 0.95
    assert (found & is_odd).sum() / found.sum() > 0.9
    assert f"look as if they were in {unit}: their median is " in finding.explanation


def test_the_sentence_says_how_many_and_what_they_are(tmp_path: Path):
    sizes = np.where(np.arange(400) % 5 == 0, 0.5, draw_sizes())
    finding = look("LL503", make_prepared(tmp_path, FRAME.assign(clin_size_long_diam_mm=sizes)))
    assert finding.explanation == (
        f"{finding.count} of 400 values of clin_size_long_diam_mm ({finding.count / 4:.1f} %) look "
        "as if they were in cm: their median is 0.5, that of the others 5.4; look at these values "
        "in the source and bring them to one unit.")


def test_a_column_of_the_users_own_is_worth_a_note(tmp_path: Path):
    is_odd = np.arange(400) % 4 == 0
    sizes = np.where(is_odd, 10 * draw_sizes(), draw_sizes())
    texts = [f"{size:.1f}" for size in sizes]
    finding = look("LL503", make_prepared(tmp_path, FRAME.assign(lesion_diameter=texts)))
    assert finding.section == "tip"
    assert "values of lesion_diameter" in finding.explanation
    assert "look as if they were in a smaller unit" in finding.explanation
    assert np.mean(FRAME.index.isin(finding.isic_ids) == is_odd) > 0.95


def test_sizes_of_one_unit_are_passed(tmp_path: Path):
    finding = look("LL503", make_prepared(
        tmp_path, FRAME.assign(clin_size_long_diam_mm=draw_sizes())))
    assert (finding.section, finding.value) == ("passed", 0)
    assert finding.explanation == "Values of clin_size_long_diam_mm may all be in one unit each."


def test_images_of_one_lesion_have_one_size(tmp_path: Path):
    of_lesion = FRAME.index[FRAME["role"] == "train"][:60]
    frame = FRAME.assign(clin_size_long_diam_mm=draw_sizes())
    frame.loc[of_lesion, "clin_size_long_diam_mm"] = 0.4
    frame.loc[of_lesion, ["group_id", "patient_id"]] = "P0"
    assert look("LL503", make_prepared(tmp_path, frame)).section == "passed"


def test_without_sizes_nothing_is_said_of_units(tmp_path: Path):
    few = FRAME.assign(clin_size_long_diam_mm=np.where(np.arange(400) < 10, 5.0, np.nan))
    for name, frame in (("a", FRAME), ("b", few), ("c", FRAME.assign(sizing="large"))):
        finding = look("LL503", make_prepared(tmp_path / name, frame))
        assert finding.section == "not_applicable"
        assert finding.explanation == "No column of lengths has enough values."


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.8]))
def test_one_skewed_mode_is_never_two(seed: int, width: float):
    rng = np.random.default_rng(seed)
    for lengths in (5 * np.exp(width * rng.standard_normal(200)), rng.gamma(3, 2, 200) + 0.01):
        mix = split_modes(lengths)
        assert mix is None or mix.gain < 20


def test_equal_lengths_are_one_mode():
    assert split_modes(np.full(50, 4.0)) is None
