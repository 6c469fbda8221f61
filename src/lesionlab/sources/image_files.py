"""Image files below a folder, and which of them belongs to which id."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from posixpath import basename, splitext

from lesionlab.core.cohort import join_problems, list_some
from lesionlab.core.errors import SourceError
from lesionlab.core.remote import is_remote, list_files

SUFFIXES = frozenset((".avif", ".bmp", ".dcm", ".dicom", ".gif", ".heic", ".jfif", ".jp2", ".jpeg",
                      ".jpg", ".png", ".tif", ".tiff", ".webp"))
"""What an image file ends in, in lower case; screening says which of them cannot be decoded."""
_HIDDEN = (".", "__MACOSX")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""What Python puts in the place of bytes of a name that are not UTF-8."""


def list_images(
    folder: Path, is_wanted: Callable[[str], bool] | None = None
) -> list[str]:
    """The image files below `folder`, as sorted posix paths from it; hidden ones are left out.

    Args:
        folder: where to look.
        is_wanted: whether a file of a name is listed, in the place of `is_image`.
    """
    is_wanted = is_wanted or is_image
    if is_remote(folder):
        return [name for name in list_files(folder) if is_wanted(name.rpartition("/")[2])
                and not any(part.startswith(_HIDDEN) for part in name.split("/"))]
    found: list[str] = []
    visited: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:  # a link that leads back
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        inside = Path(place).relative_to(folder).as_posix()
        start = "" if inside == "." else f"{inside}/"
        found += [start + name for name in files if is_wanted(name)]
    return sorted(found)


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for an image.

    >>> is_image("ISIC_0024306.JPG"), is_image("metadata.csv"), is_image("._ISIC_0024306.jpg")
    (True, False, False)
    """
    return not name.startswith(".") and splitext(name)[1].lower() in SUFFIXES


def strip_suffix(name: str) -> str:
    """The id in a file name, without an image's extension.

    >>> strip_suffix("ISIC_0024306.JPG"), strip_suffix("lesion 1.5")
    ('ISIC_0024306', 'lesion 1.5')
    """
    stem, suffix = splitext(name)
    return stem if suffix.lower() in SUFFIXES and not name.startswith(".") else name


def name_stem(path: str) -> str:
    """The id in the name of a file.

    >>> name_stem("images/part 1/ISIC_0024306.jpg")
    'ISIC_0024306'
    """
    # Text, not `PurePosixPath`: of half a million paths that takes a second, not ten.
    return strip_suffix(basename(path))


def match_images(ids: Iterable[str], images: list[str], folder: Path) -> dict[str, str]:
    """The image of each id that has one, by the file name without its extension.

    Raises:
        SourceError: an id has several.
    """
    by_stem = group_by_stem(images)
    matched = {name: by_stem[name] for name in ids if name in by_stem}
    refuse_several(matched, folder)
    return {name: paths[0] for name, paths in matched.items()}


def group_by_stem(images: list[str]) -> dict[str, list[str]]:
    """The image files of each file name without extension."""
    by_stem = defaultdict(list)
    for path in images:
        by_stem[name_stem(path)].append(path)
    return by_stem


def refuse_several(paths_of: Mapping[str, list[str]], folder: Path) -> None:
    """Raise SourceError if an id has more than one file."""
    several = [f"{name}: {list_some(paths)}" for name, paths in paths_of.items() if len(paths) > 1]
    if several:
        raise SourceError(join_problems(
            f"{folder}: {len(several)} ids have more than one image file; keep one of each",
            several))


def refuse_undecodable(names: Iterable[str], folder: Path) -> None:
    """Raise SourceError if a path from `folder` is not UTF-8, for no table could hold it."""
    odd = [ascii(str(folder / name)) for name in names if _NOT_UTF8.search(name)]
    if odd:
        raise SourceError(f"{len(odd)} files or folders have names that are not UTF-8: "
                          f"{list_some(odd)}; rename them")
