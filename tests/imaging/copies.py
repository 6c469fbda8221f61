"""Pictures to copy, and what copying does to them."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance


def draw_picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC))


def recompress(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def copy_pictures(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """What copying does to a picture."""
    image = Image.fromarray(rgb)
    half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
    copies = {
        "quality 50": recompress(image, 50),
        "quality 95": recompress(image, 95),
        "half": half,
        "half, quality 75": recompress(half, 75),
        "lighter": ImageEnhance.Brightness(image).enhance(1.1),
        "darker": ImageEnhance.Brightness(image).enhance(0.9),
    }
    return {name: np.asarray(copy) for name, copy in copies.items()}
