"""Pictures that are altered copies of others: near in frozen features, the same in detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from lesionlab.auditing.neighbours import BLOCK, CopyMetric, find_nearest
from lesionlab.dataset.store import ImageStore, decode_stored
from lesionlab.imaging.placement import LEAST_SCORE, Placement, PlacementSearch
from lesionlab.imaging.registration import (
    PART_SIDE,
    WHOLE_SIDE,
    Likeness,
    compare_pictures,
    square_picture,
)
from lesionlab.imaging.thumbnails import THUMBNAIL_SIDE
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.scaling.progress import progress

COPIES_VERSION = 2
"""Raised whenever other pairs would be found."""
NUM_NEIGHBOURS = 6
"""Neighbours of each picture that are looked at."""
NUM_ALTERED = 128
"""Pictures that are altered to learn what alterations do to features."""
NUM_LEARNED = 4_096
"""Pictures that the space of features, and what pictures have in common, are learnt from."""
TASK_IMAGES = 1_024
"""Pictures of one task, a second of work."""
COLUMNS = ("isic_id", "copy_of", "how")

_PROCESSES = LocalExecutor()

Features = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A part that shows what a whole picture, or a part of it, does."""

    whole: str
    part: str
    likeness: Likeness


def find_altered_copies(
    store: ImageStore, ids: Sequence[str], features: Features, altered_features: Features, *,
    executor: Executor = _PROCESSES,
) -> pd.DataFrame:
    """Pairs of pictures of which one was made of the other: mirrored, turned, cropped, retouched.

    Pictures whose features are near are candidates; a pair is named where both agree in fine
    detail once one is laid on the other. Two photographs of one lesion do not.

    Args:
        store: holds the pictures.
        ids: of the pictures that are compared.
        features: (N, D) float32 of N ids.
        altered_features: (N, A, D) float32 of N ids, of each picture altered in A ways.
        executor: where candidates are compared.

    Returns:
        `isic_id`, `copy_of`, `how`, a row a pair, in the order of ids. A cropped picture is the
        copy of what shows more; else the first id is the original. Plain and exact copies, which
        prepare finds, are named as well.
    """
    names = sorted(map(str, ids))
    if len(names) < 2:
        return pd.DataFrame(columns=list(COLUMNS), dtype="str")
    vectors = _place_pictures(names, features, altered_features)
    candidates = _list_candidates(find_nearest(vectors, min(NUM_NEIGHBOURS, len(names) - 1)))
    search = PlacementSearch.learn(_read_thumbnails(store, _draw(names, NUM_LEARNED)))
    tasks = [[(names[row], [names[other] for other in candidates[row]])
              for row in range(start, min(start + TASK_IMAGES, len(names)))]
             for start in range(0, len(names), TASK_IMAGES)]
    found: list[Found] = []
    with progress(len(names), "looking for altered copies") as bar:
        for task, result in zip(tasks, executor.map(partial(_compare, store, search), tasks),
                                strict=True):
            found += result
            bar.update(len(task))
    return _tabulate(found)


def _draw(names: list[str], most: int) -> list[str]:
    """Some of the names, spread evenly over all."""
    places = np.linspace(0, len(names) - 1, min(most, len(names)))
    return [names[int(place)] for place in places]


def _place_pictures(
    names: list[str], features: Features, altered_features: Features
) -> np.ndarray:
    """(N, d) float16: where each picture lies; only a block of features is in memory at a time."""
    sample = _draw(names, NUM_ALTERED)
    metric = CopyMetric.learn(features(_draw(names, NUM_LEARNED)), features(sample),
                              altered_features(sample))
    blocks = [metric.project(features(names[start:start + BLOCK])).astype(np.float16)
              for start in range(0, len(names), BLOCK)]
    return np.concatenate(blocks)


def _list_candidates(nearest: np.ndarray) -> list[list[int]]:
    """The rows to compare each row with: its neighbours, and those whose neighbour it is."""
    rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    is_known = nearest.ravel() >= 0
    pairs = np.stack([rows, nearest.ravel()], axis=1)[is_known]
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    starts = np.searchsorted(both[:, 0], np.arange(len(nearest) + 1))
    return [both[starts[row]:starts[row + 1], 1].tolist() for row in range(len(nearest))]


def _read_thumbnails(store: ImageStore, names: Sequence[str]) -> np.ndarray:
    """(N, 32, 32) uint8."""
    encoded = b"".join(map(store.thumbnail, names))
    return np.frombuffer(encoded, np.uint8).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def _compare(
    store: ImageStore, search: PlacementSearch, rows: list[tuple[str, list[str]]]
) -> list[Found]:
    """Those candidates that each picture shows whole or in part."""
    @lru_cache(maxsize=TASK_IMAGES)
    def read(name: str, side: int) -> np.ndarray:
        return square_picture(decode_stored(store.folder, name, store.read(name)), side)

    return [Found(whole=whole, part=part, likeness=likeness)
            for whole, part, place in _find_likely(store, search, rows)
            if (likeness := compare_pictures(read(whole, WHOLE_SIDE), read(part, PART_SIDE),
                                             place)).is_same]


def _find_likely(
    store: ImageStore, search: PlacementSearch, rows: list[tuple[str, list[str]]]
) -> Iterator[tuple[str, str, Placement]]:
    """A picture, another one that it may show, and where, as far as thumbnails tell."""
    for whole, parts in rows:
        thumbnails = _read_thumbnails(store, [whole, *parts])
        places, scores = search.find(thumbnails[0], thumbnails[1:])
        for part, place, score in zip(parts, places, scores, strict=True):
            if score >= LEAST_SCORE:
                yield whole, part, place


def _tabulate(found: list[Found]) -> pd.DataFrame:
    """One row a pair: of the two ways to see it, that in which the part lies in the whole."""
    best: dict[tuple[str, str], Found] = {}
    for one in found:
        pair = (min(one.whole, one.part), max(one.whole, one.part))
        if pair not in best or one.likeness.coarse > best[pair].likeness.coarse:
            best[pair] = one
    rows = []
    for pair, one in best.items():
        first, copy = pair
        if one.likeness.is_cropped:
            first, copy = (one.whole, one.part) if one.likeness.place.area < 1 else (
                one.part, one.whole)
        rows.append((copy, first, one.likeness.describe()))
    return pd.DataFrame(sorted(rows), columns=list(COLUMNS), dtype="str")
