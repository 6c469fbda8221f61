"""Where a picture may lie in another, by small thumbnails: mirrored, turned, cropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lesionlab.imaging.thumbnails import THUMBNAIL_SIDE

NUM_TURNS = 8
"""Ways to lay a rectangle on another, mirrored ones included."""
MIRRORED = frozenset((1, 2, 4, 7))
"""Numbers of turns that no rotation can do."""
LEAST_SCORE = 0.8
"""Score of a place under which nobody need look closer. Of 1,140 altered copies of HAM10000
pictures (mirrored, turned, cropped to 80 %, lighter, darker, recompressed and so on) the worst has
0.86; of pairs of different lesions that are nearest in frozen features, 1 % have more than 0.8."""

_SIDE = 12
# Samples of a side in which pictures are compared: crops that are off by half a step still agree.
_SCALES = (1.0, 0.93, 0.87, 0.8)
_STEP = 1.1
# Pixels of the thumbnail between two windows at the most.
_MOST_LEARNED = 2_000
# Thumbnails that are enough to learn what pictures have in common.
_NOISE = 0.01
# Share of the mean variance that is added to each direction before whitening.


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Which part of a picture another one shows, and how that one must be turned to show it."""

    turn: int
    """As of `turn_picture`."""
    left: float
    top: float
    width: float
    height: float
    """The part, in widths and heights of the whole picture."""

    @property
    def area(self) -> float:
        """Of the part, in that of the whole; above 1 where the part shows more than the whole."""
        return self.width * self.height


def turn_picture(picture: np.ndarray, turn: int) -> np.ndarray:
    """A view of (..., H, W) with the last two axes exchanged (turns 4 to 7) and reversed.

    Of the bits of the turn, 1 reverses the last axis and 2 the one before, after the exchange.
    """
    turned = picture.swapaxes(-1, -2) if turn & 4 else picture
    return turned[..., ::-1 if turn & 2 else 1, ::-1 if turn & 1 else 1]


def _list_spans() -> list[tuple[float, float]]:
    """Start and length of each window along one side, in sides."""
    spans = []
    for scale in _SCALES:
        slack = 1 - scale
        num = 1 + int(np.ceil(slack * THUMBNAIL_SIDE / _STEP))
        spans += [(float(start), scale) for start in np.linspace(0, slack, num)]
    return spans


def _sample_span(start: float, length: float) -> np.ndarray:
    """(_SIDE, THUMBNAIL_SIDE) float32: means over equal parts of a span."""
    edges = THUMBNAIL_SIDE * (start + length * np.arange(_SIDE + 1) / _SIDE)
    pixel = np.arange(THUMBNAIL_SIDE)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    share = np.clip(overlap, 0, None)
    return (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


_SPANS = _list_spans()
_WINDOWS = np.concatenate([_sample_span(*span) for span in _SPANS])
_WHOLE = _sample_span(0.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacementSearch:
    """Finds parts of a picture that other pictures show, up to brightness and contrast.

    What pictures of a cohort have in common, a dark spot in the middle or dark corners, says
    nothing of whether two are one; it is learnt, and everything counts by how rare it is.
    """

    whitening: np.ndarray
    """(144, 144) float32, symmetric, the same for a picture and the picture turned."""

    @classmethod
    def learn(cls, thumbnails: np.ndarray) -> PlacementSearch:
        """Learn what pictures have in common.

        Args:
            thumbnails: (N, 32, 32) uint8 of a cohort, of which the first 2,000 are enough.
        """
        small = _reduce(thumbnails[:_MOST_LEARNED])
        rows = _scale(np.stack([turn_picture(small, turn) for turn in range(NUM_TURNS)]))
        rows = rows.reshape(-1, _SIDE**2)
        values, vectors = np.linalg.eigh(rows.T @ rows / max(len(rows), 1))
        # Few pictures do not show all that pictures can have in common.
        noise = _NOISE + 1 / max(len(thumbnails), 1)
        weights = 1 / np.sqrt(np.clip(values, 0, None) + noise * max(values.mean(), 1e-12))
        return cls(whitening=((vectors * weights) @ vectors.T).astype(np.float32))

    def find(
        self, whole: np.ndarray, parts: np.ndarray
    ) -> tuple[list[Placement], np.ndarray]:
        """The likeliest place of each of K pictures in one, and (K,) float32 scores in [-1, 1].

        Args:
            whole: (32, 32) uint8 thumbnail.
            parts: (K, 32, 32) uint8 thumbnails.
        """
        num = len(_SPANS)
        windows = (_WINDOWS @ whole.astype(np.float32) @ _WINDOWS.T).reshape(num, _SIDE, num, _SIDE)
        small = self._whiten(_reduce(parts)).reshape(-1, _SIDE, _SIDE)
        turned = np.stack([turn_picture(small, turn) for turn in range(NUM_TURNS)])
        scores = self._whiten(windows.swapaxes(1, 2)) @ turned.reshape(-1, _SIDE**2).T
        by_part = scores.reshape(num**2, NUM_TURNS, len(parts))
        best = by_part.reshape(-1, len(parts)).argmax(axis=0)
        places = [_place(*np.unravel_index(at, by_part.shape[:2])) for at in best]
        return places, by_part.reshape(-1, len(parts)).max(axis=0)

    def _whiten(self, pictures: np.ndarray) -> np.ndarray:
        """(M, 144) float32 of length 1, of pictures of 12 x 12 pixels."""
        return _normalise(_scale(pictures).reshape(-1, _SIDE**2) @ self.whitening)


def _place(window: np.integer, turn: np.integer) -> Placement:
    (top, height), (left, width) = (_SPANS[at] for at in divmod(int(window), len(_SPANS)))
    return Placement(turn=int(turn), left=left, top=top, width=width, height=height)


def _reduce(thumbnails: np.ndarray) -> np.ndarray:
    """(N, 12, 12) float32."""
    return _WHOLE @ thumbnails.astype(np.float32) @ _WHOLE.T


def _scale(pictures: np.ndarray) -> np.ndarray:
    """(M, 144) float32 of mean 0 and length 1; a picture of one grey level is all 0."""
    rows = pictures.reshape(-1, _SIDE**2)
    return _normalise(rows - rows.mean(axis=1, keepdims=True))


def _normalise(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-3)
