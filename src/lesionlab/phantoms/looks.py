"""Four families of lesions, each from harmless to dangerous by its severity."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Look = Literal["melanocytic", "keratotic", "translucent", "vascular"]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is to be seen in one lesion, each in amounts of about 0 to 1."""

    radius: float
    """Mean radius as a share of the picture's height."""
    elongation: float
    """Relative difference between the two axes."""
    asymmetry: float
    """Size of coarse bulges, in lesion radii."""
    irregularity: float
    """Size of fine notches of the border, in lesion radii."""
    abruptness: float
    """Steepness of the border: 0 fades into the skin, 1 stops at a line."""
    melanin: float
    """Brown pigment on average."""
    mottling: float
    """Unevenness of the brown pigment."""
    blood: float
    """Redness on average."""
    network: float = 0.0
    """Lines of the pigment network."""
    globules: float = 0.0
    """Dots and globules of pigment."""
    blotches: float = 0.0
    """Black structureless areas."""
    veil: float = 0.0
    """Blue-grey areas: a veil, or nests of pigment."""
    whiteness: float = 0.0
    """White areas without structure, such as regression and scales."""
    white_center: float = 0.0
    """White patch in the middle."""
    milia: float = 0.0
    """Small white dots and dark plugs of a keratosis."""
    vessels: float = 0.0
    """Branching red vessels."""
    lacunae: float = 0.0
    """Round red to purple lakes of blood."""
    ulcer: float = 0.0
    """Dark red erosion or crust."""


def _ramp(severity: float, start: float) -> float:
    """Return 0 up to `start` and then a straight line that reaches 1 at severity 1."""
    return max(0.0, (severity - start) / (1 - start))


def _melanocytic(severity: float, rng: np.random.Generator) -> Traits:
    pattern = rng.random()
    return Traits(
        radius=0.25 + 0.15 * severity + rng.uniform(-0.05, 0.05),
        elongation=rng.uniform(0, 0.25),
        asymmetry=0.02 + 0.24 * severity,
        irregularity=0.01 + 0.10 * severity,
        abruptness=0.15 + 0.5 * severity * rng.random(),
        melanin=0.50 + 0.30 * severity + rng.uniform(-0.15, 0.15),
        mottling=0.08 + 0.50 * severity,
        blood=0.10 + 0.25 * severity * rng.random(),
        network=0.45 * (pattern < 0.65) * rng.uniform(0.5, 1),
        globules=(0.5 * (pattern > 0.5) + 0.4 * severity) * rng.uniform(0.4, 1),
        blotches=_ramp(severity, 0.35),
        veil=_ramp(severity, 0.45) * rng.uniform(0.5, 1),
        whiteness=0.8 * _ramp(severity, 0.6) * rng.random(),
    )


def _keratotic(severity: float, rng: np.random.Generator) -> Traits:
    return Traits(
        radius=0.26 + 0.12 * severity + rng.uniform(-0.05, 0.05),
        elongation=rng.uniform(0, 0.3),
        asymmetry=0.04 + 0.22 * severity,
        irregularity=0.03 + 0.05 * severity,
        abruptness=0.9 - 0.6 * severity,
        melanin=0.55 * (1 - 0.8 * severity) + rng.uniform(0, 0.12),
        mottling=0.20 + 0.15 * severity,
        blood=0.08 + 0.65 * severity,
        globules=0.15 * rng.random(),
        milia=(1 - severity) * rng.uniform(0.6, 1),
        whiteness=0.9 * _ramp(severity, 0.3),
        vessels=0.3 * _ramp(severity, 0.4),
        ulcer=_ramp(severity, 0.5),
    )


def _translucent(severity: float, rng: np.random.Generator) -> Traits:
    return Traits(
        radius=0.24 + 0.12 * severity + rng.uniform(-0.05, 0.05),
        elongation=rng.uniform(0, 0.2),
        asymmetry=0.03 + 0.22 * severity,
        irregularity=0.01 + 0.08 * severity,
        abruptness=0.05 + 0.4 * severity,
        melanin=0.30 * (1 - 0.8 * severity) + rng.uniform(0, 0.08),
        mottling=0.08 + 0.20 * severity,
        blood=0.15 + 0.25 * severity,
        network=0.35 * (1 - severity),
        white_center=0.75 * (1 - _ramp(severity, 0.2)),
        whiteness=0.25 * severity,
        vessels=_ramp(severity, 0.25),
        veil=_ramp(severity, 0.4) * rng.uniform(0.5, 1),
        ulcer=0.8 * _ramp(severity, 0.5) * rng.random(),
    )


def _vascular(severity: float, rng: np.random.Generator) -> Traits:
    return Traits(
        radius=0.21 + 0.15 * severity + rng.uniform(-0.04, 0.04),
        elongation=rng.uniform(0, 0.15),
        asymmetry=0.02 + 0.25 * severity,
        irregularity=0.02 + 0.08 * severity,
        abruptness=0.85,
        melanin=0.02 + 0.5 * severity,
        mottling=0.05 + 0.25 * severity,
        blood=0.75 - 0.25 * severity,
        lacunae=1 - 0.8 * severity,
        blotches=_ramp(severity, 0.3),
        veil=_ramp(severity, 0.25),
        ulcer=0.3 * _ramp(severity, 0.6),
    )


_LOOKS: dict[Look, Callable[[float, np.random.Generator], Traits]] = {
    "melanocytic": _melanocytic,
    "keratotic": _keratotic,
    "translucent": _translucent,
    "vascular": _vascular,
}


def choose_traits(look: Look, severity: float, rng: np.random.Generator) -> Traits:
    """Return the traits of one lesion.

    Args:
        look: its family.
        severity: 0 looks harmless, 1 dangerous; the mean of a trait depends on nothing else.
        rng: source of what differs between lesions of one severity.
    """
    return _LOOKS[look](severity, rng)
