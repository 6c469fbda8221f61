"""Drawing a split by group, stratified, or taking the user's own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from lesionlab.core.cohort import Cohort, list_some
from lesionlab.core.errors import SplitError
from lesionlab.core.split import ROLES, Role, Split

ROLE_NAMES: dict[str, Role] = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
    "test": "test", "testing": "test",
}
"""How other tools call the three roles."""

_Members = list[tuple[int, int]]
"""Strata of one group, each with the number of its images there."""


def parse_shares(text: str) -> dict[Role, float]:
    """The share of each role from text such as `70/10/20`.

    >>> parse_shares("70/10/20")
    {'train': 0.7, 'valid': 0.1, 'test': 0.2}
    """
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) != 3 or not all(part > 0 for part in parts) or not np.isfinite(sum(parts)):
        raise SplitError(f"--split {text}: write three positive numbers for train/valid/test, "
                         "such as 70/10/20")
    return {role: part / sum(parts) for role, part in zip(ROLES, parts, strict=True)}


def draw_roles(
    groups: pd.Series, strata: pd.Series, shares: Mapping[Role, float], seed: int
) -> pd.Series:
    """A role for each image, whole groups together, each stratum near its shares.

    Args:
        groups: `group_id` indexed by `isic_id`.
        strata: what to stratify by, same index.
        shares: of each role, summing to 1.
        seed: of the order within one size.

    Raises:
        SplitError: a role is left without images, as where there are only a few groups.
    """
    dealt = deal_groups(groups, strata, [shares[role] for role in ROLES], seed)
    if empty := [role for k, role in enumerate(ROLES) if k not in set(dealt)]:
        raise SplitError(f"{groups.nunique()} groups are too few to split: none is left for "
                         f"{' and '.join(empty)}; give more patients or more even shares, such as "
                         "--split 40/30/30")
    return pd.Series(np.array(ROLES)[dealt], index=dealt.index, name="role", dtype="str")


def deal_groups(
    groups: pd.Series, strata: pd.Series, shares: Sequence[float], seed: int
) -> pd.Series:
    """The place in `shares`, int64, that each image is dealt to, by `isic_id` in ascending order.

    Groups are dealt from the largest to the smallest, those of one size in random order, each to
    the place that is furthest behind its wish in the group's strata and in all (iterative
    stratification, Sechidis et al. 2011, doi 10.1007/978-3-642-23808-6_10, with groups in the
    place of examples). Behind is counted in parts of the wish, as in Webster's method of dealing
    seats, so that groups of every size are found in every place. The order of the rows has no
    say, and with even shares no place is empty unless there are fewer groups than places.

    Args:
        groups: `group_id` indexed by `isic_id`.
        strata: what to stratify by, same index.
        shares: of each place, summing to 1.
        seed: of the order within one size.
    """
    ids = groups.index.sort_values()
    codes, names = pd.factorize(groups.loc[ids], sort=True)
    members = _count_members(codes, strata.loc[ids])
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-np.bincount(codes)[shuffled], kind="stable")]
    dealt = np.empty(len(names), np.int64)
    dealt[order] = _deal([members[group] for group in order], list(shares))
    return pd.Series(dealt[codes], index=ids)


def _count_members(codes: np.ndarray, strata: pd.Series) -> list[_Members]:
    """Of each group the strata with the number of its images there, and -1 for all of them."""
    strata_codes, levels = pd.factorize(strata, sort=True, use_na_sentinel=False)
    cells, counts = np.unique(codes * len(levels) + strata_codes, return_counts=True)
    members: list[_Members] = [[(-1, size)] for size in np.bincount(codes).tolist()]
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        members[cell // len(levels)].append((cell % len(levels), count))
    return members


def _deal(groups: list[_Members], shares: list[float]) -> list[int]:
    """The place in `shares` of each group in turn."""
    totals: dict[int, int] = {}
    for s, count in itertools.chain.from_iterable(groups):
        totals[s] = totals.get(s, 0) + count
    wishes = [{s: share * total for s, total in totals.items()} for share in shares]
    dealt = [dict.fromkeys(totals, 0) for _ in shares]
    roles = []
    for group in groups:
        progress = [sum((have[s] + count / 2) / wish[s] for s, count in group)
                    for have, wish in zip(dealt, wishes, strict=True)]
        best = progress.index(min(progress))
        roles.append(best)
        for s, count in group:
            dealt[best][s] += count
    return roles


def make_split(
    cohort: Cohort, groups: pd.Series, roles: pd.Series, *, seed: int | None, group_key: str,
    may_leak: bool = False,
) -> Split:
    """The Split of a cohort; one whose groups straddle roles is refused unless it may leak."""
    table = pa.table({"isic_id": cohort.ids, "role": roles.loc[cohort.ids].astype(str).array,
                      "group_id": groups.loc[cohort.ids].astype(str).array})
    split = Split(table=table, seed=seed, group_key=group_key, cohort_digest=cohort.digest,
                  may_leak=may_leak)
    split.check_against(cohort)
    return split


def read_roles(cohort: Cohort, column: str, *, may_leak: bool = False) -> pd.Series:
    """The user's own roles from a column of the cohort, named as we name them.

    Raises:
        SplitError: no such column, an unknown name, an image without a role, or a role that
            nobody has, unless the split may leak. Groups that straddle roles are found by
            `make_split`, never moved.
    """
    frame = cohort.frame
    if column not in frame:
        raise SplitError(f"split column {column}: no such column; the table has "
                         f"{', '.join(frame.columns)}")
    given = frame[column].astype("string").str.strip().str.lower()
    roles = given.map(ROLE_NAMES)
    wrong = given.index[roles.isna()]
    if len(wrong):
        found = sorted(set(given[wrong].fillna("(empty)")))
        raise SplitError(f"split column {column}: {len(wrong)} images have no known role "
                         f"({list_some(found)}): {list_some(wrong)}; use {', '.join(ROLES)}")
    empty = [role for role in ROLES if role not in set(roles)]
    if empty and not may_leak:
        raise SplitError(f"split column {column}: no image is {' or '.join(empty)}; "
                         f"a split needs all of {', '.join(ROLES)}")
    return roles.rename("role")


def name_strata(target: pd.Series, sources: pd.Series | None) -> pd.Series:
    """The stratum of each image: its class, and its source where there are several."""
    if sources is None or sources.nunique(dropna=False) < 2:
        return target
    return target + " | " + sources.fillna("unknown")


def count_roles(target: pd.Series, split: Split, classes: Sequence[str]) -> dict[str, dict]:
    """Images and groups of each role, and images of each of its classes."""
    frame = split.frame.join(target.rename("target"))
    counts = {}
    for role in ROLES:
        rows = frame[frame["role"] == role]
        by_class = rows["target"].value_counts()
        counts[role] = {"num_images": len(rows), "num_groups": int(rows["group_id"].nunique()),
                        "classes": {name: int(by_class.get(name, 0)) for name in classes}}
    return counts
