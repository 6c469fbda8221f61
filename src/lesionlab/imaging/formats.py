"""Image formats: recognised by signature, opened and loaded by Pillow's plugins."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.colour import flatten_modes
from lesionlab.imaging.jpeg import explain_jpeg_failure
from lesionlab.imaging.silence import silence_warnings

_Opener = Callable[[BytesIO], ImageFile.ImageFile]
# Pillow's plugins are called by signature, not through Image.open: it hides why a header was
# refused, tries formats that nobody vetted, and reads a process-wide pixel limit.
_OPENERS: tuple[tuple[int, bytes, str, _Opener], ...] = (
    (0, b"\xff\xd8\xff", "JPEG", JpegImagePlugin.JpegImageFile),
    (0, b"\x89PNG\r\n\x1a\n", "PNG", PngImagePlugin.PngImageFile),
    (0, b"BM", "BMP", BmpImagePlugin.BmpImageFile),
    (0, b"II*\0", "TIFF", TiffImagePlugin.TiffImageFile),
    (0, b"MM\0*", "TIFF", TiffImagePlugin.TiffImageFile),
    (0, b"II+\0", "TIFF", TiffImagePlugin.TiffImageFile),
    (0, b"MM\0+", "TIFF", TiffImagePlugin.TiffImageFile),
    (8, b"WEBP", "WEBP", WebPImagePlugin.WebPImageFile),
    (0, b"GIF87a", "GIF", GifImagePlugin.GifImageFile),
    (0, b"GIF89a", "GIF", GifImagePlugin.GifImageFile),
)
# Formats that a cohort may well hold and that are not decoded: (offset, signature, name).
_UNSUPPORTED_SIGNATURES = (
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypavif", "AVIF"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
)
_ORIENTATION_TAG = 0x0112  # Exif 2.32, table 4
_SIGNS_OF_TRUNCATION = ("truncated", "incomplete", "requires a buffer", "no more images")
_SIGNS_OF_AN_UNKNOWN_KIND = ("unsupported", "cannot handle", "unknown pixel mode", "not supported")
_DICOM_SIGNATURE = (128, b"DICM")
# DICOM without its preamble starts with an element of the group 0002 or 0008, of which the first
# are numbered to 0018; in big-endian files the bytes are swapped.
_FIRST_ELEMENTS = {element + b"\0" for element in (b"\0", b"\1", b"\2", b"\5", b"\6", b"\x08",
                                                 b"\x12", b"\x13", b"\x14", b"\x16", b"\x18")}


def is_dicom(data: bytes) -> bool:
    """Whether the bytes begin as a DICOM file does, with or without its preamble.

    Asked before other formats: the preamble may hold the signature of TIFF.
    """
    offset, signature = _DICOM_SIGNATURE
    if data.startswith(signature, offset):
        return True
    group, element = data[:2], data[2:4]
    return ((group in (b"\2\0", b"\x08\0") and element in _FIRST_ELEMENTS)
            or (group == b"\0\x08" and element[::-1] in _FIRST_ELEMENTS))


def open_image(data: bytes) -> tuple[str, ImageFile.ImageFile]:
    """Returns the format's name and the picture with its header read and no pixel decoded.

    Raises:
        DecodeError: `empty`, `not_an_image`, `unsupported`, `truncated` or `corrupt`.
    """
    file_format, opener = _recognise(data)
    with _explain_failures(data, file_format):
        return file_format, opener(BytesIO(data))


def load_image(image: ImageFile.ImageFile, data: bytes, file_format: str) -> Image.Image:
    """Returns the first frame, all of it decoded, in mode L, RGB or CMYK.

    Raises:
        DecodeError: `truncated`, `corrupt` or `unsupported`.
    """
    with _explain_failures(data, file_format):
        image.load()
        return flatten_modes(image)


def read_orientation(image: ImageFile.ImageFile) -> int:
    """Returns the Exif orientation, 1 to 8; 1 where it is absent or cannot be read."""
    with silence_warnings():
        try:
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        except (SyntaxError, ValueError, LookupError, TypeError, OSError, struct.error):
            return 1  # a broken Exif block says nothing, and the picture is whole
    return orientation if orientation in range(1, 9) else 1


def _recognise(data: bytes) -> tuple[str, _Opener]:
    if not data:
        raise DecodeError("empty", "the file is empty (0 bytes); copy or download the file again")
    for offset, signature, name, opener in _OPENERS:
        if data.startswith(signature, offset):
            return name, opener
    for offset, signature, name in _UNSUPPORTED_SIGNATURES:
        if data.startswith(signature, offset):
            raise DecodeError(
                "unsupported", f"{name} files are not decoded; convert it to JPEG, PNG or TIFF"
            )
    raise DecodeError(
        "not_an_image",
        f"no image format starts with the bytes {data[:8].hex(' ')}; "
        "give JPEG, PNG, BMP, TIFF, WebP, GIF or DICOM",
    )


@contextmanager
def _explain_failures(data: bytes, file_format: str) -> Iterator[None]:
    """Turns whatever a plugin raises into a DecodeError."""
    with silence_warnings():
        try:
            yield
        except DecodeError:
            raise
        # Plugins meet damaged bytes with any exception at all: struct.error, KeyError, ...
        except Exception as error:
            raise _explain(error, data, file_format) from error


def _explain(error: Exception, data: bytes, file_format: str) -> DecodeError:
    cause = str(error) or type(error).__name__
    text = cause.lower()
    if isinstance(error, Image.DecompressionBombError):
        return DecodeError("too_many_pixels", f"the {file_format} is too large: {cause}")
    if any(sign in text for sign in _SIGNS_OF_AN_UNKNOWN_KIND):
        return DecodeError(
            "unsupported",
            f"this kind of {file_format} is not decoded ({cause}); "
            "save it with 8 or 16 bits a channel",
        )
    if file_format == "JPEG":
        return explain_jpeg_failure(data, cause)
    # WebP's decoder does not say what it missed; the file's own length does.
    is_short = file_format == "WEBP" and int.from_bytes(data[4:8], "little") + 8 > len(data)
    if is_short or any(sign in text for sign in _SIGNS_OF_TRUNCATION):
        return DecodeError(
            "truncated",
            f"the {file_format} ends before its picture does ({len(data):,} bytes: {cause}); "
            "copy or download the file again",
        )
    return DecodeError(
        "corrupt", f"the {file_format} is damaged ({cause}); copy or download the file again"
    )
