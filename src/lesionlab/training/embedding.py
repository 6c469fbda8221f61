"""Embedder: frozen features computed once, found again by what they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import platformdirs
import pyarrow as pa
from onnxruntime import InferenceSession

from lesionlab.core import artifacts
from lesionlab.dataset.store import ImageStore, decode_stored
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.session import open_session
from lesionlab.inputs.views import VIEW_VERSION, draw_view
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.scaling.progress import progress
from lesionlab.training.checked_files import find_checked, write_checked

BATCH_SIZE = 4
"""Squares of one run of the backbone; larger ones fall out of the processor's cache."""
BUNDLE_BATCHES = 16
"""Batches that travel together to another machine, some megabytes."""
SHARD_BATCHES = 128
"""Batches that are written together; what a kill can cost."""
SHARD = "features"
"""How the names of files of features begin."""
_THREADS = LocalExecutor(workers="threads")


def default_cache() -> Path:
    """Where features are kept unless the user names another folder."""
    return Path(platformdirs.user_cache_dir("lesionlab"))


class Views(Protocol):
    """How views are drawn, and what they depend on."""

    def describe(self, view: int) -> dict[str, Any]:
        """All that view `view` of an image depends on beside the image, as a JSON object."""
        ...

    def draw(
        self, pictures: Mapping[str, np.ndarray], keys: Mapping[str, str],
        items: Sequence[tuple[int, str]],
    ) -> np.ndarray:
        """(B, S, S, 3) uint8 of each (view, id), of (H, W, 3) uint8 pictures by id.

        `keys` holds the digest of each stored image by id.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FeatureViews:
    """The plain view, and light ones by `inputs.views`, each cut from the whole stored picture."""

    preprocessing: Preprocessing
    seed: int

    def describe(self, view: int) -> dict[str, Any]:
        """Preprocessing, and but for view 0 the seed."""
        plain: dict[str, Any] = {"preprocessing": self.preprocessing.to_dict()}
        return plain | ({"seed": self.seed, "view_version": VIEW_VERSION} if view else {})

    def draw(
        self, pictures: Mapping[str, np.ndarray], keys: Mapping[str, str],
        items: Sequence[tuple[int, str]],
    ) -> np.ndarray:
        """See `Views`."""
        return np.stack([
            draw_view(pictures[name], view, preprocessing=self.preprocessing, seed=self.seed,
                      image_key=keys[name]) for view, name in items])


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Views that are computed in one run, with all that it takes to draw them anywhere."""

    items: list[tuple[int, str]]
    """View and `isic_id`."""
    keys: dict[str, str]
    """Digest of each stored image by id."""
    jpegs: dict[str, bytes]
    """Each stored image by id."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchRunner:
    """What each worker does with a batch."""

    graph: bytes
    """As of `Embedder`."""
    views: Views
    folder: Path
    """Of the store, to be named in errors."""

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session(self.graph)

    def __call__(self, batch: Batch) -> np.ndarray:
        """Features (B, D) float32 of the items.

        Raises:
            StoreError: a stored image does not decode.
        """
        pictures = {isic_id: decode_stored(self.folder, isic_id, jpeg)
                    for isic_id, jpeg in batch.jpegs.items()}
        squares = self.views.draw(pictures, batch.keys, batch.items)
        return np.asarray(self._session.run(["features"], {"image": squares})[0])


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """What a frozen network makes of stored images, kept in a cache on disk.

    A vector is addressed by the digest of the stored image, and its folder by everything else
    that it depends on: the network, its weights, and how the view is drawn.
    """

    graph: bytes
    """ONNX: `image` (N, S, S, 3) uint8 to `features` (N, D) float32."""
    key: str
    """Names the function that `graph` computes."""
    views: Views
    cache: Path
    executor: Executor = _THREADS

    def folder(self, view: int) -> Path:
        """Where the features of one view are kept."""
        recipe = {"key": self.key, "view": view} | self.views.describe(view)
        return self.cache / "features" / artifacts.digest_json(recipe)[:32]

    def embed(self, store: ImageStore, ids: Sequence[str], num_views: int) -> np.ndarray:
        """Features (N, views, D) float32 of N images; see `find`."""
        views = [np.stack(rows) for rows in self.find(store, ids, num_views)]
        return np.stack(views, axis=1).astype(np.float32)

    def find(
        self, store: ImageStore, ids: Sequence[str], num_views: int
    ) -> list[list[np.ndarray]]:
        """Features (D,) float16 by view and image, memory-mapped; what is missing is computed.

        Raises:
            StoreError: a stored image does not decode.
        """
        keys = store.column("stored_sha256").loc[list(ids)]
        known = [_map_shards(self.folder(view)) for view in range(num_views)]
        missing = [(view, isic_id) for isic_id in ids for view in range(num_views)
                   if keys[isic_id] not in known[view]]
        if missing:
            self._compute(store, keys, missing)
            known = [_map_shards(self.folder(view)) for view in range(num_views)]
        return [[rows[key] for key in keys] for rows in known]

    def _compute(
        self, store: ImageStore, keys: pd.Series, missing: list[tuple[int, str]]
    ) -> None:
        """Compute and keep the features of each missing (view, id)."""
        batches = [missing[k:k + BATCH_SIZE] for k in range(0, len(missing), BATCH_SIZE)]
        run = BatchRunner(graph=self.graph, views=self.views, folder=store.folder)
        with progress(len(missing), "computing features", "views") as bar:
            # Read as they are needed: a worker may be on a machine that does not have the store.
            results = self.executor.map(run, (_read_batch(store, keys, batch) for batch in batches),
                                        bundle=BUNDLE_BATCHES)
            for start in range(0, len(batches), SHARD_BATCHES):
                part = batches[start:start + SHARD_BATCHES]
                features = []
                for batch in part:
                    features.append(next(results))
                    bar.update(len(batch))
                self._write(keys, [item for batch in part for item in batch],
                            np.concatenate(features))

    def _write(
        self, keys: pd.Series, items: list[tuple[int, str]], features: np.ndarray
    ) -> None:
        views = np.array([view for view, _ in items])
        names = np.array([keys[isic_id] for _, isic_id in items], dtype=object)
        for view in np.unique(views):
            rows = views == view
            # Half precision: half the disk, and an error of 5e-4 that no head can see.
            values = pa.array(features[rows].astype(np.float16).reshape(-1))
            table = pa.table({
                "stored_sha256": pa.array(names[rows], pa.string()),
                "features": pa.FixedSizeListArray.from_arrays(values, features.shape[1])})
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            write_checked(self.folder(int(view)), SHARD, ".arrow", sink.getvalue().to_pybytes())


def _read_batch(store: ImageStore, keys: pd.Series, items: list[tuple[int, str]]) -> Batch:
    names = {isic_id for _, isic_id in items}
    return Batch(items=items, keys={isic_id: str(keys[isic_id]) for isic_id in names},
                 jpegs={isic_id: store.read(isic_id) for isic_id in names})


def _map_shards(folder: Path) -> dict[str, np.ndarray]:
    """Features by digest of the stored image, from those files that are whole."""
    found: dict[str, np.ndarray] = {}
    for path, _ in find_checked(folder, SHARD, ".arrow"):
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        column = table["features"].combine_chunks()
        values = column.values.to_numpy(zero_copy_only=True)
        matrix = values.reshape(table.num_rows, -1)
        found |= dict(zip(table["stored_sha256"].to_pylist(), matrix, strict=True))
    return found
