"""Sets of clinical photographs, a table each: PAD-UFES-20, Fitzpatrick17k and DDI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from lesionlab.sources import challenge_terms as terms
from lesionlab.sources.image_files import list_images, match_images, strip_suffix
from lesionlab.sources.part_tables import find_folder
from lesionlab.sources.raw_source import DROPPED, RawSource, TableColumns, name_rows, no_rows
from lesionlab.sources.tables import find_tables, only_table, read_table
from lesionlab.sources.wording import ZERO_UNKNOWN, Wording, reword

_PAD_NAMES = ("img_id", "diagnostic", "fitspatrick", "region")
_ASKED = ("itch", "grew", "hurt", "changed", "bleed", "elevation", "smoke", "drink", "pesticide",
          "skin_cancer_history", "cancer_history", "has_piped_water", "has_sewage_system",
          "background_father", "background_mother")
_FITZPATRICK_NAMES = ("md5hash", "fitzpatrick_scale", "three_partition_label")
_DDI_NAMES = ("DDI_ID", "DDI_file", "skin_tone", "disease")

PAD_UFES_20 = Wording(
    names={"isic_id": "img_id", "lesion_id": "lesion_id", "label": "diagnostic", "sex": "gender",
           "fitzpatrick_skin_type": "fitspatrick", "clin_size_long_diam_mm": "longest",
           "anatom_site": "region", "anatom_site_special": "region", "age_approx": "age",
           **{f"pad_{name}": name for name in _ASKED}},
    words={"age_approx": ZERO_UNKNOWN, "clin_size_long_diam_mm": ZERO_UNKNOWN,
           "fitzpatrick_skin_type": terms.FITZPATRICK_TYPES | ZERO_UNKNOWN,
           **{f"pad_{name}": {"unk": ""} for name in _ASKED},
           **terms.PAD_UFES_20_SITES},
    places={"label": terms.PAD_UFES_20},
    stated={"image_type": "clinical: close-up", "copyright_license": "CC-BY",
            "attribution": "Dermatological and Surgical Assistance Program, Federal University of "
            "Espírito Santo"})

FITZPATRICK17K = Wording(
    names={"isic_id": "md5hash", "fitzpatrick_skin_type": "fitzpatrick_scale", "label": "label",
           "three_partition_label": "three_partition_label",
           "benign_malignant": "three_partition_label"},
    words={"fitzpatrick_skin_type": terms.FITZPATRICK_TYPES,
           "benign_malignant": {"non-neoplastic": None}},
    places={"label": terms.FITZPATRICK17K,
            "nine_partition_label": {"inflammatory": "Inflammatory or infectious diseases"}},
    stated={"copyright_license": "CC-BY-NC-SA",
            "attribution": "Fitzpatrick17k; Atlas Dermatologico; DermaAmin"})

DDI = Wording(
    names={"isic_id": "name", "label": "disease", "benign_malignant": "malignant"},
    words={"benign_malignant": terms.MALIGNANT_OF_MARK}, places={"label": terms.DDI},
    stated={"copyright_license": "DDI non-commercial research use",
            "attribution": "Stanford University"})


def find_pad_ufes_20(path: Path, _: TableColumns | None) -> bool:
    """Whether PAD-UFES-20's table is here."""
    return bool(find_tables(path, *_PAD_NAMES))


def read_pad_ufes_20(path: Path, _: TableColumns | None) -> RawSource:
    """The rows; a lesion's id has its patient's before it, its size is the longer diameter."""
    table = read_table(only_table(find_tables(path, *_PAD_NAMES)))
    blank = pd.Series("", index=table.index, dtype=str)
    patient, lesion = table.get("patient_id", blank), table.get("lesion_id", blank)
    names = [name for name in ("diameter_1", "diameter_2") if name in table]
    sizes = table[names].apply(pd.to_numeric, errors="coerce").max(axis=1)
    longest = pd.Series(["" if pd.isna(size) else str(size) for size in sizes], dtype=str)
    return _reword(path, table.assign(
        lesion_id=(patient + "_" + lesion).where(lesion != "", ""), longest=longest), PAD_UFES_20)


def find_fitzpatrick17k(path: Path, _: TableColumns | None) -> bool:
    """Whether Fitzpatrick17k's table is here."""
    return bool(find_tables(path, *_FITZPATRICK_NAMES))


def read_fitzpatrick17k(path: Path, _: TableColumns | None) -> RawSource:
    """The rows, but for those that its reviewers found wrongly labelled."""
    table = read_table(only_table(find_tables(path, *_FITZPATRICK_NAMES)))
    wrong = table.get("qc", pd.Series("", index=table.index)).str.contains("wrong", case=False)
    dropped = name_rows(table["md5hash"][wrong], DROPPED, reason="wrongly_labelled",
                        detail=table.get("label", ""))
    return _reword(path, table[~wrong].reset_index(drop=True), FITZPATRICK17K, dropped)


def find_ddi(path: Path, _: TableColumns | None) -> bool:
    """Whether DDI's table is here."""
    return bool(find_tables(path, *_DDI_NAMES))


def read_ddi(path: Path, _: TableColumns | None) -> RawSource:
    """The rows, ids `DDI_000001` after the name of the file."""
    table = read_table(only_table(find_tables(path, *_DDI_NAMES)))
    stems = table["DDI_file"].map(strip_suffix)
    folder = find_folder(path)
    files = match_images(stems[stems != ""], list_images(folder), folder)
    raw = _reword(path, table.assign(name=("DDI_" + stems).where(stems != "", "")), DDI)
    return replace(raw, paths={f"DDI_{stem}": file for stem, file in files.items()})


def _reword(
    path: Path, table: pd.DataFrame, wording: Wording, dropped: pd.DataFrame | None = None
) -> RawSource:
    rows, adjusted = reword(table, wording)
    return RawSource(rows=rows, folder=find_folder(path), adjusted=adjusted,
                     dropped=no_rows(DROPPED) if dropped is None else dropped)
