"""HAM10000's own table, alone or beside the ISIC client's table of the same images."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.sources import vocabulary
from lesionlab.sources.isic_client import TABLE_NAME
from lesionlab.sources.part_tables import map_texts
from lesionlab.sources.raw_source import ADJUSTED, DROPPED, RawSource, TableColumns, name_rows
from lesionlab.sources.tables import find_tables, only_table, read_table

_NAMES = ("image_id", "dx")


def find_ham10000(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with the columns `image_id` and `dx` is here."""
    return bool(find_tables(path, *_NAMES))


def read_ham10000(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of HAM10000's table; with an ISIC table beside it, that one's rows and values lead.

    From HAM10000's table then come `source` (its `dataset`) and `dx`; its rows that the ISIC
    table lacks are dropped, for their lesion ids are of another kind.
    """
    table = only_table(find_tables(path, *_NAMES))
    ham = read_table(table)
    beside = find_tables(path, "isic_id")
    if not beside:
        return _translate(ham, table.parent)
    return _join(read_table(only_table(beside, TABLE_NAME)), ham, table.parent)


def _translate(ham: pd.DataFrame, folder: Path) -> RawSource:
    """HAM10000's columns under ISIC's names; age 0 is its way to say unknown."""
    fields = {name: _column(ham, name) for name in
              ("image_id", "lesion_id", "age", "sex", "localization", "dx", "dx_type", "dataset")}
    dx, place = fields["dx"].str.lower(), fields["localization"]
    sites = {term: site for term, (site, _) in vocabulary.HAM_SITES.items()}
    special = {term: special for term, (_, special) in vocabulary.HAM_SITES.items()}
    is_zero = pd.to_numeric(fields["age"], errors="coerce") == 0
    rows = pd.DataFrame({
        "isic_id": fields["image_id"],
        "lesion_id": fields["lesion_id"],
        "age": fields["age"].where(~is_zero, ""),
        "sex": fields["sex"],
        # A term that is not HAM10000's stays as it is, for the schema to refuse.
        "anatom_site": place.map(sites).fillna(place),
        "anatom_site_special": place.map(special).fillna(""),
        "dx": dx,
        "diagnosis": dx.map(vocabulary.HAM_DIAGNOSES).fillna(fields["dx"]),
        "diagnosis_confirm_type":
            fields["dx_type"].map(vocabulary.HAM_CONFIRMATIONS).fillna(fields["dx_type"]),
        "source": fields["dataset"],
        # As the Archive states them for all images of this collection.
        "image_type": "dermoscopic",
        "copyright_license": "CC-BY-NC",
        "attribution": "ViDIR Group, Department of Dermatology, Medical University of Vienna",
    })
    adjusted = name_rows(rows["isic_id"][is_zero], ADJUSTED, column="age_approx", value="0",
                         reason="zero_means_unknown")
    return RawSource(rows=rows, folder=folder, adjusted=adjusted)


def _join(isic: pd.DataFrame, ham: pd.DataFrame, folder: Path) -> RawSource:
    """The ISIC rows with `source` and `dx` of the same image; other rows of `ham` are dropped."""
    is_known = ham["image_id"].isin(isic["isic_id"])
    extra = ham["image_id"][~is_known]
    dropped = [name_rows(extra, DROPPED, reason="not_in_isic_table",
                         detail="only HAM10000's table has it")]
    given = ham[is_known].drop_duplicates().drop_duplicates("image_id", keep=False)
    given = given.set_index("image_id")
    words = {ours: {str(name): text for name, text in _column(given, theirs).items()}
             for ours, theirs in (("source", "dataset"), ("dx", "dx"))}
    rows = isic.assign(**{ours: map_texts(isic["isic_id"], text) for ours, text in words.items()})
    rows["dx"] = rows["dx"].str.lower()
    meant = rows["dx"].map(vocabulary.HAM_DIAGNOSES).fillna("").str.split(":").str[0]
    stated = _column(rows, "diagnosis_1")
    differs = (meant != "") & (stated != "") & (meant != stated)
    differs |= (rows["dx"] == "akiec") & (stated == "Benign")
    dropped.append(name_rows(rows["isic_id"][differs], DROPPED, reason="conflicting_diagnosis",
                             detail=rows["dx"] + " in one table, " + stated + " in the other"))
    return RawSource(rows=rows[~differs].reset_index(drop=True), folder=folder,
                     dropped=pd.concat(dropped, ignore_index=True))


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    return rows[name] if name in rows else pd.Series("", index=rows.index, dtype=str)
