"""The quality of a JPEG is read from its tables, and other formats have none."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lesionlab.imaging.decoding import decode_image
from lesionlab.imaging.jpeg import encode_jpeg, estimate_quality

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 40, 3), dtype=np.uint8))


def save(file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    PICTURE.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quality", [*range(5, 100, 9), 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_quality_that_a_file_was_written_with_is_found(quality: int, progressive: bool):
    data = save("JPEG", quality=quality, progressive=progressive)
    assert decode_image(data).jpeg_quality == quality
    assert decode_image(encode_jpeg(np.asarray(PICTURE), quality)).jpeg_quality == quality


def test_a_grey_jpeg_has_a_quality():
    buffer = BytesIO()
    PICTURE.convert("L").save(buffer, "JPEG", quality=82)
    assert decode_image(buffer.getvalue(), short_side=16).jpeg_quality == 82


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_other_formats_have_no_quality(file_format: str):
    assert decode_image(save(file_format)).jpeg_quality is None


def test_tables_of_another_kind_have_the_nearest_quality_or_none():
    assert estimate_quality({0: [1] * 64}) == 100
    assert estimate_quality({0: [255] * 64}) == 1
    assert estimate_quality({0: [65_535] * 64}) == 1
    assert estimate_quality({1: [1] * 64}) is None
    assert estimate_quality({}) is None
