"""Places behind URLs, objects of S3 and of Google Cloud Storage, used like paths."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from lesionlab.core.errors import InputError, LesionLabError, MissingExtraError, RemoteError

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "memory": "fsspec"}
"""What each kind of URL is read with; `memory` is that of tests and notebooks."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]+):/{1,2}(?P<host>[^/]*)(?P<key>.*)")
"""A `Path` that is made of a URL loses a slash; a drive of Windows has but one letter."""


def as_path(place: Path | str) -> Path:
    """What `place` names: a path on disk as it is, or something behind a URL that reads like one.

    Raises:
        InputError: the URL is of another kind or holds credentials.
        MissingExtraError: what reads such URLs is not installed.
    """
    found = _URL.fullmatch(str(place)) if isinstance(place, str | Path) else None
    if found is None:
        return Path(place) if isinstance(place, str) else place
    scheme, host, key = found.group("scheme", "host", "key")
    if "@" in host:
        raise InputError(f"{scheme}://...@{host.rpartition('@')[2]}{key}: a URL with credentials "
                         "would stand in logs and manifests; name the bucket alone, and give the "
                         "credentials in the store's own settings")
    url = f"{scheme}://{host}{key}"
    if scheme not in PACKAGES:
        raise InputError(f"{url}: URLs of this kind are not read; give a path, or a URL that "
                         "begins with s3:// or gs://")
    try:
        importlib.import_module(PACKAGES[scheme])
        from upath import UPath
    except ImportError as error:
        raise MissingExtraError(f"{url} needs the extra 'remote' ({error}); "
                                "pip install 'lesionlab[remote]'") from error
    path: Any = UPath(url)
    path.fs.invalidate_cache()  # who names a place again wants what is there now
    return path  # it has those methods of Path that are used here, though not its class


def is_remote(path: Path) -> bool:
    """Whether `path` is behind a URL."""
    return not isinstance(path, Path)


def refuse_url(path: Path) -> None:
    """Raise InputError where `path` was made of a URL but is used as a path on disk."""
    if is_remote(path) or ((found := _URL.fullmatch(str(path))) and found["scheme"] in PACKAGES):
        raise InputError(f"{as_path(path)}: only prepare and predict write to URLs; give a folder "
                         "on disk, and copy it there when it is done")


@contextmanager
def reaching(path: Path) -> Iterator[None]:
    """Say which place cannot be reached, where the block fails and `path` is behind a URL.

    Raises:
        RemoteError: the store gave an error.
    """
    try:
        yield
    except LesionLabError:
        raise
    except Exception as error:  # s3fs and gcsfs raise families without a common root
        if not is_remote(path):
            raise
        raise RemoteError(f"{path} cannot be reached ({type(error).__name__}: {error}); check the "
                          "address, the network and your credentials, then run the same command "
                          "again") from error


def exists(path: Path) -> bool:
    """Whether there is a file, folder or object.

    Raises:
        RemoteError: that cannot be found out.
    """
    with reaching(path):
        return path.exists()


def list_folder(folder: Path) -> list[str]:
    """The names of the files directly in a folder behind a URL, sorted."""
    place = cast(Any, folder)
    with reaching(folder):
        entries = place.fs.ls(place.path, detail=True)
    return sorted(entry["name"].rpartition("/")[2] for entry in entries
                  if entry["type"] == "file")


def list_files(folder: Path) -> list[str]:
    """All files below a folder behind a URL, as sorted posix paths from it.

    Size and time of each are then known without asking for them again.
    """
    place = cast(Any, folder)
    root = place.path.rstrip("/")
    with reaching(folder):
        return sorted(name.removeprefix(root).lstrip("/") for name in place.fs.find(root))


def match_files(pattern: Path) -> list[Path]:
    """What a glob behind a URL matches, sorted."""
    place = cast(Any, pattern)
    with reaching(pattern):
        return [type(place)(place.fs.unstrip_protocol(name))
                for name in sorted(place.fs.glob(place.path))]


def read_state(path: Path) -> list[str | int]:
    """Size and time of change of something behind a URL."""
    place = cast(Any, path)
    with reaching(path):
        return [place.fs.size(place.path), str(place.fs.modified(place.path))]
