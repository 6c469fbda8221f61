"""Pictures with a fault are listed by id, and natural ones are not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import look

from factories import clean_frame, make_prepared
from lesionlab.auditing.pictures import find_blank, find_casts, find_swapped
from lesionlab.imaging.measures import MEASURES, measure_picture
from lesionlab.phantoms import edits
from lesionlab.phantoms.drawing import SKIN_TONES, Lesion, View, draw_lesion
from lesionlab.phantoms.pictures import Edit

FAULTY = ("ISIC_0000003", "ISIC_0000018", "ISIC_0000031")
NUM_PICTURES = 40


def imagine_measures(index: pd.Index, seed: int = 0) -> pd.DataFrame:
    """Measures as of natural pictures, by id."""
    rng = np.random.default_rng(seed)
    centres = {"brightness": 150, "contrast": 28, "sharpness": 1.6, "red": 190, "green": 140,
               "blue": 140, "saturation": 0.3, "skin_l": 70, "skin_a": 16, "skin_b": 12,
               "ita": 45, "red_over_blue": 0.4, "pigment_slope": 65, "blank": 0.3,
               "corner_darkness": 0.2, "dark_border": 0.1, "hair": 0.01, "ruler": 0.1,
               "ink": 0.0}
    assert set(centres) == set(MEASURES)
    return pd.DataFrame({name: centre * (1 + 0.1 * rng.standard_normal(len(index)))
                         for name, centre in centres.items()}, index=index)


def draw(number: int) -> np.ndarray:
    looks = ("melanocytic", "keratotic", "translucent", "vascular")
    lesion = Lesion(look=looks[number % 4], severity=(number % 7) / 6,
                    skin_type=list(SKIN_TONES)[number % 6], seed=(number, 1))
    return draw_lesion(lesion, View(width=160, height=120, is_dermoscopic=number % 9 > 0,
                                    seed=(number, 2)))


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {f"ISIC_{number:07d}": draw(number) for number in range(NUM_PICTURES)}


@pytest.fixture(scope="module")
def natural(pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({isic_id: measure_picture(rgb) for isic_id, rgb in pictures.items()}).T


def tint_blue(rgb: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return np.clip(rgb * np.array([0.6, 0.9, 1.3]), 0, 255).astype(np.uint8)


def spoil(
    pictures: dict[str, np.ndarray], natural: pd.DataFrame, edit: Edit
) -> pd.DataFrame:
    """The measures, those of `FAULTY` after an edit."""
    spoilt = natural.copy()
    for number, isic_id in enumerate(FAULTY):
        rgb = edit(pictures[isic_id], np.random.default_rng(number))
        spoilt.loc[isic_id] = measure_picture(np.ascontiguousarray(rgb))
    return spoilt


@pytest.mark.parametrize(("code", "edit", "section", "what", "remedy"), [
    ("LL204", edits.blur, "tip", "Out of focus",
     "look at them, and leave out what a dermatologist could not read"),
    ("LL205", edits.blank, "issue", "Blank or nearly black",
     "look at them, fetch the files again, or leave them out"),
    ("LL207", edits.swap_channels, "issue", "With red and blue exchanged",
     "look at them, exchange the channels back, and look for the step that did it"),
    ("LL208", tint_blue, "tip", "With skin in an odd colour",
     "look at them, balance their white, or train with changes of colour")])
def test_faulty_pictures_are_listed_and_no_others(
    tmp_path: Path, pictures: dict[str, np.ndarray], natural: pd.DataFrame, code: str, edit: Edit,
    section: str, what: str, remedy: str,
):
    data = make_prepared(tmp_path, clean_frame(NUM_PICTURES))
    finding = look(code, data, measures=spoil(pictures, natural, edit))
    assert (finding.section, finding.isic_ids, finding.count) == (section, FAULTY, 3)
    assert finding.explanation == f"{what}: 3 of 40 pictures (7.5 %); {remedy}."


@pytest.mark.parametrize("code", ["LL204", "LL205", "LL207", "LL208"])
def test_natural_pictures_are_passed(tmp_path: Path, natural: pd.DataFrame, code: str):
    finding = look(code, make_prepared(tmp_path, clean_frame(NUM_PICTURES)), measures=natural)
    assert (finding.section, finding.isic_ids, finding.value) == ("passed", (), 0)
    assert finding.explanation.endswith(": none of 40 pictures.")


def test_a_cohort_of_swapped_pictures_is_swapped_as_a_whole(pictures: dict[str, np.ndarray]):
    swapped = pd.DataFrame({isic_id: measure_picture(rgb[..., ::-1].copy())
                            for isic_id, rgb in pictures.items()}).T
    assert find_swapped(swapped).all()


def test_a_rare_swap_must_be_sure_and_one_among_many_need_not():
    measures = imagine_measures(pd.RangeIndex(400))
    doubtful = {"red_over_blue": -0.15, "pigment_slope": 35.0}
    sure = {"red_over_blue": -0.5, "pigment_slope": 22.0}
    measures.loc[0, list(doubtful)] = list(doubtful.values())
    measures.loc[1, list(sure)] = list(sure.values())
    assert measures.index[find_swapped(measures)].tolist() == [1]
    measures.loc[2:9, list(sure)] = list(sure.values())
    assert measures.index[find_swapped(measures)].tolist() == [0, 1, *range(2, 10)]


def test_ink_does_not_make_a_picture_swapped():
    measures = imagine_measures(pd.RangeIndex(400))
    measures.loc[0, ["red_over_blue", "pigment_slope"]] = [0.04, 1.0]
    assert not find_swapped(measures).any()


def test_dark_skin_among_light_skin_is_no_cast():
    measures = imagine_measures(pd.RangeIndex(100))
    measures.loc[0, ["skin_l", "skin_a", "skin_b"]] = [28.0, 9.0, 12.0]
    assert not find_casts(measures).any()


def test_green_and_blue_skin_is_a_cast_in_any_cohort():
    measures = imagine_measures(pd.RangeIndex(5))
    measures.loc[0, "skin_a"], measures.loc[1, "skin_b"] = -9.0, -20.0
    assert measures.index[find_casts(measures)].tolist() == [0, 1]


def test_a_swapped_picture_is_no_cast_and_a_blank_one_neither():
    measures = imagine_measures(pd.RangeIndex(50))
    measures.loc[0, ["skin_b", "red_over_blue", "pigment_slope"]] = [-20.0, -0.5, 20.0]
    measures.loc[1, ["skin_a", "blank"]] = [-30.0, 1.0]
    assert not find_casts(measures).any()


def test_equal_pictures_are_no_casts():
    measures = pd.concat([imagine_measures(pd.RangeIndex(1))] * 60, ignore_index=True)
    assert not find_casts(measures).any()


@given(st.integers(1, 60), st.integers(0, 5))
def test_no_picture_is_blank_and_of_a_cast_at_once(num_pictures: int, seed: int):
    rng = np.random.default_rng(seed)
    measures = imagine_measures(pd.RangeIndex(num_pictures)) * rng.normal(
        1, 2, (num_pictures, len(MEASURES)))
    assert not (find_blank(measures) & find_casts(measures)).any()
