"""Encoded images kept in HDF5 files, a dataset each, as SLICE-3D ships them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from lesionlab.core.copies import fetch_file
from lesionlab.core.errors import DecodeError, RemoteError
from lesionlab.imaging.decoding import DecodeLimits, check_num_bytes

_DAMAGE = (OSError, RuntimeError, LookupError, TypeError, ValueError)
"""What h5py raises for damaged files, the last where HDF5's own message is no text either."""


def is_hdf5(path: Path) -> bool:
    """Whether a file of this name is taken for HDF5.

    >>> is_hdf5(Path("train-image.hdf5")), is_hdf5(Path("a.jpg"))
    (True, False)
    """
    return path.suffix.lower() in (".hdf5", ".h5")


def read_dataset(path: Path, name: str, limits: DecodeLimits) -> bytes:
    """The bytes of one dataset; the others of the file are not read.

    Raises:
        DecodeError: `unreadable`, `corrupt` or `too_large_file`.
    """
    try:
        found = _open(path).get(name)
        # Of text of any length HDF5 reads whatever address a damaged file gives, to the end of the
        # process; what is empty has no number of bytes.
        if not isinstance(found, h5py.Dataset) or found.dtype.hasobject or found.shape is None:
            raise DecodeError("corrupt", f"{path} holds no image {name!r}; download it again")
        check_num_bytes(found.nbytes, limits)
        return np.asarray(found[()]).tobytes()
    except (DecodeError, RemoteError):
        raise
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def list_datasets(path: Path) -> list[str]:
    """The names of all datasets and groups at the top of the file; no data are read.

    Raises:
        DecodeError: `unreadable`.
    """
    copy = fetch_file(path)
    try:
        with h5py.File(copy, "r") as file:
            return list(file)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DecodeError:
    return DecodeError("unreadable", f"{path} cannot be read ({error}); check that the file "
                       "is there, is whole and may be read")


@lru_cache(maxsize=4)
def _open(path: Path) -> h5py.File:
    """The file, or the copy of one behind a URL, opened once a process."""
    return h5py.File(fetch_file(path), "r")
