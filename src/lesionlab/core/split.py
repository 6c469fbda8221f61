"""Split: which image plays which role, whole groups together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lesionlab.core import artifacts, displays
from lesionlab.core.cohort import Cohort, join_problems, list_some
from lesionlab.core.errors import SplitError

Role = Literal["train", "valid", "test"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True)
class Split:
    """The role and the group of every image of one cohort, sorted by `isic_id`."""

    table: pa.Table
    """Columns `isic_id`, `role`, `group_id`, all text."""
    seed: int | None
    """Seed of the draw; None for a split that the user brought."""
    group_key: str
    """What was kept together, for instance `lesion_id+duplicates`."""
    cohort_digest: str
    """Digest of the cohort that was split."""
    may_leak: bool = False
    """Taken as it was given, to be audited: groups may straddle roles, and roles may be empty."""

    def __post_init__(self) -> None:
        wanted = pa.schema([(name, pa.string()) for name in ("isic_id", "role", "group_id")])
        missing = sorted(set(wanted.names) - set(self.table.column_names))
        if missing:
            raise SplitError(f"the split has no column {', '.join(missing)}")
        table = self.table.select(wanted.names).cast(wanted).sort_by("isic_id").combine_chunks()
        object.__setattr__(self, "table", table)
        problems = _problems(self.frame.reset_index())
        if not self.may_leak:
            problems += _straddlers(self.frame, "group_id")
        if problems:
            raise SplitError(join_problems("the split breaks its laws", problems))

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read what `save` wrote."""
        stored = pq.read_table(path)
        notes = {key.decode(): value.decode()
                 for key, value in (stored.schema.metadata or {}).items()}
        if not notes.keys() >= {"seed", "group_key", "cohort_digest"}:
            raise SplitError(f"{path} is not a split of lesionlab: it does not say what was split; "
                             "prepare the data again")
        return cls(table=stored.replace_schema_metadata(None),
                   seed=int(notes["seed"]) if notes["seed"] else None,
                   group_key=notes["group_key"], cohort_digest=notes["cohort_digest"],
                   may_leak=bool(notes.get("may_leak")))

    def save(self, path: Path) -> None:
        """Write the split as Parquet, seed, group key and cohort digest in its metadata."""
        notes = {"seed": "" if self.seed is None else str(self.seed),
                 "group_key": self.group_key, "cohort_digest": self.cohort_digest,
                 **({"may_leak": "yes"} if self.may_leak else {})}
        artifacts.write_parquet(path, self.table.replace_schema_metadata(notes))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, roles, groups and the cohort's digest."""
        return artifacts.digest_bytes(
            artifacts.digest_table(self.table).encode(), self.cohort_digest.encode())

    @property
    def frame(self) -> pd.DataFrame:
        """A new data frame of `role` and `group_id`, indexed by `isic_id`."""
        return self.table.to_pandas().set_index("isic_id")

    def ids(self, role: Role) -> pd.Index:
        """The ids of one role in ascending order."""
        frame = self.frame
        return frame.index[frame["role"] == role]

    def __len__(self) -> int:
        return self.table.num_rows

    def _repr_html_(self) -> str:
        roles = self.frame.groupby("role")["group_id"].agg(["size", "nunique"]).reindex(ROLES)
        rows = [(role, int(size), int(groups), displays.show_share(int(size), len(self)))
                for role, (size, groups) in zip(ROLES, roles.fillna(0).to_numpy(), strict=True)]
        return displays.show_value(
            "Split", {"kept together": self.group_key, "seed": self.seed,
                      "digest": self.digest[:12]},
            displays.show_table("Images and groups by role",
                                ("role", "images", "groups", "share of images"), rows))

    def check_against(self, cohort: Cohort) -> None:
        """Raise SplitError unless the split is of just this cohort and holds its links together."""
        if self.cohort_digest != cohort.digest:
            raise SplitError(
                f"the split was made for cohort {self.cohort_digest[:12]}, "
                f"this one is {cohort.digest[:12]}; prepare the data again")
        problems = _differences(cohort.ids, self.table["isic_id"].to_pandas())
        if not problems and not self.may_leak:
            frame = cohort.frame
            frame["role"] = self.frame["role"]
            for key in [name for name in ("patient_id", "lesion_id") if name in frame]:
                problems += _straddlers(frame, key)
        if problems:
            raise SplitError(join_problems("the split breaks its laws", problems))


def _problems(frame: pd.DataFrame) -> list[str]:
    problems = []
    repeated = frame["isic_id"][frame["isic_id"].duplicated()].unique()
    if len(repeated):
        problems.append(f"{len(repeated)} ids stand in more than one row: {list_some(repeated)}")
    unknown = sorted(set(frame["role"].dropna()) - set(ROLES))
    if unknown:
        problems.append(f"unknown roles: {list_some(unknown)}; use {', '.join(ROLES)}")
    empty = int(frame[["isic_id", "role", "group_id"]].isna().any(axis=1).sum())
    if empty:
        problems.append(f"{empty} rows lack an id, a role or a group")
    return problems


def _differences(wanted: pd.Index, found: pd.Series) -> list[str]:
    missing, extra = wanted.difference(pd.Index(found)), pd.Index(found).difference(wanted)
    sides = ((missing, "images have no role"), (extra, "rows are of no image of the cohort"))
    return [f"{len(ids)} {what}: {list_some(ids)}" for ids, what in sides if len(ids)]


def _straddlers(frame: pd.DataFrame, key: str) -> list[str]:
    """A problem that names the values of `key` which stand in more than one role, if any do."""
    codes, names = pd.factorize(frame[key])
    role_codes, roles = pd.factorize(frame["role"])
    is_known = (codes >= 0) & (role_codes >= 0)
    # A number for each value and role that meet; a value with two of them stands in two roles.
    met = np.unique(codes[is_known] * len(roles) + role_codes[is_known])
    bad = sorted(names[np.bincount(met // max(len(roles), 1), minlength=len(names)) > 1])
    if not bad:
        return []
    return [f"{len(bad)} values of {key} stand in more than one role: {list_some(bad)}"]
