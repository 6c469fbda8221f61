"""JPEG bytes to pixels and back, by libjpeg-turbo."""

from collections.abc import Mapping, Sequence

import numpy as np
import simplejpeg

from lesionlab.core.errors import DecodeError

START_OF_SCAN = b"\xff\xda"
END_OF_IMAGE = b"\xff\xd9"

# Complaints of libjpeg-turbo about files whose picture is whole. It reports only its first
# complaint, and stray bytes before the end marker come after the last pixel, so that nothing
# can hide behind this one; an unusual chroma sampling is one that only Pillow unpacks.
_HARMLESS_COMPLAINTS = ("extraneous bytes before marker 0xd9", "Could not determine subsampling")

# ITU-T T.81 (1992), table K.1: the steps for luminance that libjpeg scales by its quality.
_LUMINANCE_STEPS = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99])
_QUALITIES = np.arange(1, 101)
_SCALES = np.where(_QUALITIES < 50, 5000 // _QUALITIES, 200 - 2 * _QUALITIES)
_STEPS = np.clip((_SCALES[:, None] * _LUMINANCE_STEPS + 50) // 100, 1, 255)


def decode_jpeg(data: bytes, short_side: int | None) -> np.ndarray | None:
    """Returns the stored pixels of a grey or RGB JPEG, with its colour profile not yet applied.

    The inverse DCT runs at the smallest n/8 of full size that leaves both sides at least
    `short_side`: a 3000 x 2250 file is never unpacked whole for 256 pixels.

    Args:
        data: a whole JPEG file; bytes after its end marker are ignored.
        short_side: pixels that each side must keep, at most the picture's own shorter side;
            None for full size.

    Returns:
        (H, W, 3) uint8, not yet upright; None where the picture is whole but this decoder
        would not read it without complaint.

    Raises:
        DecodeError: `truncated` or `corrupt`; libjpeg's grey padding is never returned.
    """
    side = short_side or 0
    try:
        return simplejpeg.decode_jpeg(data, "RGB", min_height=side, min_width=side)
    except ValueError as error:
        cause = str(error)
    if any(complaint in cause for complaint in _HARMLESS_COMPLAINTS) and _has_end(data):
        return None
    raise explain_jpeg_failure(data, cause)


def explain_jpeg_failure(data: bytes, cause: str) -> DecodeError:
    """Returns the error for a JPEG that cannot be decoded: `truncated` or `corrupt`."""
    # Entropy-coded data never hold the end marker by chance: 0xFF is followed by 0 there.
    if not _has_end(data) or "premature end" in cause.lower():
        return DecodeError(
            "truncated",
            f"the JPEG ends before its picture does ({len(data):,} bytes: {cause}); "
            "copy or download the file again",
        )
    return DecodeError("corrupt", f"the JPEG is damaged ({cause}); copy or download the file again")


def encode_jpeg(rgb: np.ndarray, quality: int = 95) -> bytes:
    """Returns the picture as a baseline JPEG; the same pixels always give the same bytes.

    Colour is kept at full resolution (4:4:4): vessels and blue-white structures are a few
    pixels wide after reduction, and halved chroma would smear them.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        quality: libjpeg's quality, 1 to 100.
    """
    pixels = np.ascontiguousarray(rgb)
    return simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="444", fastdct=False)


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Returns the quality, 1 to 100, with which libjpeg would have quantized most nearly alike.

    Its luminance steps by quality are those of `jpeg_quality_scaling` and `jpeg_set_linear_quality`
    (Independent JPEG Group, jcparam.c); the nearest has the least sum of absolute differences.
    Cameras and other encoders have tables of their own, for which it is a likeness only.

    Args:
        tables: 64 steps in natural order by number; the first is for luminance.

    Returns:
        None where there is no whole first table.
    """
    steps = np.asarray(tables.get(0, ()))
    if steps.shape != (64,):
        return None
    return int(_QUALITIES[np.abs(_STEPS - np.minimum(steps, 255)).sum(axis=1).argmin()])


def _has_end(data: bytes) -> bool:
    """Whether an end-of-image marker follows the last scan."""
    return END_OF_IMAGE in data[max(data.rfind(START_OF_SCAN), 0) :]
