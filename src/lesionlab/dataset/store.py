"""ImageStore: random access to encoded images in memory-mapped Arrow files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import DecodeError, StoreError
from lesionlab.imaging.decoding import decode_rgb

SCHEMA = pa.schema([
    ("isic_id", pa.string()),
    ("image", pa.binary()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("sha256", pa.string()),
    ("stored_sha256", pa.string()),
    ("perceptual_hash", pa.uint64()),
    ("thumbnail", pa.binary()),
    ("pixels_x", pa.int32()),
    ("pixels_y", pa.int32()),
    ("file_bytes", pa.int64()),
    ("file_format", pa.string()),
    ("jpeg_quality", pa.int32()),
])
"""A row per image: the JPEG that is kept and its size, then what was measured on the original."""


@dataclass(frozen=True, kw_only=True)
class ImageStore:
    """The images of a prepared folder, by id; nothing is read until it is asked for."""

    folder: Path
    """Holds `*.arrow`, each an Arrow IPC file of `SCHEMA`, in id order."""

    @cached_property
    def _shards(self) -> list[pa.Table]:
        shards = []
        for path in sorted(self.folder.glob("*.arrow")):
            try:
                with pa.memory_map(str(path)) as source:
                    shard = pa.ipc.open_file(source).read_all()
            except (pa.ArrowInvalid, OSError) as error:
                raise StoreError(f"{path} is damaged ({error}); prepare the data again") from error
            if not shard.schema.equals(SCHEMA):
                raise StoreError(f"{path} has other columns than this version reads "
                                 f"({', '.join(shard.column_names)}); prepare the data again")
            shards.append(shard)
        return shards

    @cached_property
    def _table(self) -> pa.Table:
        """All shards as one table; the bytes stay on disk."""
        return pa.concat_tables(self._shards) if self._shards else SCHEMA.empty_table()

    @cached_property
    def ids(self) -> pd.Index:
        """The ids in ascending order."""
        ids = pd.Index(self._table["isic_id"].to_pandas())
        if not ids.is_unique:
            repeated = ids[ids.duplicated()].unique()
            raise StoreError(f"{len(repeated)} images stand twice in {self.folder}: "
                             f"{list_some(repeated)}; prepare the data again")
        return ids

    @cached_property
    def _places(self) -> dict[str, int]:
        """The row of each id."""
        return {isic_id: row for row, isic_id in enumerate(self.ids.tolist())}

    @cached_property
    def _chunks(self) -> dict[str, list[pa.BinaryArray]]:
        """The columns of bytes in the parts that they have on disk, at hand without a search."""
        return {name: self._table[name].chunks for name in ("image", "thumbnail")}

    @cached_property
    def _starts(self) -> list[int]:
        """The first row of each part."""
        return np.cumsum([0, *map(len, self._chunks["image"])]).tolist()

    def __reduce__(self) -> tuple[Callable[[Path], ImageStore], tuple[Path]]:
        # To another process goes the folder, not the images that are open here.
        return _open_store, (self.folder,)

    def __len__(self) -> int:
        return self._table.num_rows

    def column(self, name: str) -> pd.Series:
        """One column other than `image`, indexed by id."""
        return pd.Series(self._table[name].to_pandas().array, index=self.ids, name=name)

    def read(self, isic_id: str) -> bytes:
        """The JPEG of one image."""
        return self._bytes("image", isic_id)

    def decode(self, isic_id: str) -> np.ndarray:
        """One image, (height, width, 3) uint8 RGB."""
        return decode_rgb(self.read(isic_id))

    def thumbnail(self, isic_id: str) -> bytes:
        """The small picture that near duplicates are confirmed on."""
        return self._bytes("thumbnail", isic_id)

    def _bytes(self, column: str, isic_id: str) -> bytes:
        row = self._places.get(isic_id)
        if row is None:
            raise StoreError(f"no image {isic_id!r} in {self.folder}")
        part = bisect_right(self._starts, row) - 1
        return self._chunks[column][part][row - self._starts[part]].as_py()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids and stored bytes, by the digest of each image."""
        return artifacts.digest_table(self._table.select(["isic_id", "stored_sha256"]))

    def check_covers(self, ids: Sequence[str] | pd.Index) -> None:
        """Raise StoreError unless every id has an image."""
        missing = pd.Index(ids).difference(self.ids)
        if len(missing):
            raise StoreError(f"{len(missing)} images of the cohort are not in {self.folder}: "
                             f"{list_some(missing)}; prepare the data again")


def decode_stored(folder: Path, isic_id: str, jpeg: bytes) -> np.ndarray:
    """(H, W, 3) uint8 pixels of an image of the store in `folder`.

    Raises:
        StoreError: it does not decode.
    """
    try:
        return decode_rgb(jpeg)
    except DecodeError as error:
        raise StoreError(f"{folder}: the image {isic_id} does not decode ({error}); "
                         "prepare the data again") from error


def _open_store(folder: Path) -> ImageStore:
    return ImageStore(folder=folder)


def write_shard(path: Path, rows: list[dict[str, object]]) -> None:
    """Write rows of `SCHEMA` as one Arrow IPC file, atomically."""
    artifacts.write_bytes(path, encode_shard(rows))


def encode_shard(rows: list[dict[str, object]]) -> bytes:
    """Rows of `SCHEMA` as one Arrow IPC file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    return sink.getvalue().to_pybytes()
