"""Perceptual hashes: which of many images are copies of one picture."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from lesionlab.imaging.thumbnails import (
    MIN_CORRELATION,
    MIN_DETAIL,
    THUMBNAIL_SIDE,
    are_same_picture,
    find_detail,
    make_thumbnail,
)

_NUM_FREQUENCIES = 8


def _cosines() -> np.ndarray:
    """(8, 32) float64: the 8 lowest rows of the orthonormal DCT-II of 32 samples."""
    frequency = np.arange(_NUM_FREQUENCIES)[:, None]
    position = np.arange(THUMBNAIL_SIDE)[None, :]
    rows = np.cos(np.pi * (2 * position + 1) * frequency / (2 * THUMBNAIL_SIDE))
    rows *= np.sqrt(2 / THUMBNAIL_SIDE)
    rows[0] /= np.sqrt(2)
    return rows


_COSINES = _cosines()
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)

MAX_DISTANCE = 6
"""Bits by which the hashes of copies may differ: of 1,002 HAM10000 images recompressed (JPEG
quality 50 to 95), halved, enlarged by 1.75 or made 10 % lighter or darker, all but one in a
thousand stay within it. 1,537 pairs of different HAM10000 lesions do too, hence
`thumbnails.are_same_picture`."""

_ROUNDING = 1e-3  # far above that of float32 in any of these sums
_NO_PAIRS = np.empty((0, 2), np.int64)
_CHUNK = 512  # pairs of thumbnails compared at once: what is made of them fits a core's cache


def perceptual_hash(rgb: np.ndarray) -> np.uint64:
    """Returns a 64-bit hash of which few bits change when a picture is recompressed or resized.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
    """
    return hash_thumbnail(make_thumbnail(rgb))


def hash_thumbnail(thumbnail: np.ndarray) -> np.uint64:
    """Returns the perceptual hash of the picture that the thumbnail was made of.

    The pHash of Zauner (2010), "Implementation and benchmarking of perceptual image hash
    functions": the 8 x 8 lowest frequencies of the cosine transform, each a bit that says
    whether it is above their median. The constant frequency, brightness, is left out. A
    picture of one colour has hash 0.

    Args:
        thumbnail: (32, 32) uint8 luma, of `make_thumbnail`.
    """
    coefficients = (_COSINES @ thumbnail @ _COSINES.T).ravel()
    coefficients = np.round(coefficients, 3)  # so that rounding noise of a blank sets no bit
    is_set = coefficients > np.median(coefficients[1:])
    is_set[0] = False
    return np.sum(_BITS[is_set], dtype=np.uint64)


def near_duplicate_pairs(hashes: np.ndarray, max_distance: int) -> np.ndarray:
    """Returns the pairs of images whose hashes differ by at most `max_distance` bits.

    Exact, without comparing all pairs: cut 64 bits in `max_distance + 2` bands, and two hashes
    that differ in `max_distance` bits still agree in two bands, so that sorting by each pair
    of bands brings them together. Time grows with the pairs that agree in two bands, memory
    with the images and the pairs found.

    Images of one hash are chained, first to second to third, not squared: ten thousand blank
    images give 9,999 pairs. A pair of two different hashes is given once, for the first image
    of each.

    Args:
        hashes: (N,) uint64.
        max_distance: bits, 0 to 62.

    Returns:
        (M, 2) int64 positions in `hashes`, the smaller first, sorted.
    """
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    is_same = ranked[1:] == ranked[:-1]
    chains = np.stack([order[:-1][is_same], order[1:][is_same]], axis=1)
    firsts = order[np.concatenate([[True], ~is_same])[: len(order)]]
    near = firsts[_near_pairs_of_distinct(hashes[firsts], max_distance)]
    return _sort_pairs(np.concatenate([chains, near]))


def find_near_duplicates(
    hashes: np.ndarray,
    read_thumbnail: Callable[[int], bytes],
    max_distance: int = MAX_DISTANCE,
) -> np.ndarray:
    """Returns links between images that are copies of one picture: near in hash and in detail.

    The connected parts of the links are the groups of copies; not every pair within a group is
    listed. Of the images with one hash, each is compared with the first image of each
    different picture among them, and only those first ones with images of near hashes.
    Thumbnails are read only for images with a near hash, a few thousand at a time.

    Args:
        hashes: (N,) uint64.
        read_thumbnail: position in `hashes` -> the 1,024 bytes of `make_thumbnail`.
        max_distance: bits, 0 to 62.

    Returns:
        (M, 2) int64 positions, the smaller first, sorted.
    """
    distinct, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    leaders, same = _lead_shared_hashes(group, read_thumbnail)
    near = _near_pairs_of_distinct(distinct, max_distance)
    # Nearly all hashes have one image, whose pairs need no list of their own.
    is_led = np.isin(near, list(leaders)).any(axis=1)
    crossed = [_cross(*(leaders.get(code, first[code: code + 1]) for code in pair))
               for pair in near[is_led].tolist()]
    candidates = np.concatenate([first[near[~is_led]], *crossed])
    likely = candidates[_may_be_same(candidates, read_thumbnail)]
    links = likely[_compare_rows(likely, read_thumbnail)]
    return _sort_pairs(np.concatenate([links, same]))


def _near_pairs_of_distinct(hashes: np.ndarray, max_distance: int) -> np.ndarray:
    """(M, 2) int64 positions of every pair of distinct hashes within the distance."""
    num, num_bands = max(len(hashes), 1), max_distance + 2
    bands = [np.sum(part, dtype=np.uint64) for part in np.array_split(_BITS, num_bands)]
    found = [np.empty(0, np.int64)]  # pairs as one number each, which sort fast
    for first, second in combinations(bands, 2):
        keys = hashes & (first | second)
        order = np.argsort(keys, kind="stable")
        keys, ranked = keys[order], hashes[order]
        # Sorted, so that a hash k places on can agree only where the one at k - 1 did.
        start, step = np.arange(len(keys)), 1
        while len(start := start[start + step < len(keys)]):
            start = start[keys[start] == keys[start + step]]
            distance = np.bitwise_count(ranked[start] ^ ranked[start + step])
            near = start[distance <= max_distance]
            one, other = order[near], order[near + step]
            found.append(np.minimum(one, other) * num + np.maximum(one, other))
            step += 1
    return np.stack(np.divmod(np.unique(np.concatenate(found)), num), axis=1)


def _lead_shared_hashes(
    group: np.ndarray, read_thumbnail: Callable[[int], bytes]
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Of each hash that several images have, those that lead the others, and the others' links."""
    counts = np.bincount(group)
    ends, order = np.cumsum(counts), np.argsort(group, kind="stable")
    leaders, links = {}, [_NO_PAIRS]
    for code in np.flatnonzero(counts > 1).tolist():
        members = order[ends[code] - counts[code]: ends[code]]
        leaders[code], linked = _link_to_leaders(members, read_thumbnail)
        links.append(linked)
    return leaders, np.concatenate(links)


def _link_to_leaders(
    members: np.ndarray, read_thumbnail: Callable[[int], bytes]
) -> tuple[np.ndarray, np.ndarray]:
    """The first image of each different picture among the members, and links of the rest to it."""
    leaders, links = [], [_NO_PAIRS]
    while len(members) > 1:
        pairs = _cross(members[:1], members[1:])
        is_same = _compare_rows(pairs, read_thumbnail)
        links.append(pairs[is_same])
        leaders.append(members[0])
        members = members[1:][~is_same]
    return np.array([*leaders, *members], np.int64), np.concatenate(links)


def _may_be_same(pairs: np.ndarray, read_thumbnail: Callable[[int], bytes]) -> np.ndarray:
    """(M,) bool, false only where `are_same_picture` is: most pairs of near hashes, cheaply.

    Each thumbnail is read once, and its detail d kept as whole numbers q in a byte each, with
    d = step q + e. By Cauchy and Schwarz the correlation of two is at most that of their
    numbers, plus what the lengths of the two e allow.
    """
    rows, places = np.unique(pairs, return_inverse=True)
    numbers = np.empty((len(rows), (THUMBNAIL_SIDE - 2) ** 2), np.int8)
    step, error, power = np.empty((3, len(rows)), np.float32)
    for at in range(0, len(rows), _CHUNK):
        part = slice(at, at + _CHUNK)
        detail = find_detail(_read_thumbnails(rows[part], read_thumbnail))
        steps = np.maximum(np.abs(detail).max(axis=1, keepdims=True), 1) / 127
        numbers[part] = rounded = np.rint(detail / steps)
        power[part] = np.mean(detail**2, axis=1)
        length = np.maximum(np.linalg.norm(detail, axis=1), 1)
        step[part] = steps[:, 0] / length
        error[part] = np.linalg.norm(detail - steps * rounded, axis=1) / length
    is_likely = np.empty(len(pairs), bool)
    for at in range(0, len(pairs), _CHUNK):
        one, other = places[at: at + _CHUNK].T
        product = np.einsum("ij,ij->i", numbers[one].astype(np.float32),
                            numbers[other].astype(np.float32))
        off = error[one] + error[other] + 3 * error[one] * error[other] + _ROUNDING
        is_alike = step[one] * step[other] * product + off > MIN_CORRELATION
        is_flat = np.maximum(power[one], power[other]) < MIN_DETAIL**2 + _ROUNDING
        is_likely[at: at + _CHUNK] = is_alike | is_flat
    return is_likely


def _compare_rows(pairs: np.ndarray, read_thumbnail: Callable[[int], bytes]) -> np.ndarray:
    """(M,) bool: whether each pair of positions shows one picture."""
    is_same = np.zeros(len(pairs), bool)
    for at in range(0, len(pairs), _CHUNK):
        part = pairs[at: at + _CHUNK]
        thumbnails = _read_thumbnails(part.ravel(), read_thumbnail)
        is_same[at: at + _CHUNK] = are_same_picture(thumbnails[::2], thumbnails[1::2])
    return is_same


def _read_thumbnails(rows: np.ndarray, read_thumbnail: Callable[[int], bytes]) -> np.ndarray:
    """(K, 32, 32) uint8 of some positions."""
    encoded = b"".join(map(read_thumbnail, rows.tolist()))
    return np.frombuffer(encoded, np.uint8).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(len(one) * len(other), 2) int64: every pair."""
    return np.stack([np.repeat(one, len(other)), np.tile(other, len(one))], axis=1)


def _sort_pairs(pairs: np.ndarray) -> np.ndarray:
    pairs = np.sort(pairs, axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
