"""predict(): a bundle on files or on prepared data, a bad file costing only its own row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import DecodeError, InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.core.remote import as_path
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.decoding import decode_rgb
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.context_pass import compare_within_patients, list_notes, read_patients
from lesionlab.inference.given_images import (
    GivenImage,
    find_images,
    list_columns,
    list_given,
)
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.scaling.progress import progress
from lesionlab.sources.inputs_table import InputsTable, read_inputs

BATCH_SIZE = 4
"""Images of one run of the graph; larger ones fall out of the processor's cache."""
BUNDLE_BATCHES = 16
"""Batches that travel together to another machine."""
_THREADS = LocalExecutor(workers="threads")


@dataclass(frozen=True, kw_only=True)
class PredictedImages:
    """What `predict` gives back."""

    table: pd.DataFrame
    """A row per image in the order found: `isic_id`, `file`, `p_<class>` each, `predicted`,
    `missing_metadata` (names, or empty) and `error` (text, or missing)."""
    notes: tuple[str, ...]
    """What the user should know, such as how many images came without metadata."""
    images: tuple[GivenImage, ...]
    """What each row is of."""

    @property
    def num_errors(self) -> int:
        """How many images could not be predicted."""
        return int(self.table["error"].notna().sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class RowBatch:
    """The images of one run of the graph, with all that it takes to predict them anywhere."""

    reads: Sequence[Callable[[], bytes]]
    """The bytes of each image; not called by a model that sees none."""
    metadata: pd.DataFrame
    """A row each, in the same order, indexed by id."""
    frames: Sequence[int]
    """Which frame of its file each image is."""


def predict(
    bundle: ModelBundle, paths: Sequence[Path | str], *, metadata: Path | None = None,
    executor: Executor | None = None, pseudonym_key: Path | None = None,
) -> PredictedImages:
    """Predict image files, the images below folders, and those that globs match.

    A DICOM file gives a row a frame, under pseudonyms, and what its header says of the inputs.

    Args:
        bundle: the model.
        paths: files, folders or globs, on disk or behind URLs.
        metadata: CSV or Parquet with `isic_id`; joined by id, which is the file name without
            its ending, of a DICOM file also `SOPInstanceUID`. A missing row or value is allowed
            and noted. Its `patient_id` is used by models alone that compare a patient's images
            with each other.
        executor: where it is computed; by default in threads of this process. Workers read the
            images themselves.
        pseudonym_key: file with the key of the pseudonyms of DICOM files; by default the user's
            own, which is made the first time.

    Raises:
        InputError: nothing found, no such key, or a metadata table that cannot be joined.
        MissingExtraError: there are DICOM files, and the extra `dicom` is not installed.
        RemoteError: what is behind a URL cannot be reached.
    """
    images = list_given(find_images(paths), pseudonym_key)
    metadata = as_path(metadata) if metadata else None
    is_private = any(image.is_dicom for image in images)
    known = read_inputs(metadata, is_private=is_private) if metadata else None
    patients = (read_patients(metadata) if metadata else pd.Series(dtype=object)
                ) if bundle.score_names else None
    rows = list_columns(images, known, patients)
    probabilities, errors = run_bundle(
        bundle, [image.address.read for image in images], rows, executor=executor,
        frames=[image.address.frame for image in images])
    table = pd.DataFrame({"isic_id": [image.isic_id for image in images],
                          "file": [image.shown for image in images]})
    for k, name in enumerate(bundle.classes):
        table[f"p_{name}"] = probabilities[:, k]
    table["predicted"] = _decide(bundle, probabilities)
    table["missing_metadata"] = _missing(rows, bundle.metadata_columns)
    table["error"] = pd.Series([error and error.replace(str(image.address.path), image.shown)
                                for image, error in zip(images, errors, strict=True)],
                               dtype="string")
    return PredictedImages(table=table, images=tuple(images), notes=(
        *_notes(table, known, bundle, images), *list_notes(bundle, rows)))


def check_table_path(path: Path) -> None:
    """Raise InputError unless `save_table` can write to `path`; asked before the work begins."""
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {path}: end the name in .csv or .parquet")


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write predictions as CSV or Parquet, by the ending of `path`, atomically.

    Raises:
        InputError: another ending.
        RemoteError: the URL cannot be reached.
    """
    path = as_path(path)
    check_table_path(path)
    if path.suffix == ".csv":
        artifacts.write_text(path, table.to_csv(index=False))
    else:
        artifacts.write_parquet(path, pa.Table.from_pandas(table, preserve_index=False))


def predict_role(bundle: ModelBundle, data: PreparedData, role: Role) -> Predictions:
    """Predictions of a bundle on one role of prepared data.

    Raises:
        StoreError: a stored image does not decode.
    """
    return predict_rows(bundle, data, data.rows(role), role)


def predict_rows(
    bundle: ModelBundle, data: PreparedData, rows: pd.DataFrame, role: str
) -> Predictions:
    """Predictions of a bundle on rows of `data.frame`, by whatever name they go as `role`.

    Raises:
        StoreError: a stored image does not decode.
    """
    ids = [*map(str, rows.index)]
    reads = [partial(data.store.read, isic_id) for isic_id in ids]
    probabilities, errors = run_bundle(bundle, reads, rows)
    damaged = [isic_id for isic_id, error in zip(ids, errors, strict=True) if error]
    if damaged:
        raise StoreError(f"{data.folder} is damaged: {len(damaged)} images of the {role} role do "
                         f"not decode: {list_some(damaged)}; prepare the data again")
    return Predictions.from_arrays(
        ids=ids, groups=list(rows["group_id"]), targets=list(rows["target"]),
        probabilities=normalise(probabilities), classes=bundle.classes, role=role,
        data_digest=data.digest)


def normalise(probabilities: np.ndarray) -> np.ndarray:
    """(N, classes) float64 whose rows sum to 1 beyond the graph's float32."""
    wide = probabilities.astype(np.float64)
    return wide / wide.sum(axis=1, keepdims=True)


def run_bundle(
    bundle: ModelBundle, reads: Sequence[Callable[[], bytes]], metadata: pd.DataFrame, *,
    executor: Executor | None = None, frames: Sequence[int] | None = None,
) -> tuple[np.ndarray, list[str | None]]:
    """Probabilities of N images, decoding and computing side by side.

    Args:
        bundle: the model.
        reads: the bytes of each image; called by several workers, not at all without images.
        metadata: N rows, in the same order, indexed by id.
        executor: by default threads of this process.
        frames: which frame of its file each image is, by default the first.

    Returns:
        (N, classes) float32, NaN where an image does not decode, and the N errors or None.
    """
    starts = range(0, len(reads), BATCH_SIZE)
    frames = frames or [0] * len(reads)
    batches = (RowBatch(reads=reads[k:k + BATCH_SIZE], metadata=metadata.iloc[k:k + BATCH_SIZE],
                        frames=frames[k:k + BATCH_SIZE]) for k in starts)
    outputs = np.full((len(reads), _width(bundle)), np.nan, np.float32)
    errors: list[str | None] = []
    with progress(len(reads), "predicting") as bar:
        results = (executor or _THREADS).map(partial(_run_batch, bundle), batches,
                                             bundle=BUNDLE_BATCHES)
        for batch, problems in results:
            outputs[len(errors):len(errors) + len(problems)] = batch
            errors += problems
            bar.update(len(problems))
    return compare_within_patients(bundle, outputs, metadata), errors


def _width(bundle: ModelBundle) -> int:
    """Columns of `run_all`."""
    return len(bundle.classes) + len(bundle.score_names)


def _run_batch(bundle: ModelBundle, batch: RowBatch) -> tuple[np.ndarray, list[str | None]]:
    errors: list[str | None] = [None] * len(batch.reads)
    preprocessing = bundle.preprocessing
    if preprocessing is None:
        return bundle.run_all(None, batch.metadata), errors
    squares, good = [], []
    for position, (read, frame) in enumerate(zip(batch.reads, batch.frames, strict=True)):
        try:
            rgb = decode_rgb(read(), frame=frame, short_side=preprocessing.decode_side)
            squares.append(preprocessing.apply(rgb))
            good.append(position)
        except DecodeError as error:
            errors[position] = f"{error.reason}: {error}"
    result = np.full((len(batch.reads), _width(bundle)), np.nan, np.float32)
    if good:
        result[good] = bundle.run_all(np.stack(squares), batch.metadata.iloc[good])
    return result, errors


def _decide(bundle: ModelBundle, probabilities: np.ndarray) -> pd.Series:
    """The class that each row is given; missing where the image has an error."""
    names = np.array(bundle.classes, dtype=object)
    chosen = names[bundle.decision.decide(probabilities)]
    has_error = np.isnan(probabilities[:, 0])
    decided = [None if error else name for name, error in zip(chosen, has_error, strict=True)]
    return pd.Series(decided, dtype="string")


def _missing(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """For each row the names of the columns that have no value, joined by spaces."""
    full = rows.reindex(columns=list(columns))
    return [" ".join(np.array(columns)[mask]) if len(columns) else ""
            for mask in full.isna().to_numpy(bool)]


def _notes(
    table: pd.DataFrame, known: InputsTable | None, bundle: ModelBundle,
    images: Sequence[GivenImage],
) -> list[str]:
    """What the user should know of the metadata, a sentence each."""
    notes, columns = [], bundle.metadata_columns
    gaps = table["missing_metadata"]
    without = int((gaps == " ".join(columns)).sum()) if columns else 0
    some = int((gaps != "").sum()) - without
    if without or some:
        notes.append(f"{without} of {len(table)} images have no metadata and {some} have it in "
                     f"part; the model reads {', '.join(columns)} and treats what is missing as "
                     "unknown")
    if known is None:
        return notes
    unused = known.rows.index.difference(pd.Index([n for image in images for n in image.names]))
    if len(unused):
        notes.append(f"{len(unused)} rows of the metadata table match no image"
                     + _quote(unused, images))
    for (column, reason), rows in known.adjusted.groupby(["column", "reason"]):
        notes.append(f"{len(rows)} values of {column} set to missing or clamped ({reason})"
                     + _quote(rows["value"], images))
    return notes


def _quote(values: Iterable[object], images: Sequence[GivenImage]) -> str:
    """Some values of the user's table, unless it is of DICOM files: it may name patients."""
    return "" if any(image.is_dicom for image in images) else f": {list_some(values)}"
