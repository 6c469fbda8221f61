import numpy as np
import pytest

from lesionlab.auditing.altering import ALTERATIONS, AlteredViews, alter_picture
from lesionlab.imaging.preprocessing import Preprocessing

PICTURE = np.arange(10 * 20 * 3, dtype=np.uint8).reshape(10, 20, 3)


@pytest.mark.parametrize(("alteration", "shape", "first"), [
    ("turned", (20, 10, 3), (0, 19)), ("upside down", (10, 20, 3), (9, 0)),
    ("mirrored", (10, 20, 3), (0, 19)), ("cropped", (8, 16, 3), (0, 0))])
def test_each_alteration_is_what_its_name_says(
    alteration: str, shape: tuple[int, ...], first: tuple[int, int]
):
    altered = alter_picture(PICTURE, ALTERATIONS.index(alteration))
    assert altered.shape == shape
    assert altered[0, 0].tolist() == PICTURE[first].tolist()


def test_views_are_squares_and_each_depends_on_its_alteration():
    views = AlteredViews(preprocessing=Preprocessing(size_px=8, decode_side=256))
    items = [(view, "a") for view in range(len(ALTERATIONS))]
    assert views.draw({"a": PICTURE}, {}, items).shape == (len(ALTERATIONS), 8, 8, 3)
    assert len({str(views.describe(view)) for view, _ in items}) == len(ALTERATIONS)
