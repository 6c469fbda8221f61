"""Every measure is a finite number of any picture, and tells a marked picture from a plain one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lesionlab.imaging.measures import (
    MEASURES,
    WORK_SIDE,
    convert_to_lab,
    measure_ita,
    measure_picture,
)
from lesionlab.phantoms import edits
from lesionlab.phantoms.drawing import SKIN_TONES, Lesion, View, draw_lesion
from lesionlab.phantoms.pictures import Edit

NUM_PICTURES = 8
SHARES = ("saturation", "blank", "corner_darkness", "dark_border", "hair", "ruler", "ink")


def draw(number: int, skin_type: str = "II", size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A dermoscopic picture."""
    return draw_lesion(
        Lesion(look="melanocytic", severity=number / NUM_PICTURES, skin_type=skin_type,
               seed=(number, 1)),
        View(width=size[0], height=size[1], is_dermoscopic=True, seed=(number, 2)))


PICTURES = [draw(number, list(SKIN_TONES)[number % 6]) for number in range(NUM_PICTURES)]
PLAIN = [measure_picture(picture) for picture in PICTURES]


def mark(edit: Edit) -> list[dict[str, float]]:
    """Measures of the pictures, each edited."""
    return [measure_picture(np.ascontiguousarray(edit(picture, np.random.default_rng(number))))
            for number, picture in enumerate(PICTURES)]


def measure(name: str, found: list[dict[str, float]]) -> np.ndarray:
    return np.array([measures[name] for measures in found])


@given(st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3))))
def test_any_picture_has_every_measure_in_its_range(picture: np.ndarray):
    found = measure_picture(picture)
    assert list(found) == list(MEASURES)
    assert all(np.isfinite(value) for value in found.values())
    assert all(0 <= found[name] <= 1 for name in SHARES)
    assert all(0 <= found[name] <= 255 for name in ("brightness", "red", "green", "blue"))
    assert 0 <= found["contrast"] <= 127.5
    assert 0 <= found["skin_l"] <= 100 + 1e-9
    assert -180 <= found["ita"] <= 180
    assert 0 <= found["pigment_slope"] <= 90


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 90), (2, 3), (300, 400)])
def test_a_picture_of_one_grey_shows_nothing(level: int, size: tuple[int, int]):
    found = measure_picture(np.full((*size, 3), level, np.uint8))
    assert found["brightness"] == found["red"] == found["green"] == found["blue"] == level
    assert (found["blank"], found["dark_border"]) == (1, level == 0)
    assert {found[name] for name in (
        "contrast", "saturation", "hair", "ruler", "ink", "corner_darkness", "red_over_blue",
    )} == {0}
    assert found["pigment_slope"] == 45
    assert found["skin_a"] == pytest.approx(0, abs=1e-9)


@given(arrays(np.uint8, (24, 31, 3)))
def test_exchanged_channels_mirror_the_two_measures_of_their_order(picture: np.ndarray):
    found, swapped = measure_picture(picture), measure_picture(picture[..., ::-1].copy())
    assert swapped["pigment_slope"] == pytest.approx(90 - found["pigment_slope"], abs=0.1)
    assert (swapped["red"], swapped["blue"]) == (found["blue"], found["red"])


def test_the_size_of_a_larger_picture_hardly_matters():
    small, large = (measure_picture(np.asarray(Image.fromarray(PICTURES[2]).resize(
        (side * 4 // 3, side), Image.Resampling.LANCZOS))) for side in (WORK_SIDE, 3 * WORK_SIDE))
    assert large["sharpness"] == pytest.approx(small["sharpness"], abs=0.3)
    assert {name: large[name] for name in SHARES} == pytest.approx(
        {name: small[name] for name in SHARES}, abs=0.1)
    assert all(large[name] == pytest.approx(small[name], abs=2)
               for name in ("brightness", "contrast", "skin_l", "skin_a", "skin_b", "ita"))


@pytest.mark.parametrize(("edit", "name"), [
    (edits.darken_corners, "corner_darkness"), (edits.darken_corners, "dark_border"),
    (edits.lay_ruler, "ruler"), (edits.lay_hair, "hair"), (edits.draw_ink, "ink"),
    (edits.blank, "blank"), (edits.warm_light, "skin_b"), (edits.warm_light, "saturation")])
def test_a_mark_raises_its_measure(edit: Edit, name: str):
    assert (measure(name, mark(edit)) > measure(name, PLAIN)).all()


@pytest.mark.parametrize(("edit", "name"), [
    (edits.blur, "sharpness"), (edits.swap_channels, "red_over_blue"),
    (edits.swap_channels, "pigment_slope"), (edits.warm_light, "brightness"),
    (edits.warm_light, "skin_l")])
def test_a_mark_lowers_its_measure(edit: Edit, name: str):
    assert (measure(name, mark(edit)) < measure(name, PLAIN)).all()


@pytest.mark.parametrize("turns", range(4))
def test_a_ruler_is_found_at_every_side(turns: int):
    found = measure_picture(np.rot90(edits.lay_ruler(PICTURES[1], np.random.default_rng(0)),
                                     turns).copy())
    assert found["ruler"] > 0.5 > PLAIN[1]["ruler"]


def test_ink_is_not_taken_for_hair():
    assert (measure("hair", mark(edits.draw_ink)) < measure("hair", PLAIN) + 0.02).all()


def test_darker_skin_has_a_lower_typology_angle():
    angles = [measure_picture(draw(3, skin_type))["ita"] for skin_type in SKIN_TONES]
    assert angles == sorted(angles, reverse=True)


def test_the_typology_angle_follows_its_formula():
    assert measure_ita(70, 20) == pytest.approx(45)
    assert measure_ita(30, 20) == pytest.approx(-45)
    assert measure_ita(50, 10) == 0
    assert measure_ita(70, -20) == pytest.approx(135)


@pytest.mark.parametrize(("rgb", "lab"), [
    # The corners of sRGB as B. Lindbloom's calculator gives them.
    ((255, 255, 255), (100, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (53.24, 80.09, 67.20)),
    ((0, 255, 0), (87.73, -86.18, 83.18)), ((0, 0, 255), (32.30, 79.19, -107.86))])
def test_colours_are_those_of_cielab(rgb: tuple[int, ...], lab: tuple[float, ...]):
    assert convert_to_lab(np.array(rgb)) == pytest.approx(lab, abs=0.05)
