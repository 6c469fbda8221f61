"""predict(): a bundle on files or on prepared data, a bad file costing only its own row."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import DecodeError, InputError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.decoding import decode_rgb, read_image_file
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.context_pass import compare_within_patients, list_notes, read_patients
from lesionlab.scaling import map_tasks, progress
from lesionlab.sources.image_files import SUFFIXES, list_images
from lesionlab.sources.inputs_table import InputsTable, read_inputs

BATCH_SIZE = 4
"""Images of one run of the graph; larger ones fall out of the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class PredictedImages:
    """What `predict` gives back."""

    table: pd.DataFrame
    """A row per image in the order found: `isic_id`, `file`, `p_<class>` each, `predicted`,
    `missing_metadata` (names, or empty) and `error` (text, or missing)."""
    notes: tuple[str, ...]
    """What the user should know, such as how many images came without metadata."""

    @property
    def num_errors(self) -> int:
        """How many images could not be predicted."""
        return int(self.table["error"].notna().sum())


def predict(
    bundle: ModelBundle, paths: Sequence[Path | str], *, metadata: Path | None = None
) -> PredictedImages:
    """Predict image files, the images below folders, and those that globs match.

    Args:
        bundle: the model.
        paths: files, folders or globs.
        metadata: CSV or Parquet with `isic_id`; joined by id, which is the file name without
            its ending. A missing row or value is allowed and noted. Its `patient_id` is used
            by models alone that compare a patient's images with each other.

    Raises:
        InputError: nothing found, or a metadata table that cannot be joined.
    """
    files = find_images(paths)
    ids = [path.stem for path in files]
    known = read_inputs(metadata) if metadata else None
    values = known.rows if known else pd.DataFrame(index=pd.Index([], dtype=str))
    rows = values.reindex(ids)
    if metadata and bundle.score_names:
        rows["patient_id"] = read_patients(metadata).reindex(ids).to_numpy()
    probabilities, errors = run_bundle(
        bundle, len(files), lambda k: read_image_file(files[k]), rows)
    table = pd.DataFrame({"isic_id": ids, "file": [str(path) for path in files]})
    for k, name in enumerate(bundle.classes):
        table[f"p_{name}"] = probabilities[:, k]
    table["predicted"] = _decide(bundle, probabilities)
    table["missing_metadata"] = _missing(rows, bundle.metadata_columns)
    table["error"] = pd.Series(errors, dtype="string")
    return PredictedImages(table=table, notes=(*_notes(table, known, bundle),
                                               *list_notes(bundle, rows)))


def check_table_path(path: Path) -> None:
    """Raise InputError unless `save_table` can write to `path`; asked before the work begins."""
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {path}: end the name in .csv or .parquet")


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write predictions as CSV or Parquet, by the ending of `path`, atomically.

    Raises:
        InputError: another ending.
    """
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
    probabilities, errors = run_bundle(bundle, len(ids), lambda k: data.store.read(ids[k]), rows)
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
    bundle: ModelBundle, num_rows: int, read: Callable[[int], bytes], metadata: pd.DataFrame
) -> tuple[np.ndarray, list[str | None]]:
    """Probabilities of `num_rows` images, decoding and computing side by side.

    Args:
        bundle: the model.
        num_rows: N.
        read: the bytes of image k; called from several threads, not at all without images.
        metadata: N rows, in the same order, indexed by id.

    Returns:
        (N, classes) float32, NaN where an image does not decode, and the N errors or None.
    """
    def run_batch(start: int) -> tuple[np.ndarray, list[str | None]]:
        rows = range(start, min(start + BATCH_SIZE, num_rows))
        return _run_rows(bundle, rows, read, metadata)

    outputs = np.full((num_rows, _width(bundle)), np.nan, np.float32)
    errors: list[str | None] = []
    starts = range(0, num_rows, BATCH_SIZE)
    with progress(num_rows, "predicting") as bar:
        for batch, problems in map_tasks(run_batch, starts, workers="threads"):
            outputs[len(errors):len(errors) + len(problems)] = batch
            errors += problems
            bar.update(len(problems))
    return compare_within_patients(bundle, outputs, metadata), errors


def _width(bundle: ModelBundle) -> int:
    """Columns of `run_all`."""
    return len(bundle.classes) + len(bundle.score_names)


def _run_rows(
    bundle: ModelBundle, rows: range, read: Callable[[int], bytes], metadata: pd.DataFrame
) -> tuple[np.ndarray, list[str | None]]:
    errors: list[str | None] = [None] * len(rows)
    preprocessing = bundle.preprocessing
    if preprocessing is None:
        return bundle.run_all(None, metadata.iloc[rows.start:rows.stop]), errors
    squares, good = [], []
    for position, row in enumerate(rows):
        try:
            rgb = decode_rgb(read(row), short_side=preprocessing.decode_side)
            squares.append(preprocessing.apply(rgb))
            good.append(position)
        except DecodeError as error:
            errors[position] = f"{error.reason}: {error}"
    result = np.full((len(rows), _width(bundle)), np.nan, np.float32)
    if good:
        result[good] = bundle.run_all(np.stack(squares), metadata.iloc[[rows[k] for k in good]])
    return result, errors


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """The image files that paths, folders and globs name, each once, sorted within each."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            matches = [path / name for name in list_images(path)]
        elif path.exists():
            matches = [path]
        else:
            matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
        if not matches:
            raise InputError(f"no image found at {path}; give image files, a folder that holds "
                             f"some ({', '.join(sorted(SUFFIXES))}), or a glob")
        found |= dict.fromkeys(matches)
    return list(found)


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
    table: pd.DataFrame, known: InputsTable | None, bundle: ModelBundle
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
    unused = known.rows.index.difference(pd.Index(table["isic_id"]))
    if len(unused):
        notes.append(f"{len(unused)} rows of the metadata table match no image: "
                     f"{list_some(unused)}")
    for (column, reason), rows in known.adjusted.groupby(["column", "reason"]):
        notes.append(f"{len(rows)} values of {column} set to missing or clamped ({reason}): "
                     f"{list_some(rows['value'])}")
    return notes
