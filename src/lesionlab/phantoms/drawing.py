"""Pictures of skin lesions, drawn from a description and a seed."""

from dataclasses import dataclass

import numpy as np

from lesionlab.phantoms.dermatoscope import add_artefacts, choose_artefacts
from lesionlab.phantoms.looks import Look, Traits, choose_traits
from lesionlab.phantoms.wave_field import FloatImage, Pose, cell_field, cloud_field

SKIN_TONES = {
    "I": (0.95, 0.80, 0.76),
    "II": (0.91, 0.73, 0.66),
    "III": (0.83, 0.64, 0.54),
    "IV": (0.70, 0.51, 0.40),
    "V": (0.52, 0.36, 0.27),
    "VI": (0.34, 0.23, 0.18),
}
"""RGB in [0, 1] of untanned skin by Fitzpatrick type, chosen by eye."""


def _channels(red: float, green: float, blue: float) -> FloatImage:
    """Return a value for each channel, (3, 1, 1) float32."""
    return np.array([red, green, blue], np.float32)[:, None, None]


# Optical densities by channel (red, green, blue): melanin absorbs more the shorter the wave,
# haemoglobin has its peak in the green.
_MELANIN = _channels(0.75, 1.35, 1.85)
_BLOOD = _channels(0.12, 0.95, 0.75)
# Melanin deep in the skin looks blue-grey (Tyndall effect).
_BLUE_GREY = _channels(0.38, 0.43, 0.55)
_WHITE = _channels(0.93, 0.84, 0.80)
_CRUST = _channels(0.33, 0.08, 0.06)
_KERATIN = _channels(0.96, 0.92, 0.78)
_PLUG = _channels(0.20, 0.12, 0.08)


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """All that several pictures of one lesion share."""

    look: Look
    """Its family."""
    severity: float
    """0 looks harmless, 1 dangerous."""
    skin_type: str
    """Fitzpatrick type, a key of `SKIN_TONES`."""
    seed: tuple[int, ...]
    """Seed of its shape and its texture."""


@dataclass(frozen=True, kw_only=True)
class View:
    """How one picture of a lesion is taken."""

    width: int
    """Picture width in pixels."""
    height: int
    """Picture height in pixels."""
    is_dermoscopic: bool
    """Whether through a dermatoscope; otherwise a clinical close-up."""
    seed: tuple[int, ...]
    """Seed of pose, light, hair and noise."""


def draw_lesion(lesion: Lesion, view: View) -> np.ndarray:
    """Return the picture of a lesion, (height, width, 3) uint8 RGB.

    Two views of one lesion differ in pose, zoom, light, hair and noise, and in nothing else.
    """
    lesion_rng = np.random.default_rng(lesion.seed)
    view_rng = np.random.default_rng(view.seed)
    traits = choose_traits(lesion.look, lesion.severity, lesion_rng)
    pose = _choose_pose(traits, view, view_rng)
    image = _paint_skin(lesion, pose, lesion_rng)
    image = _paint_lesion(image, traits, pose, lesion_rng)
    image = image * _channels(*view_rng.normal(1, [0.03, 0.02, 0.04]))
    artefacts = choose_artefacts(view_rng, is_dermoscopic=view.is_dermoscopic)
    image = add_artefacts(image, artefacts, view_rng)
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _choose_pose(traits: Traits, view: View, rng: np.random.Generator) -> Pose:
    zoom = rng.uniform(0.85, 1.15) * (1.0 if view.is_dermoscopic else 0.7)
    return Pose(
        width=view.width,
        height=view.height,
        center_x=view.width / 2 + view.height * rng.normal(0, 0.05),
        center_y=view.height * rng.normal(0.5, 0.04),
        radius=view.height * traits.radius * zoom,
        angle=rng.uniform(0, 2 * np.pi),
    )


def _paint_skin(lesion: Lesion, pose: Pose, rng: np.random.Generator) -> FloatImage:
    tone = np.array(SKIN_TONES[lesion.skin_type]) * rng.normal(1, [0.02, 0.03, 0.03])
    redness = 0.05 * cloud_field(rng, 0.3, 3).values(pose) + abs(rng.normal(0, 0.10))
    tan = 0.03 * cloud_field(rng, 0.3, 4).values(pose)
    # Skin lines: the furrows between the cells of a fine pattern.
    lines = np.abs(cell_field(rng, 5, spread=0.3).values(pose))
    tan += 0.035 * np.exp(-((lines / 0.25) ** 2))
    tan += 0.02 * cell_field(rng, 14, spread=0.3).values(pose)
    return _channels(*tone) * _absorbed(tan, redness)


def _paint_lesion(
    skin: FloatImage, traits: Traits, pose: Pose, rng: np.random.Generator
) -> FloatImage:
    depth = _shape(traits, pose, rng)
    inside = _step(depth, 0.30 - 0.24 * traits.abruptness)
    melanin = inside * _pigment(traits, pose, rng)
    melanin += _structures(traits, inside, depth, pose, rng)
    blood = inside * _bleeding(traits, pose, rng)
    image = skin * _absorbed(np.maximum(melanin, 0), np.maximum(blood, 0))
    image = _mix(image, _BLUE_GREY, 0.75 * inside * _patches(traits.veil, 0.9, pose, rng))
    image = _mix(image, _WHITE, 0.65 * inside * _patches(traits.whiteness, 1.6, pose, rng))
    center = np.exp(-(np.maximum(1 - depth, 0) ** 2) / 0.12)
    image = _mix(image, _WHITE, traits.white_center * center)
    crust = _patches(traits.ulcer, 1.3, pose, rng) * _step(depth - 0.25, 0.15)
    image = _mix(image, _CRUST, 0.85 * crust)
    if traits.milia > 0:
        spots = cell_field(rng, 2.6).values(pose)
        image = _mix(image, _KERATIN, 0.8 * traits.milia * inside * _step(spots - 1.7, 0.15))
        image = _mix(image, _PLUG, 0.8 * traits.milia * inside * _step(-spots - 1.8, 0.15))
    return image


def _shape(traits: Traits, pose: Pose, rng: np.random.Generator) -> FloatImage:
    """Return the depth below the border: 1 in the centre, 0 on the border, negative outside."""
    x, y = pose.coordinates()
    stretch = np.float32(1 + traits.elongation)
    distance = np.hypot(x / stretch, y * stretch)
    bulges = cloud_field(rng, 0.35, 0.8).values(pose)
    notches = cloud_field(rng, 1.2, 5).values(pose)
    depth = 1 - distance + np.float32(traits.asymmetry) * bulges
    return depth + np.float32(traits.irregularity) * notches


def _pigment(traits: Traits, pose: Pose, rng: np.random.Generator) -> FloatImage:
    uneven = traits.mottling * cloud_field(rng, 0.5, 4).values(pose)
    grain = 0.06 * cell_field(rng, 9, spread=0.4).values(pose)
    return np.float32(traits.melanin) * np.exp(uneven + grain)


def _structures(
    traits: Traits, inside: FloatImage, depth: FloatImage, pose: Pose, rng: np.random.Generator
) -> FloatImage:
    """Return the melanin of network, globules and blotches, (H, W) float32."""
    melanin = np.zeros_like(inside)
    if traits.network > 0:
        lines = cell_field(rng, rng.uniform(3.5, 5.5)).values(pose)
        fading = 0.5 + 0.5 * _step(0.6 - depth, 0.3)
        melanin += traits.network * fading * inside * (np.exp(-((lines / 0.45) ** 2)) - 0.4)
    if traits.globules > 0:
        dots = cell_field(rng, rng.uniform(3, 5), spread=0.3).values(pose)
        melanin += traits.globules * inside * _step(dots - 1.3, 0.25)
    black = _patches(traits.blotches, 1.0, pose, rng)
    return melanin + 1.1 * inside * black


def _bleeding(traits: Traits, pose: Pose, rng: np.random.Generator) -> FloatImage:
    """Return the blood of the lesion, its vessels and its lakes, (H, W) float32."""
    blood = traits.blood * (1 + 0.3 * cloud_field(rng, 0.6, 4).values(pose))
    if traits.vessels > 0:
        branches = np.abs(cloud_field(rng, 0.7, 2.5).values(pose))
        twigs = np.abs(cell_field(rng, 2.5, spread=0.4).values(pose))
        lines = np.exp(-((branches / 0.07) ** 2)) + 0.5 * np.exp(-((twigs / 0.06) ** 2))
        blood += 0.9 * traits.vessels * lines
    if traits.lacunae > 0:
        lakes = _step(cell_field(rng, 2.0, spread=0.25).values(pose) - 0.1, 0.4)
        blood += traits.lacunae * (0.9 * lakes - 0.2)
    return blood


def _patches(amount: float, frequency: float, pose: Pose, rng: np.random.Generator) -> FloatImage:
    """Return the cover in [0, 1] of patches that grow in area and strength with the amount."""
    field = cloud_field(rng, 0.5 * frequency, 6 * frequency)
    if amount <= 0:
        return np.zeros((pose.height, pose.width), np.float32)
    return np.float32(min(1.0, 2 * amount)) * _step(field.values(pose) + amount - 1.35, 0.7)


def _step(values: FloatImage, width: float) -> FloatImage:
    """Return a soft step from 0 to 1 around 0."""
    return 1 / (1 + np.exp(np.clip(values * np.float32(-4 / width), -30, 30)))


def _absorbed(melanin: FloatImage, blood: FloatImage) -> FloatImage:
    """Return the share of light that comes back, (3, H, W) float32 (Beer-Lambert law)."""
    return np.exp(-melanin * _MELANIN - blood * _BLOOD)


def _mix(image: FloatImage, colour: FloatImage, cover: FloatImage) -> FloatImage:
    # Paint is lit like the skin around it: on dark skin white is not as bright.
    shade = np.float32(0.45) + np.float32(0.55) * image.max()
    return image + cover * (colour * shade - image)
