"""Altered copies in two roles or under two labels, and images that the table does not name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.leakage import differ_in, find_copies
from lesionlab.core.cohort import list_some

MOST_STRAY = 0.05
"""Share of files without a row from which on the folder and the table do not belong together."""


def list_altered_pairs(evidence: Evidence) -> pd.DataFrame:
    """`isic_id`, `copy_of`, `how` of the copies that `prepare` did not find."""
    found = evidence.copies
    noted = pd.concat([find_copies(evidence.data, kind) for kind in ("exact", "near")])
    known = {frozenset(pair) for pair in noted.itertuples(index=False, name=None)}
    is_new = [frozenset(pair) not in known
              for pair in found[["isic_id", "copy_of"]].itertuples(index=False, name=None)]
    return found[is_new]


def _find_straddling_altered(evidence: Evidence) -> Verdict:
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    pairs = list_altered_pairs(evidence)
    if pairs.empty:
        return Verdict(section="passed", value=0, fact="No image has altered copies")
    bad = differ_in(evidence.data, pairs, "role")
    total = say_count(len(pairs), "pair")
    if bad.empty:
        return Verdict(section="passed", value=0, fact=(
            f"{total} of altered copies, none of them in two roles"))
    ways = bad["how"].value_counts()
    return Verdict(
        section="issue", value=len(bad), isic_ids=np.unique(bad[["isic_id", "copy_of"]]),
        pairs=bad[["isic_id", "copy_of"]].itertuples(index=False, name=None), fact=(
            f"{len(bad):,} of {total} of altered copies have an image in each of two roles: "
            + list_some(f"{how} ({num:,})" for how, num in ways.items())))


def _find_conflicting_altered(evidence: Evidence) -> Verdict:
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    pairs = list_altered_pairs(evidence)
    if pairs.empty:
        return Verdict(section="not_applicable", fact="No image has an altered copy")
    bad = differ_in(evidence.data, pairs, "target")
    if bad.empty:
        return Verdict(section="passed", value=0, fact=(
            f"{say_count(len(pairs), 'pair')} of altered copies, all of one label each"))
    return Verdict(
        section="issue", value=len(bad), isic_ids=np.unique(bad[["isic_id", "copy_of"]]),
        pairs=bad[["isic_id", "copy_of"]].itertuples(index=False, name=None), fact=(
            f"{len(bad):,} of {say_count(len(pairs), 'pair')} of altered copies have two "
            "different labels"))


def _find_conflicting_lesions(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    if "lesion_id" not in frame or not frame["lesion_id"].dropna().duplicated().any():
        return Verdict(section="not_applicable", fact="No lesion is known to have two images")
    rows = frame.dropna(subset=["lesion_id"])
    num_labels = rows.groupby("lesion_id")["target"].nunique()
    bad = num_labels.index[num_labels > 1]
    several = int((rows["lesion_id"].value_counts() > 1).sum())
    if not len(bad):
        return Verdict(section="passed", value=0, fact=(
            f"Each of {say_count(several, 'lesion')} with several images has one label"))
    return Verdict(
        section="issue", value=len(bad) / several,
        isic_ids=rows.index[rows["lesion_id"].isin(bad)], fact=(
            f"{len(bad):,} of {say_count(several, 'lesion')} with several images have two labels "
            f"or more: {list_some(bad)}"))


def _find_stray_files(evidence: Evidence) -> Verdict:
    manifest = evidence.data.manifest
    num_stray = manifest["counts"].get("files_without_row", 0)
    num_files = num_stray + manifest["counts"]["num_rows_read"]
    if not num_stray:
        return Verdict(section="passed", value=0, fact="Every image file is named by a row")
    ids = [row["isic_id"] for row in manifest["dropped"] if row["reason"] == "no_row"]
    share = num_stray / num_files
    return Verdict(
        section="issue" if share > MOST_STRAY else "tip", value=share, count=num_stray,
        isic_ids=ids, fact=(
            f"{say_count(num_stray, 'image file')} beside {num_files - num_stray:,} rows "
            f"({say_share(share)} of both) are named by no row"))


CHECKS = (
    Check(code="LL107", title="Altered copies in one role", function=_find_straddling_altered,
          why="A picture that was turned, mirrored, cropped or retouched is the same picture; in "
              "training and test it gives the answer away.",
          remedy="look at the pairs, and move both images of each to one role",
          how="Pictures that are near in frozen features are laid on each other and compared in "
              "fine detail; pairs that prepare found are left out.",
          causes=("LL103", "LL104", "LL206")),
    Check(code="LL108", title="Altered copies with one label", function=_find_conflicting_altered,
          why="One of the two labels is wrong, or labels were attached to the wrong images.",
          remedy="look at the pairs, correct the label or leave both out",
          how="The target is compared within each pair of LL107.",
          causes=("LL105", "LL206", "LL304", "LL306", "LL307")),
    Check(code="LL109", title="Lesions with one label", function=_find_conflicting_lesions,
          why="A lesion has one diagnosis; two labels mean that one is wrong, or that labels stand "
              "with the wrong images.",
          remedy="correct the label, or leave the lesion out, and check that labels were joined "
                 "by id",
          how="The target is compared within each lesion_id.",
          causes=("LL304", "LL306", "LL307")),
    Check(code="LL110", title="Files without a row", function=_find_stray_files,
          why="Files of another cohort in the folder mean that folder and table do not belong "
              "together; a tool that joins by position shifts every label.",
          remedy="remove files that are not of this cohort, or find the rows that are missing",
          how="prepare compares the files of the folder with the rows of the table by id."),
)
