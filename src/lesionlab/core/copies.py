"""Copies on this disk of what is behind URLs, and the way of a finished folder up to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import platformdirs

from lesionlab.core import artifacts
from lesionlab.core.errors import StoreError
from lesionlab.core.remote import exists, is_remote, list_files, reaching, read_state

MANIFEST = "manifest.json"
"""Names the rest of a folder by its digest, so that it stands for the whole."""


def find_copy(key: str) -> Path:
    """Where on this disk the copy stands that `key` names."""
    return Path(platformdirs.user_cache_dir("lesionlab")) / "copies" / key[:32]


def is_copy(folder: Path) -> bool:
    """Whether a folder is the copy of one behind a URL."""
    return find_copy("").resolve() in folder.resolve().parents


def fetch_folder(folder: Path) -> Path:
    """The folder itself, or the copy on this disk of one behind a URL, made where it is not there.

    A URL without a manifest is given back as it is, for the caller to say what it is not.

    Raises:
        RemoteError: the URL cannot be reached.
    """
    if not is_remote(folder) or not exists(folder / MANIFEST):
        return folder
    with reaching(folder):
        copy = find_copy(artifacts.digest_bytes((folder / MANIFEST).read_bytes()))
        if not copy.exists():
            with artifacts.new_folder(copy) as temporary:
                _download(folder, temporary)
    return copy


def fetch_file(path: Path) -> Path:
    """The file itself, or the copy on this disk of one behind a URL.

    Raises:
        RemoteError: the URL cannot be reached.
    """
    if not is_remote(path):
        return path
    place = cast(Any, path)
    copy = find_copy(artifacts.digest_json([str(path), *read_state(path)])) / path.name
    if not copy.exists():
        with reaching(path), artifacts.new_folder(copy.parent) as temporary:
            place.fs.get_file(place.path, str(temporary / path.name))
    return copy


def publish_folder(folder: Path, url: Path) -> None:
    """Copy a finished folder to a URL, the manifest last, and keep it as the copy of that URL.

    Until the manifest is there, nobody takes what is at the URL for a finished folder.

    Raises:
        StoreError: files of something else are at the URL.
        RemoteError: the URL cannot be reached.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                   if path.is_file())
    others = sorted(set(list_files(url)) - set(names))
    if others:
        raise StoreError(f"{url} holds {len(others)} files of something else, such as {others[0]}; "
                         "remove them or choose another --out")
    place = cast(Any, url)
    with reaching(url):
        for part in ([name for name in names if name != MANIFEST], [MANIFEST]):
            place.fs.put([str(folder / name) for name in part],
                         [f"{place.path}/{name}" for name in part])
    copy = find_copy(artifacts.digest_bytes((folder / MANIFEST).read_bytes()))
    artifacts.replace_folder(folder, copy)


def _download(folder: Path, target: Path) -> None:
    place = cast(Any, folder)
    names = list_files(folder)
    place.fs.get([f"{place.path}/{name}" for name in names],
                 [str(target / name) for name in names])
