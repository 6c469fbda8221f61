"""Pictures that are no skin: what strays into a folder of lesions."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_WORDS = ("patient", "name", "date", "report", "lesion", "biopsy", "excised", "margin", "follow",
          "months", "referred", "ward", "scan", "copy", "page", "see", "letter", "of", "in", "the")


def draw_scene(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a page of text, a landscape, a street, a test pattern or noise, of the same size.

    Args:
        pixels: (H, W, 3) uint8, of which only the size is taken.
        rng: source of the randomness.
    """
    draw = _SCENES[rng.integers(len(_SCENES))]
    return np.asarray(draw((pixels.shape[1], pixels.shape[0]), rng))


def _draw_text(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", size, (250, 250, 246))
    draw = ImageDraw.Draw(image)
    line_height = max(8, size[1] // 18)
    font = ImageFont.load_default(0.7 * line_height)
    for top in range(line_height, size[1] - line_height, line_height):
        words = " ".join(rng.choice(_WORDS, 30))
        line = words[: int(rng.integers(20, 48))]
        draw.text((size[0] // 16, top), line, (25, 25, 30), font)
    return image


def _draw_landscape(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    width, height = size
    rows = np.linspace(0, 1, height)[:, None]
    sky = np.array([90, 150, 225]) * (1 - rows) + np.array([225, 235, 245]) * rows
    image = Image.fromarray(np.broadcast_to(sky[:, None], (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    x = np.arange(0, width + 8, 8)
    for level, colour in ((0.5, (120, 140, 160)), (0.65, (70, 120, 60)), (0.8, (45, 90, 40))):
        waves = np.sin(x / width * rng.uniform(4, 12) + rng.uniform(0, 6))
        y = height * (level + 0.07 * waves)
        draw.polygon([*zip(x.tolist(), y.tolist(), strict=True), (width, height), (0, height)],
                     fill=colour)
    radius, left = height / 12, rng.uniform(0.1, 0.8) * width
    draw.ellipse((left, height / 10, left + 2 * radius, height / 10 + 2 * radius), (255, 240, 170))
    return image


def _draw_street(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, (200, 215, 230))
    draw = ImageDraw.Draw(image)
    ground = 0.85 * height
    draw.rectangle((0, ground, width, height), (95, 95, 100))
    step = width / 4
    for number in range(4):
        left, top = number * step, ground - rng.uniform(0.35, 0.75) * height
        wall = tuple(int(level) for level in rng.integers(70, 220, 3))
        draw.rectangle((left, top, left + 0.92 * step, ground), wall)
        for y in np.arange(top + 0.04 * height, ground - 0.1 * height, 0.12 * height).tolist():
            for x in (left + 0.12 * step, left + 0.4 * step, left + 0.68 * step):
                draw.rectangle((x, y, x + 0.14 * step, y + 0.07 * height), (250, 235, 150))
    return image


def _draw_pattern(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    step = max(2, size[1] // int(rng.integers(6, 16)))
    columns, rows = np.meshgrid(np.arange(size[0]) // step, np.arange(size[1]) // step)
    dark = rng.integers(0, 80, 3, dtype=np.uint8)
    colours = np.stack([dark, 255 - dark])
    return Image.fromarray(colours[(columns + rows) % 2])


def _draw_noise(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


_SCENES: tuple[Callable[[tuple[int, int], np.random.Generator], Image.Image], ...] = (
    _draw_text, _draw_landscape, _draw_street, _draw_pattern, _draw_noise)
