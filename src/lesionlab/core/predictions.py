"""Predictions: a row of class probabilities per image, joined by id and never by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lesionlab.core import artifacts, displays
from lesionlab.core.cohort import join_problems, list_some
from lesionlab.core.errors import PredictionsError

SUM_TOLERANCE = 1e-3
"""How far the probabilities of a row may be from 1 in sum, rounding in CSV files included."""

NUM_SHOWN = 5
"""Rows that a notebook shows."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Probabilities of one model on one role of one cohort, sorted by `isic_id`."""

    table: pa.Table
    """Columns `isic_id`, `group_id`, `target` (class name or missing), `p_<class>` a class."""
    classes: tuple[str, ...]
    """Class names in the order of the probability columns."""
    role: str
    """`train`, `valid`, `test`, or another name for images outside a split."""
    data_digest: str | None = None
    """Digest of the prepared data that the rows come from, where known."""

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise PredictionsError("predictions need two or more different classes, got "
                                   f"{list_some(self.classes) or 'none'}")
        names = ["isic_id", "group_id", "target", *(f"p_{name}" for name in self.classes)]
        missing = [name for name in names if name not in self.table.column_names]
        if missing:
            raise PredictionsError(f"the predictions lack the columns {list_some(missing)}")
        types = [pa.string()] * 3 + [pa.float64()] * len(self.classes)
        schema = pa.schema(list(zip(names, types, strict=True)))
        try:
            table = self.table.select(names).cast(schema).sort_by("isic_id").combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise PredictionsError(f"the predictions cannot be read: {error}; ids, groups and "
                                   "targets are text, probabilities are numbers") from error
        object.__setattr__(self, "table", table.replace_schema_metadata(None))
        problems = _problems(self)
        if problems:
            raise PredictionsError(join_problems("the predictions break their laws", problems))

    @classmethod
    def from_arrays(
        cls, *, ids: Sequence[str], groups: Sequence[str], targets: Sequence[str | None],
        probabilities: np.ndarray, classes: Sequence[str], role: str,
        data_digest: str | None = None,
    ) -> Predictions:
        """Predictions of aligned sequences of length N; `probabilities` is (N, classes) float.

        Raises:
            PredictionsError: lengths that differ, or rows that are no probabilities.
        """
        shape = (len(ids), len(classes))
        if probabilities.shape != shape or {len(groups), len(targets)} != {len(ids)}:
            raise PredictionsError(
                f"{len(ids)} ids, {len(groups)} groups, {len(targets)} targets and {len(classes)} "
                f"classes do not fit probabilities of shape {probabilities.shape}")
        texts = {"isic_id": ids, "group_id": groups, "target": targets}
        columns = {name: pa.array(list(values), pa.string(), from_pandas=True)
                   for name, values in texts.items()}
        columns |= {f"p_{name}": pa.array(probabilities[:, k].astype(np.float64))
                    for k, name in enumerate(classes)}
        return cls(table=pa.table(columns), classes=tuple(classes), role=role,
                   data_digest=data_digest)

    def replace_probabilities(self, probabilities: np.ndarray) -> Predictions:
        """The same rows with other (N, classes) probabilities, in the order of `frame`."""
        columns = self.table.to_pydict()
        return Predictions.from_arrays(
            ids=columns["isic_id"], groups=columns["group_id"], targets=columns["target"],
            probabilities=probabilities, classes=self.classes, role=self.role,
            data_digest=self.data_digest)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote."""
        stored = pq.read_table(path)
        notes = {key.decode(): value.decode()
                 for key, value in (stored.schema.metadata or {}).items()}
        if not notes.keys() >= {"role", "data_digest"}:
            raise PredictionsError(f"{path} was not written by lesionlab: it does not say which "
                                   "role it is of")
        classes = tuple(name[2:] for name in stored.column_names if name.startswith("p_"))
        return cls(table=stored, classes=classes, role=notes["role"],
                   data_digest=notes["data_digest"] or None)

    def save(self, path: Path) -> None:
        """Write the table as Parquet, role and data digest in its metadata."""
        notes = {"role": self.role, "data_digest": self.data_digest or ""}
        artifacts.write_parquet(path, self.table.replace_schema_metadata(notes))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, groups, targets, probabilities and the role."""
        return artifacts.digest_bytes(
            artifacts.digest_table(self.table).encode(), self.role.encode())

    @property
    def frame(self) -> pd.DataFrame:
        """A new data frame indexed by `isic_id`."""
        return self.table.to_pandas().set_index("isic_id")

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, classes) float64 in [0, 1], rows in id order."""
        array = np.stack([self.table[f"p_{name}"].to_numpy() for name in self.classes], axis=1)
        array.flags.writeable = False
        return array

    @cached_property
    def target_index(self) -> np.ndarray:
        """(N,) int64 index into `classes`; -1 where the target is missing."""
        index = pd.Index(self.classes).get_indexer(self.table["target"].to_pandas())
        index = index.astype(np.int64)
        index.flags.writeable = False
        return index

    @cached_property
    def group_index(self) -> np.ndarray:
        """(N,) int64 number of each row's group, from 0."""
        codes = pd.factorize(self.table["group_id"].to_pandas())[0].astype(np.int64)
        codes.flags.writeable = False
        return codes

    def _repr_html_(self) -> str:
        groups = int(self.group_index.max(initial=-1)) + 1
        rows = zip(*(column.to_pylist() for column in self.table.slice(0, NUM_SHOWN).columns),
                   strict=True)
        return displays.show_value(
            "Predictions", {"role": self.role, "images": len(self), "groups": groups,
                            "digest": self.digest[:12]},
            displays.show_table(f"First {min(NUM_SHOWN, len(self))} rows",
                                self.table.column_names, rows, num_left=3))

    def __len__(self) -> int:
        return self.table.num_rows


def _problems(predictions: Predictions) -> list[str]:
    frame = predictions.table.select(["isic_id", "group_id", "target"]).to_pandas()
    problems = []
    if frame["isic_id"].isna().any() or frame["group_id"].isna().any():
        problems.append("some rows lack an isic_id or a group_id")
    repeated = frame["isic_id"][frame["isic_id"].duplicated()].unique()
    if len(repeated):
        problems.append(f"{len(repeated)} ids stand in more than one row: {list_some(repeated)}")
    unknown = sorted(set(frame["target"].dropna()) - set(predictions.classes))
    if unknown:
        problems.append(f"targets outside the classes: {list_some(unknown)}")
    p = predictions.probabilities
    wrong = ~np.isfinite(p).all(axis=1) | (p < 0).any(axis=1) | (p > 1).any(axis=1)
    if wrong.any():
        problems.append(f"{int(wrong.sum())} rows have a probability outside 0 to 1: "
                        f"{list_some(frame['isic_id'][wrong])}")
    off = ~wrong & (np.abs(p.sum(axis=1) - 1) > SUM_TOLERANCE)
    if off.any():
        problems.append(f"{int(off.sum())} rows do not sum to 1: "
                        f"{list_some(frame['isic_id'][off])}")
    return problems
