"""The tables of the ISIC challenges of 2016 to 2020, as they were published."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lesionlab.sources import challenge_terms as terms
from lesionlab.sources.part_tables import (
    find_folder,
    find_parts,
    look_up,
    map_texts,
    read_parts,
)
from lesionlab.sources.raw_source import DROPPED, RawSource, TableColumns, name_rows, no_rows
from lesionlab.sources.tables import find_tables, only_table, read_header, read_table
from lesionlab.sources.vocabulary import HAM_DIAGNOSES
from lesionlab.sources.wording import ZERO_UNKNOWN, Wording, decode_one_hot, reword

CLASSES_2018 = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
CLASSES_2019 = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")

_DERMOSCOPIC = {"image_type": "dermoscopic"}
_ARCHIVE = _DERMOSCOPIC | {"copyright_license": "CC-0",
                           "attribution": "International Skin Imaging Collaboration"}
_VIENNA = "ViDIR Group, Department of Dermatology, Medical University of Vienna"

ISIC2016 = Wording(
    names={"isic_id": "image", "benign_malignant": "mark"}, stated=_ARCHIVE,
    words={"benign_malignant": terms.MALIGNANT_OF_MARK})

ISIC2017 = Wording(
    names={"isic_id": "image_id", "label": "class", "age_approx": "age_approximate"},
    words={"age_approx": ZERO_UNKNOWN}, places={"label": terms.ISIC2017}, stated=_ARCHIVE)

ISIC2018 = Wording(
    names={"isic_id": "image", "label": "class", "dx": "dx"},
    places={"dx": HAM_DIAGNOSES},
    stated=_DERMOSCOPIC | {"copyright_license": "CC-BY-NC", "attribution": _VIENNA})

ISIC2019 = Wording(
    names={"isic_id": "image", "label": "class"},
    words={"age_approx": ZERO_UNKNOWN}, places={"label": terms.ISIC2019},
    stated=_DERMOSCOPIC | {
        "copyright_license": "CC-BY-NC",
        "attribution": f"Hospital Clínic de Barcelona; {_VIENNA}; MSK (anonymous)"})

ISIC2020 = Wording(
    names={"isic_id": "image_name", "benign_malignant": "target"},
    words={"age_approx": ZERO_UNKNOWN, "benign_malignant": terms.MALIGNANT_OF_MARK},
    stated=_DERMOSCOPIC | {
        "copyright_license": "CC-BY-NC",
        "attribution": "Hospital Clínic de Barcelona; Medical University of Vienna; Memorial "
        "Sloan Kettering Cancer Center; Melanoma Institute Australia; University of Queensland; "
        "University of Athens Medical School"})


def find_isic2016(path: Path, _: TableColumns | None) -> bool:
    """Whether a table without a header is here: an ISIC id and a mark of malignancy a row."""
    return bool(_find_2016(path))


def read_isic2016(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of all such tables."""
    table = read_parts(_find_2016(path), ("image", "mark"))
    return _finish(path, table, ISIC2016, no_rows(DROPPED))


def find_isic2017(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with a column for melanoma and one for seborrheic keratosis is here."""
    return bool(_find_2017(path))


def read_isic2017(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of all such tables, age and sex beside them; neither mark is a nevus.

    Raises:
        SourceError: a table cannot be read.
    """
    table = read_parts(_find_2017(path))
    classes = ("melanoma", "seborrheic_keratosis")
    table["class"], dropped = decode_one_hot(table, "image_id", classes, rest="nevus")
    table = look_up(table.drop(columns=[*classes]), "image_id",
                    find_parts(find_folder(path), "image_id", "age_approximate", "sex"),
                    "age_approximate", "sex")
    return _finish(path, table, ISIC2017, dropped)


def find_isic2018(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with the seven classes of 2018 a column each is here."""
    return bool(find_parts(path, "image", *CLASSES_2018))


def read_isic2018(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of all such tables, with lesions where the table of groupings is there."""
    table = read_parts(find_parts(path, "image", *CLASSES_2018))
    table["class"], dropped = decode_one_hot(table, "image", CLASSES_2018)
    names = ("lesion_id", "diagnosis_confirm_type")
    table = look_up(table[["image", "class", "official_split"]], "image",
                    find_parts(find_folder(path), "image", "lesion_id"), *names)
    return _finish(path, table.assign(dx=table["class"].str.lower()), ISIC2018, dropped)


def find_isic2019(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with the eight classes of 2019 a column each is here."""
    return bool(find_parts(path, "image", *CLASSES_2019))


def read_isic2019(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of all such tables; the metadata are beside them, the source is in the lesion id."""
    table = read_parts(find_parts(path, "image", *CLASSES_2019))
    unknown = table["UNK"].replace("", "0") if "UNK" in table else "0"
    table["class"], dropped = decode_one_hot(table.assign(UNK=unknown), "image",
                                             (*CLASSES_2019, "UNK"))
    names = ("age_approx", "anatom_site_general", "lesion_id", "sex")
    table = look_up(table[["image", "class", "official_split"]], "image",
                    find_parts(find_folder(path), "image", *names[:2], "sex"), *names)
    if "lesion_id" in table:
        table["source"] = table["lesion_id"].str.extract(r"^([A-Z]+)", expand=False).fillna("")
    return _finish(path, table, ISIC2019, dropped)


def find_isic2020(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with image name, patient and target is here."""
    return bool(find_tables(path, "image_name", "patient_id", "target"))


def read_isic2020(path: Path, _: TableColumns | None) -> RawSource:
    """The rows, but for the copies in the list of duplicates where that is there."""
    tables = find_tables(path, "image_name", "patient_id", "target")
    table = read_table(only_table(tables, "ISIC_2020_Training_GroundTruth_v2.csv"))
    lists = find_tables(find_folder(path), "image_name_1", "image_name_2")
    pairs = [pair for file in lists for pair in
             read_table(file)[["image_name_1", "image_name_2"]].itertuples(index=False)]
    names = table["image_name"]
    first_of = map_texts(names, _find_copies(pairs, set(names)))
    meant = table["target"].map(terms.MALIGNANT_OF_MARK).fillna("")
    said = table.pop("benign_malignant") if "benign_malignant" in table else meant
    differs = (first_of == "") & (meant != "") & (said != "") & (meant != said.str.lower())
    dropped = [name_rows(names[first_of != ""], DROPPED, reason="listed_duplicate",
                         detail="a copy of " + first_of),
               name_rows(names[differs], DROPPED, reason="conflicting_diagnosis",
                         detail="target says " + meant + ", benign_malignant " + said)]
    return _finish(path, table, ISIC2020, pd.concat(dropped))


def _finish(path: Path, table: pd.DataFrame, wording: Wording, dropped: pd.DataFrame) -> RawSource:
    """The table in our words, without the rows that `dropped` has by their index."""
    rows, adjusted = reword(table, wording)
    return RawSource(rows=rows.drop(index=dropped.index).reset_index(drop=True),
                     folder=find_folder(path), dropped=dropped.reset_index(drop=True),
                     adjusted=adjusted)


def _find_2016(path: Path) -> list[Path]:
    return [table for table in find_parts(path)
            if table.suffix.lower() != ".parquet" and _is_2016(read_header(table))]


def _is_2016(first: list[str]) -> bool:
    return (len(first) == 2 and first[0].startswith("ISIC_")
            and first[1].lower() in {*terms.MALIGNANT_OF_MARK, "benign", "malignant"})


def _find_2017(path: Path) -> list[Path]:
    return find_parts(path, "image_id", "melanoma", "seborrheic_keratosis")


def _find_copies(pairs: Iterable[tuple[str, str]], ids: set[str]) -> dict[str, str]:
    """Each image that is listed as a copy, and the one that stays in its place."""
    first_of: dict[str, str] = {}
    for listed, copy in pairs:
        first = listed
        while first in first_of:
            first = first_of[first]
        if first != copy and first in ids:
            first_of[copy] = first
    return first_of
