"""Tests of the pictures of lesions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionlab.phantoms.drawing import SKIN_TONES, Lesion, View, draw_lesion
from lesionlab.phantoms.looks import choose_traits
from lesionlab.phantoms.wave_field import Pose, cell_field, cloud_field

LOOKS = ("melanocytic", "keratotic", "translucent", "vascular")
NEVUS = Lesion(look="melanocytic", severity=0.2, skin_type="II", seed=(0, 1))
VIEW = View(width=96, height=72, is_dermoscopic=True, seed=(0, 2))


@settings(max_examples=25, deadline=None)
@given(
    look=st.sampled_from(LOOKS),
    severity=st.floats(0, 1),
    skin_type=st.sampled_from(list(SKIN_TONES)),
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(32, 90), st.integers(32, 90)),
    is_dermoscopic=st.booleans(),
)
def test_every_lesion_is_a_picture_of_the_size_asked_for(
    look, severity, skin_type, seed, size, is_dermoscopic
):
    lesion = Lesion(look=look, severity=severity, skin_type=skin_type, seed=(seed, 1))
    width, height = size
    view = View(width=width, height=height, is_dermoscopic=is_dermoscopic, seed=(seed, 2))
    image = draw_lesion(lesion, view)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.std() > 3
    assert np.array_equal(image, draw_lesion(lesion, view))


def test_two_views_of_a_lesion_differ_in_pixels_and_share_its_colours():
    views = [draw_lesion(NEVUS, replace(VIEW, seed=(0, n))) for n in range(8)]
    others = [draw_lesion(replace(NEVUS, skin_type="VI"), replace(VIEW, seed=(1, 0)))]
    assert not np.array_equal(views[0], views[1])
    center = [np.median(image[30:42, 40:56], axis=(0, 1)) for image in views + others]
    spread = np.std(center[:-1], axis=0).max()
    assert np.abs(np.mean(center[:-1], axis=0) - center[-1]).max() > 2 * spread


def test_skin_darkens_with_its_type():
    def brightness(skin_type: str) -> float:
        lesion = replace(NEVUS, skin_type=skin_type)
        images = [draw_lesion(lesion, replace(VIEW, seed=(0, n))) for n in range(4)]
        return float(np.mean([np.median(image) for image in images]))

    tones = [brightness(skin_type) for skin_type in ("I", "III", "V", "VI")]
    assert tones == sorted(tones, reverse=True)


@pytest.mark.parametrize("look", LOOKS)
def test_dangerous_lesions_are_larger_less_regular_and_have_more_colours(look):
    def mean_traits(severity: float) -> dict[str, float]:
        traits = [choose_traits(look, severity, np.random.default_rng(n)) for n in range(30)]
        colours = [
            sum(amount > 0.1 for amount in (t.blotches, t.veil, t.whiteness, t.ulcer, t.blood))
            for t in traits
        ]
        return {
            "radius": float(np.mean([t.radius for t in traits])),
            "asymmetry": float(np.mean([t.asymmetry for t in traits])),
            "irregularity": float(np.mean([t.irregularity for t in traits])),
            "colours": float(np.mean(colours)),
        }

    harmless, dangerous = mean_traits(0.1), mean_traits(0.95)
    assert all(dangerous[name] > harmless[name] for name in harmless)


@pytest.mark.parametrize("make", [lambda r: cell_field(r, 3), lambda r: cloud_field(r, 0.5, 5)])
def test_a_field_has_mean_0_and_variance_1(make):
    pose = Pose(width=60, height=60, center_x=30, center_y=30, radius=4, angle=0.3)
    values = np.stack([make(np.random.default_rng(n)).values(pose) for n in range(60)])
    assert abs(values.mean()) < 0.05
    assert values.var() == pytest.approx(1, abs=0.1)


def test_a_field_turns_and_moves_with_the_lesion():
    field = cell_field(np.random.default_rng(0), 2)
    first = Pose(width=41, height=41, center_x=20, center_y=20, radius=10, angle=0)
    turned = replace(first, angle=np.pi / 2)
    moved = replace(first, center_x=25)
    assert np.allclose(np.rot90(field.values(first), -1), field.values(turned), atol=1e-3)
    assert np.allclose(field.values(first)[:, :36], field.values(moved)[:, 5:], atol=1e-3)
