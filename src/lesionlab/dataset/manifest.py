"""What manifest.json says of the rows: where they come from, what was left out, what is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from lesionlab.core.cohort import Cohort
from lesionlab.core.split import Split
from lesionlab.dataset.licensing import count_rights
from lesionlab.dataset.splitting import count_roles
from lesionlab.sources.reading import SourceRead
from lesionlab.targets import Target


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What became of the rows that were read."""

    classes: pd.Series
    """Class of each image, missing for none."""
    no_class: Mapping[str, int]
    """Images without a class, by reason."""
    rejected: pd.DataFrame
    """`isic_id, reason, detail` of the images that could not be read."""


def describe_rows(
    source: SourceRead, cohort: Cohort, split: Split, target: Target, screened: Screened,
    copies: list[dict[str, Any]],
) -> dict[str, Any]:
    """The parts of the manifest that speak of rows, each row left out with its reason."""
    return {
        "sources": [asdict(info) | {"path": str(info.path)} for info in source.sources],
        "counts": _counts(source, cohort, split, target, screened, copies),
        **count_rights(cohort.frame),
        "dropped": _dropped(source, screened),
        "adjusted": list_rows(source.adjusted),
        "duplicates": copies,
    }


def describe_copies(
    copies: list[tuple[str, str, str]], frame: pd.DataFrame
) -> list[dict[str, Any]]:
    """Each pair of copies as a JSON object, and whether its images have two patients.

    Then two ids mean one person, or a row has the wrong one; patients' ids stay out of manifests.
    """
    named = pd.Index({isic_id for first, copy, _ in copies for isic_id in (first, copy)}, dtype=str)
    patients = (frame["patient_id"].reindex(named).dropna().to_dict()
                if "patient_id" in frame else {})
    return [{"isic_id": copy, "copy_of": first, "kind": kind,
             "of_two_patients": len({patients[i] for i in (first, copy) if i in patients}) > 1}
            for first, copy, kind in copies]


def _dropped(source: SourceRead, screened: Screened) -> list[dict[str, Any]]:
    """Every row and file that was left out, by stage: `isic_id, source, reason, detail`."""
    names = source.cohort.frame["locator"].str.partition("/")[0]
    no_class = screened.classes.index[screened.classes.isna()].to_frame(index=False)
    late = [no_class.assign(reason="no_class", detail=None), screened.rejected]
    return [row for table in (source.dropped, source.unlisted,
                              *(rows.assign(source=rows["isic_id"].map(names)) for rows in late))
            for row in list_rows(table[["isic_id", "source", "reason", "detail"]])]


def _counts(
    source: SourceRead, cohort: Cohort, split: Split, target: Target, screened: Screened,
    copies: list[dict[str, Any]],
) -> dict[str, Any]:
    frame = cohort.frame
    return {
        "num_images": len(cohort),
        "num_groups": int(split.frame["group_id"].nunique()),
        "num_patients": int(frame["patient_id"].nunique()) if "patient_id" in frame else 0,
        "num_lesions": int(frame["lesion_id"].nunique()) if "lesion_id" in frame else 0,
        "classes": {name: int((frame["target"] == name).sum()) for name in target.classes},
        "roles": count_roles(frame["target"], split, target.classes),
        "num_rows_read": sum(info.num_rows for info in source.sources),
        "dropped_by_source": count_reasons(source.dropped),
        "dropped_by_target": dict(screened.no_class),
        "rejected_images": count_reasons(screened.rejected),
        "files_without_row": len(source.unlisted),
        "adjusted_values": count_reasons(source.adjusted),
        "duplicate_pairs": {kind: sum(row["kind"] == kind for row in copies)
                            for kind in ("exact", "near")},
        "duplicate_pairs_of_two_patients": sum(row["of_two_patients"] for row in copies),
    }


def count_reasons(table: pd.DataFrame) -> dict[str, int]:
    """How many rows each `reason` has, by name."""
    counts = table["reason"].value_counts()
    return {str(reason): int(count) for reason, count in sorted(counts.items())}


def list_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON objects, missing values as null, sorted by the columns in turn."""
    names = [str(name) for name in table]
    columns = [values.astype(object).where(values.notna(), None).tolist()
               for _, values in table.items()]
    rows = sorted(zip(*columns, strict=True), key=lambda row: [str(value) for value in row])
    return [dict(zip(names, row, strict=True)) for row in rows]
