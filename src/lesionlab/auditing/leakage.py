"""What stands on two sides of the split, or is counted as more than it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.cohort import list_some
from lesionlab.dataset.prepared import PreparedData


def find_copies(data: PreparedData, kind: str) -> pd.DataFrame:
    """`isic_id`, `copy_of`: pairs of images that are copies, `exact` or `near`.

    Exact copies are found anew in the store; near ones are those that prepare wrote down.
    """
    if kind == "exact":
        digests = data.store.column("sha256").loc[data.cohort.ids]
        first = digests.index.to_series().groupby(digests).transform("min")
        pairs = pd.DataFrame({"isic_id": digests.index, "copy_of": first.to_numpy()})
        return pairs[pairs["isic_id"] != pairs["copy_of"]]
    noted = pd.DataFrame(data.manifest["duplicates"], columns=["isic_id", "copy_of", "kind"])
    is_here = noted["isic_id"].isin(data.cohort.ids) & noted["copy_of"].isin(data.cohort.ids)
    return noted.loc[is_here & (noted["kind"] == kind), ["isic_id", "copy_of"]]


def differ_in(data: PreparedData, pairs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Those pairs whose two images differ in a column."""
    values = data.frame[column]
    sides = [pairs[name].map(values) for name in ("isic_id", "copy_of")]
    return pairs[sides[0] != sides[1]]


def _find_straddling_patients(evidence: Evidence) -> Verdict:
    return _find_straddlers(evidence.data, "patient_id", "patient")


def _find_straddling_lesions(evidence: Evidence) -> Verdict:
    return _find_straddlers(evidence.data, "lesion_id", "lesion")


def _find_straddlers(data: PreparedData, column: str, noun: str) -> Verdict:
    if column not in data.frame or not data.frame[column].notna().any():
        return Verdict(section="not_applicable", fact=(
            f"There is no {column}, so whether a {noun} stands in two roles cannot be seen"))
    rows = data.frame.dropna(subset=[column])
    by_value = rows.groupby(column)["role"].nunique()
    bad = by_value.index[by_value > 1]
    num_without = len(data.frame) - len(rows)
    rest = f" ({say_count(num_without, 'image')} without {column} not seen)" if num_without else ""
    if len(bad):
        return Verdict(section="issue", value=len(bad), fact=(
            f"{len(bad):,} of {say_count(len(by_value), noun)} have images in more than one role: "
            f"{list_some(bad)}{rest}"), isic_ids=rows.index[rows[column].isin(bad)])
    return Verdict(section="passed", value=0, fact=(
        f"None of {say_count(len(by_value), noun)} has images in more than one role{rest}"))


def _find_exact_straddlers(evidence: Evidence) -> Verdict:
    return _find_straddling_copies(evidence.data, "exact")


def _find_near_straddlers(evidence: Evidence) -> Verdict:
    return _find_straddling_copies(evidence.data, "near")


def _find_straddling_copies(data: PreparedData, kind: str) -> Verdict:
    pairs = find_copies(data, kind)
    if pairs.empty:
        return Verdict(section="passed", value=0, fact=f"No image has {kind} copies")
    bad = differ_in(data, pairs, "role")
    total = say_count(len(pairs), f"{kind} pair")
    if len(bad):
        return Verdict(section="issue", value=len(bad), isic_ids=np.unique(bad),
                       pairs=bad.itertuples(index=False, name=None),
                       fact=f"{len(bad):,} of {total} of copies have an image in each of two roles")
    return Verdict(section="passed", value=0, fact=f"{total} of copies, none of them in two roles")


def _find_large_groups(evidence: Evidence) -> Verdict:
    data = evidence.data
    columns = [name for name in ("patient_id", "lesion_id") if name in data.frame]
    if not columns or data.frame[columns].isna().all(axis=None):
        return Verdict(section="not_applicable", fact=(
            "There is neither patient_id nor lesion_id: each image counts as a patient of its own, "
            "unless it is a copy"))
    sizes = data.frame.groupby("group_id")["role"].transform("size")
    shared = sizes.index[sizes > 1]
    num_groups = data.frame["group_id"].nunique()
    mean = len(sizes) / num_groups
    if not len(shared):
        return Verdict(section="passed", value=mean,
                       fact=f"Each of {say_count(num_groups, 'group')} is one image")
    return Verdict(section="tip", value=mean, isic_ids=shared, fact=(
        f"{say_count(len(sizes), 'image')} are of {say_count(num_groups, 'group')} (by "
        f"{data.split.group_key.replace('+', ', ')}), the largest of {int(sizes.max()):,} images "
        f"({say_share(sizes.max() / len(sizes))} of all)"))


CHECKS = (
    Check(code="LL101", title="Patients in one role", function=_find_straddling_patients,
          why="A model that has seen a patient is tested on what it knows by heart, and scores too "
              "high.",
          remedy="prepare the data again so that all images of a patient share a role",
          how="Each patient_id is followed through the roles; images without one are counted and "
              "not seen."),
    Check(code="LL102", title="Lesions in one role", function=_find_straddling_lesions,
          why="Two images of one lesion are nearly one image; split apart, they test memory.",
          remedy="prepare the data again so that all images of a lesion share a role",
          how="Each lesion_id is followed through the roles; images without one are counted and "
              "not seen."),
    Check(code="LL103", title="Exact copies in one role", function=_find_exact_straddlers,
          why="The same file in training and test gives the answer away.",
          remedy="prepare the data again, which keeps copies together",
          how="By the SHA-256 of the original files, independently of what prepare noted."),
    Check(code="LL104", title="Near copies in one role", function=_find_near_straddlers,
          why="A resized or re-encoded copy in training and test gives the answer away.",
          remedy="prepare the data again, which keeps copies together",
          how="By the pairs in manifest.json, which prepare found by a perceptual hash and "
              "confirmed on the pictures.",
          causes=("LL206",)),
    Check(code="LL106", title="Groups of several images", function=_find_large_groups,
          why="Images of one group are not independent: intervals and tests that count images "
              "claim more than is known.",
          remedy="count groups rather than images wherever you state a sample size",
          how="By the groups of the split."),
)
