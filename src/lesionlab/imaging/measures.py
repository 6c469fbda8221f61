"""Plain numbers of a picture: light, colour, sharpness, borders and what lies on the skin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from PIL import Image
from scipy import ndimage

from lesionlab.imaging.artefacts import find_dark_lines, find_hair, measure_ruler

MEASURES_VERSION = 2
"""Grows with every change of a number, so that kept ones are measured anew."""

MEASURES: Mapping[str, str] = MappingProxyType({
    "brightness": "mean brightness, 0 to 255",
    "contrast": "standard deviation of the brightness, grey levels",
    "sharpness": "fine detail, and how much of it for the coarse detail; below 0 is out of focus",
    "red": "mean of the red channel, 0 to 255",
    "green": "mean of the green channel, 0 to 255",
    "blue": "mean of the blue channel, 0 to 255",
    "saturation": "mean saturation, 0 to 1",
    "skin_l": "lightness of the skin around the lesion, L of CIELAB, 0 to 100",
    "skin_a": "green to red of the skin around the lesion, a of CIELAB",
    "skin_b": "blue to yellow of the skin around the lesion, b of CIELAB",
    "ita": "individual typology angle of the skin around the lesion, degrees",
    "red_over_blue": "log of red over blue in the skin around the lesion",
    "pigment_slope": "direction in which blue falls with red where it is darker, degrees",
    "blank": "share of the pixels within 4 grey levels of the commonest brightness",
    "corner_darkness": "share of the light that the corners lack, 0 to 1",
    "dark_border": "share of the outermost pixels that are nearly black, 0 to 1",
    "hair": "share of the pixels around the middle on long, dark, thin lines, 0 to 1",
    "ruler": "regularity of dark ticks along a side, 0 to 1",
    "ink": "share of the pixels around the middle of a green, blue or violet as of a pen, 0 to 1",
})
"""Every measure and what it says."""

WORK_SIDE = 256
"""Pixels on the shorter side to which a larger picture is reduced before it is measured."""

_LEAST_LIT = 40
"""Brightness under which a pixel of the rim is no skin but the dark beside the field of view."""
_NO_DIRECTION = 45.0
"""Degrees of a picture whose red and blue change alike, or not at all."""
_LOGS = np.log(np.arange(256, dtype=np.float32) + 1)

# IEC 61966-2-1: linear sRGB to XYZ, here over the white point D65, so that white is (1, 1, 1).
_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375],
                    [0.2126729, 0.7151522, 0.0721750],
                    [0.0193339, 0.1191920, 0.9503041]])
_TO_XYZ /= _TO_XYZ.sum(axis=1, keepdims=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Regions:
    """Parts of a picture, each (H, W) bool."""

    around: np.ndarray
    """Outside an oval of half of the sides, in which most lesions lie."""
    rim: np.ndarray
    """Outside an oval of three quarters of the sides."""
    corners: np.ndarray
    """What is further from the centre than nine tenths of the way to a corner."""


def measure_picture(rgb: np.ndarray) -> dict[str, float]:
    """The `MEASURES` of a picture, each a finite number, whatever the picture.

    A picture of more than 256 pixels on its shorter side is reduced to that first, so that the
    same scene gives nearly the same numbers at any larger size.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
    """
    picture = _reduce(Image.fromarray(rgb))
    half = picture.reduce(2)
    channels = [np.ascontiguousarray(np.asarray(half)[..., channel]) for channel in range(3)]
    greys = [np.asarray(level.convert("L")) for level in (picture, half, picture.reduce(4))]
    skin = _find_skin(channels, greys[1])
    found = {
        **_measure_light(picture, greys[0]), "sharpness": _measure_sharpness(*greys),
        **_measure_colour(channels, skin), **_measure_borders(greys[0]),
        **_measure_artefacts(greys[0], _find_ink(channels, skin)),
    }
    return {name: float(found[name]) for name in MEASURES}


def measure_ita(lightness: float, yellow: float) -> float:
    """The individual typology angle of skin, degrees: light skin above 41, dark skin below -30.

    arctan((L - 50) / b) by 180 / pi (Chardon et al. 1991, doi 10.1111/j.1467-2494.1991.tb00561.x;
    classes of Del Bino and Bernerd 2013, doi 10.1111/bjd.12529), continued past 90 degrees where
    b is negative, as of a bluish picture. It was made for a colorimeter on skin: on a picture it
    holds as far as the light and the white balance do.

    Args:
        lightness: L of CIELAB, 0 to 100.
        yellow: b of CIELAB.
    """
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))


def convert_to_lab(rgb: np.ndarray) -> np.ndarray:
    """(3,) float64: a colour in CIELAB under D65 (CIE 15:2004).

    Args:
        rgb: (3,) of sRGB, 0 to 255.
    """
    share = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = _TO_XYZ @ linear
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _reduce(picture: Image.Image) -> Image.Image:
    shorter = min(picture.size)
    if shorter <= WORK_SIDE:
        return picture
    size = tuple(round(side * WORK_SIDE / shorter) for side in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.BOX, reducing_gap=2.0)


def _measure_light(picture: Image.Image, grey: np.ndarray) -> dict[str, float]:
    levels = np.arange(256)
    counts = np.bincount(grey.ravel(), minlength=256)
    brightness = float(counts @ levels / grey.size)
    red, green, blue = (np.reshape(picture.histogram(), (3, 256)) @ levels / grey.size).tolist()
    return {"brightness": brightness, "red": red, "green": green, "blue": blue,
            "contrast": float(np.sqrt(counts @ (levels - brightness) ** 2 / grey.size)),
            "blank": float(np.convolve(counts, np.ones(9, np.int64)).max() / grey.size)}


def _measure_sharpness(grey: np.ndarray, half: np.ndarray, quarter: np.ndarray) -> float:
    """Log of the Laplacian's variance, and of its variance at half over that at quarter size.

    The first alone (Pech-Pacheco et al. 2000, doi 10.1109/ICPR.2000.903548) takes a faint lesion
    on even skin for a blurred one; blur takes from the fine detail and leaves the coarse.
    """
    fine, middle, coarse = map(_vary_laplacian, (grey, half, quarter))
    # Grey levels squared, about what rounding and the JPEG alone may give.
    return float(np.log10((1 + fine) * (1 + middle) / (3 + coarse)))


def _vary_laplacian(grey: np.ndarray) -> float:
    if min(grey.shape) < 3:
        return 0.0
    signed = grey.astype(np.int16)
    around = signed[:-2, 1:-1] + signed[2:, 1:-1] + signed[1:-1, :-2] + signed[1:-1, 2:]
    detail = (4 * signed[1:-1, 1:-1] - around).astype(np.float32).ravel()
    return float(detail @ detail / detail.size - detail.mean() ** 2)


def _find_skin(channels: Sequence[np.ndarray], grey: np.ndarray) -> np.ndarray:
    """(3,) float64: the median red, green and blue of the lighter half of the rim."""
    rim = _find_regions(*grey.shape).rim
    is_skin = _is_skin(grey[rim])
    return np.array([_find_median(channel[rim][is_skin]) for channel in channels], np.float64)


def _measure_colour(channels: Sequence[np.ndarray], skin: np.ndarray) -> dict[str, float]:
    """What the colours say, of red, green and blue, each (H, W) uint8."""
    red, green, blue = channels
    most = np.maximum(np.maximum(red, green), blue)
    chroma = most - np.minimum(np.minimum(red, green), blue)
    lightness, to_red, to_yellow = convert_to_lab(skin).tolist()
    return {
        "saturation": float((chroma / np.maximum(most, 1).astype(np.float32)).mean()),
        "skin_l": lightness, "skin_a": to_red, "skin_b": to_yellow,
        "ita": measure_ita(lightness, to_yellow),
        "red_over_blue": float(np.log((skin[0] + 1) / (skin[2] + 1))),
        "pigment_slope": _measure_slope(red, blue, (most > 20) & (most < 250)),
    }


def _measure_artefacts(grey: np.ndarray, is_ink: np.ndarray) -> dict[str, float]:
    """What lies on the skin around the middle, where the lesion is not.

    Args:
        grey: (H, W) uint8.
        is_ink: (ceil(H / 2), ceil(W / 2)) bool, of the picture at half its size.
    """
    dark_lines = find_dark_lines(grey)
    # A stroke of a pen is a dark line too, with edges of any colour.
    near_ink = ndimage.maximum_filter(is_ink.view(np.uint8), 5).repeat(2, axis=0).repeat(2, axis=1)
    is_hair = find_hair(dark_lines) & (near_ink[: grey.shape[0], : grey.shape[1]] == 0)
    return {"hair": float(is_hair[_find_regions(*grey.shape).around].mean()),
            "ink": float(is_ink[_find_regions(*is_ink.shape).around].mean()),
            "ruler": measure_ruler(dark_lines)}


def _find_ink(channels: Sequence[np.ndarray], skin: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels of red, green and blue, uint8, in a colour of pens.

    Either clearly blue or green, or darker than the skin with least of its green left and more
    of its blue than of its red, as gentian violet leaves it and neither melanin nor blood does.
    """
    red, green, blue = channels
    most = np.maximum(np.maximum(red, green), blue)
    above_red = np.maximum(green, blue).astype(np.int16) - red
    is_clear = (above_red > 25) & (above_red > 0.25 * most.astype(np.float32))
    of_red, of_green, of_blue = (channel / np.float32(max(level, 1.0))
                                 for channel, level in zip(channels, skin, strict=True))
    is_violet = ((of_green < 0.75 * np.minimum(of_red, of_blue)) & (of_blue > 1.1 * of_red)
                 & (of_green < 0.7))
    return (is_clear & (most >= 60)) | (is_violet & (most >= 45))


def _is_skin(rim: np.ndarray) -> np.ndarray:
    """(N,) bool: the lighter half of the rim's (N,) uint8 pixels, the dark beside it left out."""
    lit = rim[rim >= min(_LEAST_LIT, rim.max())]
    return rim >= _find_median(lit)


def _find_median(levels: np.ndarray) -> int:
    """The lower median of (N,) uint8, by counting."""
    counts = np.cumsum(np.bincount(levels))
    return int(np.searchsorted(counts, (counts[-1] + 1) // 2))


def _measure_slope(red: np.ndarray, blue: np.ndarray, is_clear: np.ndarray) -> float:
    """Direction of the first axis of log red and log blue, 0 (only red) to 90 degrees (blue).

    Melanin and blood absorb blue more than red, so that from skin to lesion blue falls faster:
    above 45 degrees in nearly every picture whose channels are in order, whatever its white
    balance.
    """
    if np.count_nonzero(is_clear) < 2:
        return _NO_DIRECTION
    logs = np.stack([_LOGS[red[is_clear]], _LOGS[blue[is_clear]]])
    (var_red, shared), (_, var_blue) = np.cov(logs)
    if shared == 0 and var_red == var_blue:
        return _NO_DIRECTION
    angle = np.degrees(np.arctan2(2 * shared, var_red - var_blue) / 2)
    return float(min(abs(angle), 90.0))


def _measure_borders(grey: np.ndarray) -> dict[str, float]:
    regions = _find_regions(*grey.shape)
    rim = grey[regions.rim]
    light = _find_median(rim[_is_skin(rim)])
    edge = max(1, min(grey.shape) // 64)
    frame = np.concatenate([part.ravel() for part in (
        grey[:edge], grey[-edge:], grey[:, :edge], grey[:, -edge:])])
    lacking = np.clip((light - grey[regions.corners].astype(np.float32)) / max(light, 1), 0, 1)
    return {"corner_darkness": float(lacking.mean()),
            "dark_border": float((frame < _LEAST_LIT).mean())}


@lru_cache(maxsize=64)
def _find_regions(height: int, width: int) -> _Regions:
    """The regions of a picture; all of it where a few pixels have no such region."""
    down, right = (np.abs((np.arange(size) + 0.5) / size * 2 - 1) for size in (height, width))
    oval = np.hypot(down[:, None], right)
    diagonal = np.hypot(down[:, None] * height, right * width) / np.hypot(height, width)
    around, rim, corners = (region if region.any() else ~region
                            for region in (oval > 0.5, oval > 0.75, diagonal > 0.9))
    return _Regions(around=around, rim=rim, corners=corners)
