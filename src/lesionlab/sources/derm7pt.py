"""Derm7pt, the seven-point checklist set: a clinical and a dermoscopic image of each case."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.core.errors import SourceError
from lesionlab.sources import challenge_terms as terms
from lesionlab.sources.image_files import list_images
from lesionlab.sources.part_tables import find_parts, map_texts
from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.tables import only_table, read_table
from lesionlab.sources.wording import Wording, reword

TABLE_NAME = "meta.csv"
IMAGE_TYPES = {"clinic": "clinical: close-up", "derm": "dermoscopic"}
"""ISIC's image type for each column with the path of an image."""
_NAMES = ("case_num", "diagnosis", "derm", "clinic")
_ROLES = ("train", "valid", "test")

DERM7PT = Wording(
    names={"isic_id": "name", "lesion_id": "case", "label": "diagnosis",
           "anatom_site": "location", "anatom_site_special": "location"},
    words=terms.DERM7PT_SITES, places={"label": terms.DERM7PT},
    stated={"copyright_license": "Derm7pt terms of use",
            "attribution": "Argenziano et al., Interactive Atlas of Dermoscopy; Kawahara et al."})


def find_derm7pt(path: Path, _: TableColumns | None) -> bool:
    """Whether a table of cases with the paths of two images is here, or in `meta/`."""
    return bool(find_parts(path, *_NAMES))


def read_derm7pt(path: Path, _: TableColumns | None) -> RawSource:
    """A row per image, ids `derm7pt_<case>_derm` and `_clinic`, and the published split.

    Raises:
        SourceError: a table cannot be read, or some of the three lists of indexes are missing.
    """
    table_path = only_table(find_parts(path, *_NAMES), TABLE_NAME)
    home = table_path.parent.parent if table_path.parent.name == "meta" else table_path.parent
    cases = read_table(table_path)
    cases["official_split"] = map_texts(cases["case_num"], _read_roles(table_path.parent))
    cases["case"] = ("derm7pt_" + cases["case_num"]).where(cases["case_num"] != "", "")
    images = pd.concat([_take_images(cases, column) for column in IMAGE_TYPES], ignore_index=True)
    files = {image.lower().removeprefix("images/"): image for image in list_images(home)}
    places = dict(zip(images["name"], images.pop("file").str.lower(), strict=True))
    rows, adjusted = reword(images, DERM7PT)
    return RawSource(rows=rows, folder=home, adjusted=adjusted,
                     paths={name: files[place] for name, place in places.items()
                            if place in files})


def _take_images(cases: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row for each case that has this image."""
    rows = cases[cases[column] != ""]
    name = (rows["case"] + f"_{column}").where(rows["case"] != "", "")
    return rows.drop(columns=[*IMAGE_TYPES]).assign(
        name=name, file=rows[column], image_type=IMAGE_TYPES[column])


def _read_roles(folder: Path) -> dict[str, str]:
    """The part of each case number; an index counts the cases from 0, their numbers from 1."""
    files = {role: folder / f"{role}_indexes.csv" for role in _ROLES}
    missing = [file.name for file in files.values() if not file.is_file()]
    if len(missing) == len(files):
        return {}
    if missing:
        raise SourceError(f"{folder}: of the split of Derm7pt {', '.join(missing)} is missing; "
                          "put all three lists of indexes there, or none")
    roles: dict[str, str] = {}
    for role, file in files.items():
        for text in _read_indexes(file):
            if roles.setdefault(str(int(text) + 1), role) != role:
                raise SourceError(f"{file}: index {text} stands in two parts of the split; "
                                  "download the lists anew")
    return roles


def _read_indexes(file: Path) -> list[str]:
    table = read_table(file)
    if "indexes" not in table:
        raise SourceError(f"{file}: no column 'indexes'; download it anew")
    wrong = table["indexes"][~table["indexes"].str.fullmatch(r"\d{1,9}")]
    if len(wrong):
        raise SourceError(f"{file}: {wrong.iloc[0][:20]!r} is no index of a case; download it anew")
    return table["indexes"].tolist()
