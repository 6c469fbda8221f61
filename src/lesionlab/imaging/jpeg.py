"""JPEG bytes to pixels and back, by libjpeg-turbo."""

import numpy as np
import simplejpeg

from lesionlab.core.errors import DecodeError

START_OF_SCAN = b"\xff\xda"
END_OF_IMAGE = b"\xff\xd9"

# Complaints of libjpeg-turbo about files whose picture is whole. It reports only its first
# complaint, and stray bytes before the end marker come after the last pixel, so that nothing
# can hide behind this one; an unusual chroma sampling is one that only Pillow unpacks.
_HARMLESS_COMPLAINTS = ("extraneous bytes before marker 0xd9", "Could not determine subsampling")


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


def _has_end(data: bytes) -> bool:
    """Whether an end-of-image marker follows the last scan."""
    return END_OF_IMAGE in data[max(data.rfind(START_OF_SCAN), 0) :]
