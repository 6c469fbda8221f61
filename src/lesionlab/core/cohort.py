"""Cohort: a row per image, in one vocabulary, unique by id."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lesionlab.core import artifacts, displays
from lesionlab.core.errors import CohortError
from lesionlab.core.terms import COLUMNS, WIDE_INPUTS, Kind

_TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(), "boolean": pa.bool_(), "category": pa.string(),
    "text": pa.string()}
_SHOWN = ("patient_id", "lesion_id", *WIDE_INPUTS)
"""Columns whose gaps a notebook shows."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Images and what is known of them, sorted by `isic_id`; unknown is missing, never a value."""

    table: pa.Table
    """Columns by the names of `lesionlab.core.terms.COLUMNS`, plus columns of the user's own."""

    def __post_init__(self) -> None:
        names = self.table.column_names
        if "isic_id" not in names:
            raise CohortError("the cohort has no column 'isic_id'; every row needs an id")
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise CohortError(f"columns that stand more than once: {list_some(repeated)}; "
                              "rename or remove them")
        table = _sort_by_id(_typed(self.table))
        object.__setattr__(self, "table", table)
        problems = [*_id_problems(table), *_value_problems(table)]
        if problems:
            raise CohortError(join_problems("the cohort breaks its laws", problems))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Cohort:
        """A cohort of the rows of `frame`; the index is ignored."""
        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except (pa.ArrowException, ValueError) as error:
            raise CohortError(f"the data frame is not a table of plain values: {error}") from error
        return cls(table=table)

    @classmethod
    def load(cls, path: Path) -> Cohort:
        """Read what `save` wrote."""
        return cls(table=artifacts.read_parquet(path))

    def save(self, path: Path) -> None:
        """Write the cohort as Parquet, atomically."""
        artifacts.write_parquet(path, self.table)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids and values; the same whatever order the rows came in."""
        return artifacts.digest_table(self.table.select(sorted(self.table.column_names)))

    @cached_property
    def ids(self) -> pd.Index:
        """The ids in ascending order, (N,) str."""
        return pd.Index(self.table["isic_id"].to_pandas(), name="isic_id")

    @property
    def frame(self) -> pd.DataFrame:
        """A new data frame, a row per image, indexed by `isic_id`."""
        types = {pa.bool_(): pd.BooleanDtype()}
        return self.table.to_pandas(types_mapper=types.get).set_index("isic_id")

    def __len__(self) -> int:
        return self.table.num_rows

    def _repr_html_(self) -> str:
        frame = self.frame
        classes = frame.get("target", frame.get("diagnosis_1", pd.Series(dtype=object)))
        counts = classes.value_counts()
        missing = {name: int(frame[name].isna().sum()) if name in frame else len(frame)
                   for name in _SHOWN}
        named = {noun: frame[name].nunique() for noun, name in
                 (("patients", "patient_id"), ("lesions", "lesion_id")) if name in frame}
        return displays.show_value(
            "Cohort", {"images": len(frame)} | named | {"digest": self.digest[:12]},
            displays.show_table(f"Images by {classes.name}", ("class", "images", "share"), [
                (name, count, displays.show_share(count, len(frame)))
                for name, count in counts.items()]),
            displays.show_table("Missing values", ("column", "images", "share"), [
                (name, count, displays.show_share(count, len(frame)))
                for name, count in missing.items()]))

    def select(self, ids: Iterable[str]) -> Cohort:
        """The rows of `ids`; an id that is not here is an error."""
        wanted = pd.Index(list(ids))
        rows = self.ids.get_indexer(wanted)
        unknown = sorted(set(wanted[rows < 0]), key=str)
        if unknown:
            raise CohortError(f"not in the cohort: {list_some(unknown)}")
        is_wanted = np.zeros(len(self), bool)
        is_wanted[rows] = True
        return Cohort(table=self.table.filter(pa.array(is_wanted)))


def list_some(values: Iterable[object], most: int = 5) -> str:
    """The first few values, and how many more there are.

    >>> list_some("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    items = [str(value) for value in values]
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def join_problems(title: str, problems: list[str]) -> str:
    """One message of many problems: the first five a line each, and how many more."""
    lines = [f"  - {problem}" for problem in problems[:5]]
    if len(problems) > 5:
        lines.append(f"  and {len(problems) - 5} more")
    return "\n".join([f"{title}:", *lines])


def _typed(table: pa.Table) -> pa.Table:
    """The table with each column in its kind's type, without schema metadata."""
    columns = {}
    for name in table.column_names:
        kind = COLUMNS[name].kind if name in COLUMNS else _own_kind(table[name].type)
        try:
            columns[name] = _without_blanks(table[name].cast(_TYPES[kind]).combine_chunks())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise CohortError(f"column '{name}' cannot be read as {kind}: {error}") from error
    return pa.table(columns)


def _sort_by_id(table: pa.Table) -> pa.Table:
    """The table by ascending id; most come in that order, and sorting copies every column."""
    ids = table["isic_id"].combine_chunks()
    is_sorted = not ids.null_count and pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py() is not False
    return table if is_sorted else table.sort_by("isic_id")


def _own_kind(found: pa.DataType) -> Kind:
    """The kind of a column of the user's own: numbers and booleans stay, all else is text."""
    if pa.types.is_integer(found) or pa.types.is_floating(found):
        return "number"
    return "boolean" if pa.types.is_boolean(found) else "text"


def _without_blanks(values: pa.Array) -> pa.Array:
    """The values with blank text and NaN as missing: two blank ids are not the same patient."""
    if pa.types.is_boolean(values.type):
        return values
    is_number = pa.types.is_floating(values.type)
    blank = (pc.is_nan(values) if is_number
             else pc.or_(pc.equal(values, ""), pc.utf8_is_space(values))).fill_null(False)
    if not pc.any(blank).as_py():
        return values
    return pc.if_else(blank, pa.scalar(None, values.type), values)


def _id_problems(table: pa.Table) -> list[str]:
    ids = table["isic_id"].to_pandas()
    problems = []
    empty = int(ids.isna().sum())
    if empty:
        problems.append(f"{empty} rows have no isic_id")
    known = ids.dropna()
    repeated = known[known.duplicated()].unique()
    if len(repeated):
        problems.append(f"{len(repeated)} ids stand in more than one row: {list_some(repeated)}")
    return problems


def _value_problems(table: pa.Table) -> list[str]:
    problems = []
    for name in table.column_names:
        column, values = COLUMNS.get(name), table[name]
        if column is None:
            continue
        wrong = pa.array(np.zeros(table.num_rows, bool))
        if column.terms:
            wrong = pc.and_(values.is_valid(), pc.invert(pc.is_in(values, pa.array(column.terms))))
        if column.kind == "number":
            wrong = pc.invert(pc.is_finite(values))
        if column.low is not None:
            wrong = pc.or_(wrong, pc.less(values, column.low))
        if column.high is not None:
            wrong = pc.or_(wrong, pc.greater(values, column.high))
        bad = values.filter(pc.fill_null(wrong, False)).to_pylist()
        if bad:
            problems.append(f"column '{name}' has {len(bad)} values outside its vocabulary or "
                            f"range: {list_some(bad)}")
    return problems
