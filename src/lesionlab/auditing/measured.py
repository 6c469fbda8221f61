"""The measures of every stored picture, computed once and found again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import pandas as pd

from lesionlab.dataset.store import ImageStore, decode_stored
from lesionlab.imaging.measures import MEASURES, MEASURES_VERSION, measure_picture
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.scaling.progress import progress
from lesionlab.training.checked_files import read_checked, write_checked

TASK_IMAGES = 256
"""Images of one task, about a second of work."""
SHARD_IMAGES = 16_384
"""Images that are written together; what a kill can cost."""
SHARD = "measures"
"""How the names of files of measures begin."""
_PROCESSES = LocalExecutor()


def measure_store(
    store: ImageStore, cache: Path, *, executor: Executor = _PROCESSES
) -> pd.DataFrame:
    """float64 `imaging.measures.MEASURES` of each stored picture, by `isic_id` in id order.

    They are kept in `cache` by the digest of the stored picture and `MEASURES_VERSION`; only
    what is missing there is measured.

    Raises:
        StoreError: a stored image does not decode.
    """
    folder = cache / "measures" / str(MEASURES_VERSION)
    keys = store.column("stored_sha256")
    known = _read_known(folder)
    missing = keys.index[~keys.isin(known.index) & ~keys.duplicated()].tolist()
    with progress(len(missing), "measuring pictures") as bar:
        for start in range(0, len(missing), SHARD_IMAGES):
            part = missing[start:start + SHARD_IMAGES]
            tasks = [part[at:at + TASK_IMAGES] for at in range(0, len(part), TASK_IMAGES)]
            rows: list[dict[str, float]] = []
            for measured in executor.map(partial(_measure_images, store), tasks):
                rows += measured
                bar.update(len(measured))
            _write_shard(folder, keys.loc[part], rows)
    measures = (_read_known(folder) if missing else known).loc[keys]
    return measures.set_axis(keys.index.rename("isic_id"))


def _measure_images(store: ImageStore, ids: Sequence[str]) -> list[dict[str, float]]:
    return [measure_picture(decode_stored(store.folder, isic_id, store.read(isic_id)))
            for isic_id in ids]


def _write_shard(folder: Path, keys: pd.Series, rows: list[dict[str, float]]) -> None:
    table = pd.DataFrame(rows, index=pd.Index(keys, name="stored_sha256"))
    write_checked(folder, SHARD, ".parquet", table.to_parquet(index=True))


def _read_known(folder: Path) -> pd.DataFrame:
    """The measures that are kept, by digest of the stored picture."""
    shards = [pd.read_parquet(BytesIO(content)) for content in
              read_checked(folder, SHARD, ".parquet")]
    known = pd.concat(shards) if shards else pd.DataFrame(
        columns=list(MEASURES), index=pd.Index([], name="stored_sha256"), dtype="float64")
    return known[~known.index.duplicated()]
