"""The layouts that a source may have, recognised by what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import LesionLabError, SourceError
from lesionlab.core.remote import exists
from lesionlab.sources import isic_challenges as challenges
from lesionlab.sources import research_sets as research
from lesionlab.sources.class_folders import find_class_folders, read_class_folders
from lesionlab.sources.derm7pt import find_derm7pt, read_derm7pt
from lesionlab.sources.dicom import find_dicom, read_dicom
from lesionlab.sources.ham10000 import find_ham10000, read_ham10000
from lesionlab.sources.image_files import list_images
from lesionlab.sources.isic_client import find_isic_client, read_isic_client
from lesionlab.sources.milk10k import find_milk10k, read_milk10k
from lesionlab.sources.ph2 import find_ph2, read_ph2
from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.slice3d import find_slice3d, read_slice3d
from lesionlab.sources.table_with_images import find_table_with_images, read_table_with_images
from lesionlab.sources.tables import SUFFIXES, find_tables, read_header


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How to tell a layout and how to read it."""

    looks_for: str
    """What is told to a user whose folder matches no layout."""
    find: Callable[[Path, TableColumns | None], bool]
    read: Callable[[Path, TableColumns | None], RawSource]


LAYOUTS: dict[str, Layout] = {
    # Before all tables: what they would take for an id may name a patient.
    "dicom": Layout(looks_for="DICOM files, with or without a table of labels",
                    find=find_dicom, read=read_dicom),
    "table": Layout(looks_for="a table with the columns that you name (id, label, ...)",
                    find=find_table_with_images, read=read_table_with_images),
    "ham10000": Layout(looks_for="HAM10000's table (columns 'image_id' and 'dx')",
                       find=find_ham10000, read=read_ham10000),
    "slice3d": Layout(looks_for="SLICE-3D's table (columns 'isic_id', 'patient_id', 'tbp_lv_...')",
                      find=find_slice3d, read=read_slice3d),
    "milk10k": Layout(looks_for="MILK10k's table (columns 'isic_id', 'lesion_id', "
                      "'skin_tone_class')", find=find_milk10k, read=read_milk10k),
    # Before the challenges: a submission to one may lie beside the table of the images.
    "isic-client": Layout(looks_for="the ISIC client's metadata.csv (column 'isic_id')",
                          find=find_isic_client, read=read_isic_client),
    "isic2016": Layout(looks_for="ISIC 2016's table (no header; an id, benign or malignant)",
                       find=challenges.find_isic2016, read=challenges.read_isic2016),
    "isic2017": Layout(looks_for="ISIC 2017's table (columns 'image_id', 'melanoma', "
                       "'seborrheic_keratosis')",
                       find=challenges.find_isic2017, read=challenges.read_isic2017),
    "isic2018": Layout(looks_for="ISIC 2018's table (columns 'image', 'MEL', 'AKIEC', ...)",
                       find=challenges.find_isic2018, read=challenges.read_isic2018),
    "isic2019": Layout(looks_for="ISIC 2019's table (columns 'image', 'MEL', 'AK', 'SCC', ...)",
                       find=challenges.find_isic2019, read=challenges.read_isic2019),
    "isic2020": Layout(looks_for="ISIC 2020's table (columns 'image_name', 'patient_id', 'target')",
                       find=challenges.find_isic2020, read=challenges.read_isic2020),
    "pad-ufes-20": Layout(looks_for="PAD-UFES-20's table (columns 'img_id', 'diagnostic')",
                          find=research.find_pad_ufes_20, read=research.read_pad_ufes_20),
    "fitzpatrick17k": Layout(looks_for="Fitzpatrick17k's table (columns 'md5hash', "
                             "'fitzpatrick_scale')",
                             find=research.find_fitzpatrick17k, read=research.read_fitzpatrick17k),
    "ddi": Layout(looks_for="DDI's table (columns 'DDI_ID', 'DDI_file', 'skin_tone')",
                  find=research.find_ddi, read=research.read_ddi),
    "ph2": Layout(looks_for="PH2's text table (columns between bars)",
                  find=find_ph2, read=read_ph2),
    "derm7pt": Layout(looks_for="Derm7pt's table (columns 'case_num', 'derm', 'clinic')",
                      find=find_derm7pt, read=read_derm7pt),
    "class-folders": Layout(looks_for="two or more folders named by their class, images in them",
                            find=find_class_folders, read=read_class_folders),
}
"""Every layout by name; the first that is found is read."""


def read_layout(path: Path, columns: TableColumns | None) -> tuple[str, RawSource]:
    """The name of the layout of `path` and its rows.

    Raises:
        SourceError: there is nothing at `path`, it has no known layout, or it cannot be read.
    """
    try:
        if not exists(path):
            raise SourceError(f"{path}: there is no such file or folder")
        if not (path.is_file() or path.is_dir()):
            raise SourceError(f"{path}: is no file and no folder; give one of them")
        for name, layout in LAYOUTS.items():
            if layout.find(path, columns):
                return name, layout.read(path, columns)
    except LesionLabError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error}); check that its "
                          "files may be read") from error
    lines = [f"{path}: no layout that lesionlab knows; looked for:",
             *(f"  - {layout.looks_for}" for layout in LAYOUTS.values()),
             f"found: {_describe(path, columns)}"]
    raise SourceError("\n".join(lines))


def _describe(path: Path, columns: TableColumns | None) -> str:
    """What is in a folder or table, in a few words."""
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        return f"a file that is no table ({', '.join(SUFFIXES)})"
    tables = [f"{table.name} (columns {list_some(read_header(table), most=12)})"
              for table in find_tables(path)]
    parts = [list_some(tables, most=3) if tables else "no table"]
    if path.is_dir():
        folders = sorted(place.name for place in path.iterdir() if place.is_dir())
        parts += [f"{len(list_images(path))} image files",
                  f"folders {list_some(folders)}" if folders else "no folders"]
    if columns is not None:
        parts.append(f"columns named: {', '.join(columns.named())}")
    return "; ".join(parts)
