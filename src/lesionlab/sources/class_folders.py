"""A folder per class: `<class>/<id>.jpg`."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname

import pandas as pd

from lesionlab.sources.image_files import (
    group_by_stem,
    list_images,
    refuse_several,
    refuse_undecodable,
)
from lesionlab.sources.raw_source import RawSource, TableColumns

_ROLES = re.compile(r"train(ing)?|valid(ation)?|val|test|images?|masks?|.*part_?\d+"
                    r"|(isic|isbi|milk10k).*(input|data|truth)", re.IGNORECASE)
"""Names of folders that share out images for another reason than their class."""


def find_class_folders(path: Path, _: TableColumns | None) -> bool:
    """Whether every image lies in one of two or more folders named by their class."""
    if not path.is_dir():
        return False
    places = {dirname(image) for image in list_images(path)}
    names = [place for place in places
             if place and "/" not in place and not _ROLES.fullmatch(place)]
    return len(names) >= 2 and len(names) == len(places)


def read_class_folders(path: Path, _: TableColumns | None) -> RawSource:
    """A row per image: its name is the id, its folder's name the label.

    Raises:
        SourceError: two folders hold a file of the same name, or a name is not UTF-8.
    """
    images = list_images(path)
    refuse_undecodable(images, path)
    by_stem = group_by_stem(images)
    refuse_several(by_stem, path)
    paths = {name: files[0] for name, files in sorted(by_stem.items())}
    rows = pd.DataFrame({"isic_id": list(paths),
                         "label": [dirname(file) for file in paths.values()]})
    return RawSource(rows=rows, folder=path, paths=paths)
