"""Galleries: small pictures of the images that findings are about, inside the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lesionlab.core.findings import Finding, Section
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.store import decode_stored
from lesionlab.imaging.jpeg import encode_jpeg

MOST_PICTURES: dict[Section, int] = {"issue": 24, "tip": 12}
"""Pictures of one finding, by its section; there are none of the others."""
MOST_CHARACTERS = 4_000_000
"""That all pictures of the page may take together."""

_MOST_SIDES = (128, 96)
_QUALITY = 75


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """One small picture."""

    isic_id: str
    caption: str
    """Its class and role."""
    address: str
    """The picture itself, a JPEG as a data URI."""
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Some of the images of one finding."""

    frames: tuple[tuple[Thumbnail, ...], ...]
    """Each one image, or a pair to be compared."""
    num_all: int
    """How many images, or pairs, the finding has."""
    has_pairs: bool
    is_cut: bool
    """Whether the page had no room for more of them."""


def make_galleries(
    data: PreparedData, findings: Sequence[Finding], most_characters: int = MOST_CHARACTERS
) -> dict[str, Gallery]:
    """A gallery by code for each issue and tip that names images, until the page is full.

    Args:
        data: holds the pictures.
        findings: in the order in which they get room.
        most_characters: that the pictures may take together.

    Raises:
        StoreError: a picture of the store does not decode.
    """
    galleries: dict[str, Gallery] = {}
    made: dict[str, Thumbnail] = {}
    room, kept = most_characters, set(data.cohort.ids)
    for finding in findings:
        named = finding.pairs or tuple((isic_id,) for isic_id in finding.isic_ids)
        # Of an image that was left out there is no picture.
        cases = [case for case in named if kept.issuperset(case)]
        if finding.section not in MOST_PICTURES or not cases:
            continue
        frames = []
        chosen = _choose(cases, MOST_PICTURES[finding.section])
        for case in chosen:
            if room <= 0:
                break
            made |= {isic_id: _make_thumbnail(data, isic_id) for isic_id in case
                     if isic_id not in made}
            frames.append(tuple(made[isic_id] for isic_id in case))
            room -= sum(len(picture.address) for picture in frames[-1])
        galleries[finding.code] = Gallery(
            frames=tuple(frames), num_all=len(cases), has_pairs=bool(finding.pairs),
            is_cut=len(frames) < len(chosen))
    return galleries


def _choose(cases: Sequence[tuple[str, ...]], most_pictures: int) -> list[tuple[str, ...]]:
    """So many of them that `most_pictures` are enough, from all over the list."""
    most = min(len(cases), most_pictures // len(cases[0]))
    return [cases[place] for place in np.linspace(0, len(cases) - 1, most).round().astype(int)]


def _make_thumbnail(data: PreparedData, isic_id: str) -> Thumbnail:
    picture = Image.fromarray(
        decode_stored(data.store.folder, isic_id, data.store.read(isic_id)))
    picture.thumbnail(_MOST_SIDES, Image.Resampling.BICUBIC, reducing_gap=3.0)
    text = base64.b64encode(encode_jpeg(np.asarray(picture), _QUALITY)).decode()
    row = data.frame.loc[isic_id]
    return Thumbnail(isic_id=isic_id, caption=f"{row['target']}, {row['role']}",
                     address=f"data:image/jpeg;base64,{text}",
                     width=picture.width, height=picture.height)
