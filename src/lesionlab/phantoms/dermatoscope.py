"""What a dermatoscope and its user add to a picture of a lesion: hair, gel, light, noise."""

from dataclasses import dataclass

import numpy as np

from lesionlab.phantoms.wave_field import FloatImage

_HAIR_COLOUR = np.array([0.13, 0.09, 0.08], np.float32)[:, None, None]


@dataclass(frozen=True, kw_only=True)
class Artefacts:
    """What is between the skin and the file, in amounts."""

    num_hairs: int
    """Hairs lying across the picture."""
    num_bubbles: int
    """Air bubbles in the gel."""
    vignette: float
    """Loss of light at the corners, 0 to 1."""
    has_dark_corners: bool
    """Whether the round field of view is seen."""
    has_ruler: bool
    """Whether a scale with ticks lies along the lower edge."""
    blur: float
    """Share of the neighbours in a pixel, 0 to 1."""
    noise: float
    """Standard deviation of the sensor noise, in units of full scale."""


def choose_artefacts(rng: np.random.Generator, *, is_dermoscopic: bool) -> Artefacts:
    """Return the artefacts of one picture; a clinical picture has no gel, ring or ruler."""
    num_hairs = int(rng.poisson(6)) if rng.random() < 0.4 else 0
    num_bubbles = int(rng.poisson(4)) if rng.random() < 0.3 else 0
    has_dark_corners = bool(rng.random() < 0.2)
    has_ruler = bool(rng.random() < 0.06)
    return Artefacts(
        num_hairs=num_hairs,
        num_bubbles=num_bubbles if is_dermoscopic else 0,
        vignette=float(rng.uniform(0.05, 0.45)) if is_dermoscopic else 0.05,
        has_dark_corners=has_dark_corners and is_dermoscopic,
        has_ruler=has_ruler and is_dermoscopic,
        blur=float(rng.uniform(0.1, 0.6)),
        noise=float(rng.uniform(0.004, 0.012)),
    )


def add_artefacts(image: FloatImage, artefacts: Artefacts, rng: np.random.Generator) -> FloatImage:
    """Return the picture seen through the dermatoscope.

    Args:
        image: (3, H, W) float32 in [0, 1].
        artefacts: what to add.
        rng: source of the randomness.

    Returns:
        (3, H, W) float32, about [0, 1].
    """
    height, width = image.shape[1:]
    x, y = find_grid(width, height)
    image = add_hair(image, artefacts.num_hairs, rng)
    if artefacts.has_ruler:
        image = add_ruler(image)
    image = _blurred(image, artefacts.blur)
    shine = np.zeros((height, width), np.float32)
    for _ in range(artefacts.num_bubbles):
        _add_bubble(shine, x, y, rng)
    image = (image + shine) * _light(x, y, artefacts, rng)
    grain = rng.standard_normal((height, width), dtype=np.float32)
    return image + artefacts.noise * grain


def find_grid(width: int, height: int) -> tuple[FloatImage, FloatImage]:
    """Return x (W,) and y (H, 1) of the pixels, 0 in the centre, in half heights."""
    x = np.linspace(-width / height, width / height, width, dtype=np.float32)
    return x, np.linspace(-1, 1, height, dtype=np.float32)[:, None]


def add_hair(image: FloatImage, num_hairs: int, rng: np.random.Generator) -> FloatImage:
    """Return the picture, (3, H, W) in [0, 1], under so many dark hairs."""
    if not num_hairs:
        return image
    x, y = find_grid(image.shape[2], image.shape[1])
    hair = np.zeros(image.shape[1:], np.float32)
    for _ in range(num_hairs):
        hair = np.maximum(hair, _hair_cover(x, y, rng))
    return image + hair * (_HAIR_COLOUR - image)


def add_ruler(image: FloatImage) -> FloatImage:
    """Return the picture, (3, H, W) in [0, 1], with a scale with ticks along its lower edge."""
    x, y = find_grid(image.shape[2], image.shape[1])
    spacing = 0.1
    step = np.round(x / spacing)
    on_tick = np.abs(x - step * spacing) < 0.008
    tick_length = np.where(step % 5 == 0, 0.16, 0.08)
    return np.where(on_tick & (y > 0.97 - tick_length) & (y < 0.97), np.float32(0.15), image)


def add_dark_corners(image: FloatImage, radius: float) -> FloatImage:
    """Return the picture, (3, H, W), in a round field of view of a radius in half heights."""
    x, y = find_grid(image.shape[2], image.shape[1])
    return image * _field_of_view(np.hypot(x, y), radius)


def _field_of_view(distance: FloatImage, radius: float) -> FloatImage:
    """Return the light in [0.04, 1] at distances from the centre, in half heights."""
    return np.clip((np.float32(radius) - distance) / 0.04, 0.04, 1)


def _hair_cover(x: FloatImage, y: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Return the cover in [0, 1] of one hair, a parabola, (H, W) float32."""
    angle, curve = rng.uniform(0, np.pi), rng.normal(0, 0.25)
    offset, start = rng.uniform(-1.1, 1.1), rng.uniform(-1.6, 0.3)
    half_width, darkness = rng.uniform(0.006, 0.012), rng.uniform(0.5, 0.9)
    length = rng.uniform(0.8, 2.6)
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    distance = np.abs(across - np.float32(offset) - np.float32(curve) * along**2)
    distance /= np.sqrt(1 + np.float32(4 * curve**2) * along**2)
    # Hair is thick at the root and thin at the tip.
    taper = np.clip((start + length - along) / np.float32(length), 0, 1) * (along > start)
    cover = np.clip(1.5 - distance / np.float32(half_width), 0, 1) * np.sqrt(taper)
    return np.float32(darkness) * cover


def _add_bubble(shine: FloatImage, x: FloatImage, y: FloatImage, rng: np.random.Generator) -> None:
    """Add to `shine`, in place, the light from the rim and the glint of one bubble."""
    center_x, center_y = rng.uniform(-1.3, 1.3), rng.uniform(-1, 1)
    radius = 0.02 + 0.05 * rng.random() ** 2
    columns = np.flatnonzero(np.abs(x - center_x) < 1.7 * radius)
    rows = np.flatnonzero(np.abs(y[:, 0] - center_y) < 1.7 * radius)
    across, down = (x[columns] - center_x) / radius, (y[rows] - center_y) / radius
    rim = np.exp(-(((np.hypot(across, down) - 1) / 0.18) ** 2))
    glint = np.exp(-((np.hypot(across + 0.4, down + 0.4) / 0.22) ** 2))
    shine[np.ix_(rows, columns)] += 0.22 * rim + 0.7 * glint


def _light(
    x: FloatImage, y: FloatImage, artefacts: Artefacts, rng: np.random.Generator
) -> FloatImage:
    tilt_x, tilt_y = rng.normal(0, 0.05, 2)
    distance = np.hypot(x, y)
    light = 1 + np.float32(tilt_x) * x + np.float32(tilt_y) * y
    light -= np.float32(artefacts.vignette / 1.67**3) * distance * (x**2 + y**2)
    if artefacts.has_dark_corners:
        light *= _field_of_view(distance, rng.uniform(1.15, 1.45))
    return light


def _blurred(image: FloatImage, share: float) -> FloatImage:
    for axis in (1, 2):
        neighbours = np.roll(image, 1, axis) + np.roll(image, -1, axis)
        image = image + np.float32(share / 3) * (neighbours - 2 * image)
    return image
