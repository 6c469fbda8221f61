import numpy as np

from lesionlab.imaging.frames import find_frame


def test_dark_that_reaches_the_border_is_frame_and_a_dark_lesion_is_not():
    rows, columns = np.ogrid[-1:1:32j, -1:1:32j]
    radius = rows**2 + columns**2
    is_corner, is_lesion = radius > 1, radius < 0.1
    found = find_frame(np.stack([is_corner | is_lesion, is_lesion]))
    assert np.array_equal(found, [is_corner, np.zeros_like(is_lesion)])
    assert np.array_equal(find_frame(is_corner | is_lesion), is_corner)
