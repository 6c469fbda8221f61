"""MILK10k, the set of 2025: a clinical and a dermoscopic image of each lesion."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.core.errors import SourceError
from lesionlab.sources import challenge_terms as terms
from lesionlab.sources.part_tables import find_folder, find_parts, look_up, read_parts
from lesionlab.sources.raw_source import DROPPED, RawSource, TableColumns, no_rows
from lesionlab.sources.wording import ZERO_UNKNOWN, Wording, decode_one_hot, reword

CLASSES = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC")
_NAMES = ("isic_id", "lesion_id", "image_type", "skin_tone_class")
_SUPPLEMENT = ("diagnosis_full", "diagnosis_confirm_type", "invasion_thickness_interval")

MILK10K = Wording(
    names={"isic_id": "isic_id", "label": "class", "benign_malignant": "class",
           "diagnosis": "diagnosis_full", "anatom_site": "site", "anatom_site_special": "site"},
    words={"age_approx": ZERO_UNKNOWN, "benign_malignant": terms.MILK10K_MALIGNANT,
           **terms.MILK10K_SITES},
    places={"label": terms.MILK10K}, stated={})


def find_milk10k(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with lesions, image types and classes of skin tone is here."""
    return bool(find_parts(path, *_NAMES))


def read_milk10k(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of the metadata, with class and diagnosis by the tables beside them.

    Raises:
        SourceError: neither table of diagnoses is there, or a table cannot be read.
    """
    folder = find_folder(path)
    truths = find_parts(folder, "lesion_id", *CLASSES)
    supplements = find_parts(folder, "isic_id", _SUPPLEMENT[0])
    if not truths and not supplements:
        raise SourceError(
            f"{path}: MILK10k's diagnoses are missing; put MILK10k_Training_GroundTruth.csv "
            f"(columns lesion_id, {', '.join(CLASSES)}) or MILK10k_Training_Supplement.csv "
            f"(columns isic_id, {', '.join(_SUPPLEMENT)}) beside the metadata")
    table = look_up(read_parts(find_parts(path, *_NAMES)), "isic_id", supplements, *_SUPPLEMENT)
    dropped = no_rows(DROPPED)
    if truths:
        table, dropped = _add_classes(table, truths)
    rows, adjusted = reword(table, MILK10K)
    return RawSource(rows=rows.drop(index=dropped.index).reset_index(drop=True), folder=folder,
                     dropped=dropped.reset_index(drop=True), adjusted=adjusted)


def _add_classes(
    table: pd.DataFrame, truths: list[Path]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with the class of each lesion, and the images whose lesion has not just one."""
    table = look_up(table, "lesion_id", truths, *CLASSES)
    is_known = (table[[*CLASSES]] != "").any(axis=1)
    names, faulty = decode_one_hot(table[is_known], "isic_id", CLASSES)
    table = table.drop(columns=[*CLASSES])
    table["class"] = names.reindex(table.index).fillna("")
    lesions = table["lesion_id"][faulty.index]  # `assign` would give an empty table more rows
    return table, faulty.assign(detail="lesion " + lesions + " " + faulty["detail"])
