"""The layouts that a source may have, recognised by what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import SourceError
from lesionlab.sources.class_folders import find_class_folders, read_class_folders
from lesionlab.sources.ham10000 import find_ham10000, read_ham10000
from lesionlab.sources.image_files import list_images
from lesionlab.sources.isic_client import find_isic_client, read_isic_client
from lesionlab.sources.raw_source import RawSource, TableColumns
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
    "table": Layout(looks_for="a table with the columns that you name (id, label, ...)",
                    find=find_table_with_images, read=read_table_with_images),
    "ham10000": Layout(looks_for="HAM10000's table (columns 'image_id' and 'dx')",
                       find=find_ham10000, read=read_ham10000),
    "isic-client": Layout(looks_for="the ISIC client's metadata.csv (column 'isic_id')",
                          find=find_isic_client, read=read_isic_client),
    "class-folders": Layout(looks_for="two or more folders named by their class, images in them",
                            find=find_class_folders, read=read_class_folders),
}
"""Every layout by name; the first that is found is read."""


def read_layout(path: Path, columns: TableColumns | None) -> tuple[str, RawSource]:
    """The name of the layout of `path` and its rows.

    Raises:
        SourceError: there is nothing at `path`, it has no known layout, or it cannot be read.
    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    for name, layout in LAYOUTS.items():
        if layout.find(path, columns):
            return name, layout.read(path, columns)
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
