"""Any kind of Pillow picture to plain sRGB."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from lesionlab.core.errors import DecodeError

_WHITE = (255, 255, 255, 255)
_MAX_16_BIT = 65_535
# The signature of a profile's colour space stands at bytes 16 to 19 (ICC.1:2022, 7.2.6).
_MODE_OF_COLOUR_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


def flatten_modes(image: Image.Image) -> Image.Image:
    """Returns the picture in mode L, RGB or CMYK, 8 bits a channel, opaque.

    Palettes are looked up, 1 bit becomes 0 or 255, 16 bits are scaled (not clipped) to 8.
    Transparency is laid on white, the paper that viewers show behind a picture: black would
    look like the vignette of a dermoscope, which networks take as a sign of the source.

    Raises:
        DecodeError: `unsupported`, for floating-point or 32-bit samples and exotic modes.
    """
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _scale_16_bit(image)
    if image.mode in ("L", "RGB", "P", "1") and "transparency" not in image.info:
        return image.convert("RGB") if image.mode == "P" else _widen_bits(image)
    if image.mode in ("L", "RGB", "P", "LA", "PA", "RGBA"):
        paper = Image.new("RGBA", image.size, _WHITE)
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    if image.mode == "CMYK":
        return image
    if image.mode in ("YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    raise _unsupported_samples(f"mode {image.mode}")


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """Returns the picture in sRGB, and whether its colour profile had to be ignored.

    A picture without a profile is taken as sRGB. So is one whose profile is broken or belongs
    to another colour space, as browsers do: its colours may be slightly off, its shapes are
    not, so it is kept, and the second value lets the caller count it.

    Args:
        image: mode L, RGB or CMYK.
        profile: the ICC profile found in the file, if any.
    """
    is_ignored = False
    if profile:
        transform = _srgb_transform(profile)
        if transform is not None and image.mode == "L" and transform.input_mode == "RGB":
            image = image.convert("RGB")
        if transform is not None and image.mode == transform.input_mode:
            return transform.apply(image), False
        is_ignored = True
    return image.convert("RGB"), is_ignored


@lru_cache(maxsize=16)
def _srgb_transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The transform from the profile to sRGB; None for a profile that cannot be used."""
    mode = _MODE_OF_COLOUR_SPACE.get(profile[16:20])
    if mode is None:
        return None
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(source, target, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _widen_bits(image: Image.Image) -> Image.Image:
    return image.convert("L") if image.mode == "1" else image


def _scale_16_bit(image: Image.Image) -> Image.Image:
    """Scales 0..65535 to 0..255, rounding to nearest."""
    samples = np.asarray(image).astype(np.int64)
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high > _MAX_16_BIT:
        raise _unsupported_samples(f"integers from {low:,} to {high:,}")
    scaled = (samples * 255 + _MAX_16_BIT // 2) // _MAX_16_BIT
    return Image.fromarray(scaled.astype(np.uint8))


def _unsupported_samples(what: str) -> DecodeError:
    return DecodeError(
        "unsupported",
        f"the image holds {what}, which has no one meaning as a colour; "
        "save it with 8 or 16 bits a channel",
    )
