"""Image bytes to upright sRGB pixels, or a DecodeError that says why not."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from platform import node
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from lesionlab.core.errors import DecodeError, InputError, MissingExtraError, RemoteError
from lesionlab.core.remote import is_remote, reaching
from lesionlab.imaging.colour import convert_to_srgb
from lesionlab.imaging.dicom_extra import require_dicom
from lesionlab.imaging.formats import is_dicom, load_image, open_image, read_orientation
from lesionlab.imaging.jpeg import decode_jpeg, estimate_quality

REJECTION_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "unreadable": "the file is missing, is not a file, or may not be read",
        "empty": "the file has no bytes",
        "not_an_image": "the bytes have the signature of no image format, or hold no picture",
        "unsupported": "an image of a format, or of a kind of sample, that is not decoded",
        "truncated": "the data end before the picture does",
        "corrupt": "the data contradict their own format",
        "too_large_file": "more bytes than the limit, counted before the file is read",
        "too_many_pixels": "more pixels than the limit, by the header, before decoding",
        "too_many_frames": "more frames than the limit, by the header",
        "too_small": "the shorter side has fewer pixels than the limit",
    }
)
"""Every reason of a DecodeError, and what it means."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each Exif orientation upright."""


@dataclass(frozen=True, kw_only=True)
class DecodeLimits:
    """What an image file may cost, and how small it may be."""

    max_bytes: int = 256 * 2**20
    """Largest file, in bytes."""
    max_pixels: int = 100_000_000
    """Most pixels; full frames of dermoscopes and telephones stay under 60 million."""
    max_frames: int = 10_000
    """Most frames of a DICOM file."""
    min_side: int = 16
    """Fewest pixels on the shorter side."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise InputError(f"DecodeLimits.{field.name} is {value}; give 1 or more")


DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedImage:
    """The pixels of one file, and what was learned on the way."""

    rgb: np.ndarray
    """(H, W, 3) uint8 sRGB, upright, perhaps reduced."""
    file_format: str
    """JPEG, PNG, BMP, TIFF, WEBP, GIF or DICOM."""
    jpeg_quality: int | None
    """Quality of a JPEG file, 1 to 100, estimated by `imaging.jpeg`; None for other formats."""
    width: int
    """Pixels of the upright picture before reduction."""
    height: int
    """Pixels of the upright picture before reduction."""
    is_storable: bool
    """Whether the file's own bytes say all that `rgb` says and no more, so that a store can
    keep them instead of a new encoding: a JPEG that is upright, was not reduced, and carries
    no colour profile and no metadata (which may name a patient or a place)."""
    is_profile_ignored: bool
    """Whether the file holds a colour profile that could not be used; sRGB was assumed."""


def read_image_file(path: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> bytes:
    """Returns the bytes of the file, refusing one that is too large before reading it.

    Raises:
        DecodeError: `unreadable` or `too_large_file`.
        RemoteError: all of its folder is gone, or what is behind the URL cannot be reached, so
            that nothing can be said of the image.
    """
    # A store that fails for a while tells nothing of an image, a disk that fails does.
    fault = FileNotFoundError if is_remote(path) else OSError
    with reaching(path):
        try:
            check_num_bytes(path.stat().st_size, limits)
            return path.read_bytes()
        except fault as error:
            if isinstance(error, FileNotFoundError) and not path.parent.exists():
                raise RemoteError(
                    f"{path.parent} is not there on {node()}; images are read by the workers: "
                    "give a URL, or a folder that all machines have under this name"
                ) from error
            raise DecodeError(
                "unreadable",
                f"{path} cannot be read ({error.strerror or error}); "
                "check that the file is there and may be read",
            ) from error


def decode_rgb(
    data: bytes, *, frame: int = 0, short_side: int | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> np.ndarray:
    """Returns the picture as (H, W, 3) uint8 sRGB, upright; see `decode_image`."""
    return decode_image(data, frame=frame, short_side=short_side, limits=limits).rgb


def decode_image(
    data: bytes, *, frame: int = 0, short_side: int | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> DecodedImage:
    """Returns the picture of an image file, upright and in sRGB.

    Of a DICOM file that is the frame of the number `frame`, from 0; of other formats the first.

    With `short_side`, a larger picture is reduced until its shorter side has exactly that many
    pixels, and its longer side the proportional number, rounded up; a smaller one is left as
    it is. A JPEG is reduced while it is decoded, to the next n/8 of its size, then bicubically
    with antialiasing. The same bytes always give the same pixels.

    Raises:
        DecodeError: with one of `REJECTION_REASONS`.
        InputError: `short_side` is below 1.
    """
    check_num_bytes(len(data), limits)
    if is_dicom(data):
        return _decode_dicom(data, frame, short_side, limits)
    file_format, image = open_image(data)
    with image:
        width, height = image.size
        _check_size(width, height, limits)
        target = _reduced_size(width, height, short_side)
        pixels, picture = _load(image, data, file_format, target)
        orientation = read_orientation(image)
    profile = image.info.get("icc_profile")
    if pixels is not None and picture.size == target and orientation == 1 and not profile:
        rgb, is_profile_ignored = pixels, False
    else:
        rgb, is_profile_ignored = _finish(picture, target, profile, orientation)
    return DecodedImage(
        rgb=rgb,
        file_format=file_format,
        jpeg_quality=_read_quality(image),
        width=width if orientation < 5 else height,
        height=height if orientation < 5 else width,
        is_storable=pixels is not None and target == (width, height) and _is_bare(image),
        is_profile_ignored=is_profile_ignored,
    )


def _decode_dicom(
    data: bytes, frame: int, short_side: int | None, limits: DecodeLimits
) -> DecodedImage:
    try:
        with require_dicom():
            from lesionlab.imaging import dicom
    except MissingExtraError as error:
        raise DecodeError("unsupported", str(error)) from error
    found = dicom.open_dicom(data, max_bytes=limits.max_bytes)
    _check_size(found.width, found.height, limits)
    _check_num_frames(found.num_frames, limits)
    target = _reduced_size(found.width, found.height, short_side)
    stream = dicom.find_jpeg(found, frame)
    if stream is None:
        picture = dicom.load_frame(found, frame)
    else:
        file_format, image = open_image(stream)
        with image:
            _, picture = _load(image, stream, file_format, target)
    rgb, is_profile_ignored = _finish(picture, target, found.profile, 1)
    return DecodedImage(rgb=rgb, file_format="DICOM", jpeg_quality=None, width=found.width,
                        height=found.height, is_storable=False,
                        is_profile_ignored=is_profile_ignored)


def _load(
    image: ImageFile.ImageFile, data: bytes, file_format: str, target: tuple[int, int]
) -> tuple[np.ndarray | None, Image.Image]:
    """The decoded picture, at least of the size of `target`, and its pixels where at hand."""
    pixels = _decode_fast(image, data, target)
    if pixels is not None:
        return pixels, Image.fromarray(pixels)
    image.draft(None, target)  # scales a CMYK JPEG; other formats take no notice
    return None, load_image(image, data, file_format)


def _finish(
    picture: Image.Image, target: tuple[int, int], profile: bytes | None, orientation: int
) -> tuple[np.ndarray, bool]:
    """The picture reduced, in sRGB and upright, and whether its profile was ignored."""
    if picture.size != target:
        picture = picture.resize(target, Image.Resampling.BICUBIC, reducing_gap=3.0)
    picture, is_profile_ignored = convert_to_srgb(picture, profile)
    if orientation in _TURNS:
        picture = picture.transpose(_TURNS[orientation])
    return np.array(picture), is_profile_ignored


def _decode_fast(
    image: ImageFile.ImageFile, data: bytes, target: tuple[int, int]
) -> np.ndarray | None:
    """The pixels by libjpeg-turbo where it can give them, else None."""
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    return decode_jpeg(data, None if target == image.size else min(target))


def _is_bare(image: ImageFile.ImageFile) -> bool:
    """Whether a JPEG has no block but those that say how to decode it."""
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    return {name for name, _ in image.applist} <= {"APP0", "APP14"}


def _read_quality(image: ImageFile.ImageFile) -> int | None:
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return estimate_quality(image.quantization) if is_jpeg else None


def _reduced_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    if short_side is not None and short_side < 1:
        raise InputError(f"short_side is {short_side}; give 1 or more, or None for full size")
    shorter = min(width, height)
    if short_side is None or shorter <= short_side:
        return width, height
    # Rounded up, as libjpeg's own n/8 scaling does: 341 x 256 at 7/8 is 299 x 224.
    return -(-width * short_side // shorter), -(-height * short_side // shorter)


def check_num_bytes(num_bytes: int, limits: DecodeLimits) -> None:
    """Raise DecodeError `too_large_file` for more bytes than the limit."""
    if num_bytes > limits.max_bytes:
        raise DecodeError(
            "too_large_file",
            f"the file has {num_bytes:,} bytes, over the limit of {limits.max_bytes:,}; "
            "reduce it, or raise DecodeLimits.max_bytes",
        )


def _check_num_frames(num_frames: int, limits: DecodeLimits) -> None:
    if num_frames > limits.max_frames:
        raise DecodeError(
            "too_many_frames",
            f"the header says {num_frames:,} frames, over the limit of {limits.max_frames:,}; "
            "split the file, or raise DecodeLimits.max_frames",
        )


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    if width * height > limits.max_pixels:
        raise DecodeError(
            "too_many_pixels",
            f"the header says {width:,} x {height:,} pixels, over the limit of "
            f"{limits.max_pixels:,}; reduce it, or raise DecodeLimits.max_pixels",
        )
    if min(width, height) < limits.min_side:
        raise DecodeError(
            "too_small",
            f"the picture has {width} x {height} pixels, and a shorter side under "
            f"{limits.min_side} shows no lesion; give a larger version of it",
        )
