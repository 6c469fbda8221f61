"""Encoded images kept in HDF5 files, a dataset each, as SLICE-3D ships them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.decoding import DecodeLimits, check_num_bytes


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
        if not isinstance(found, h5py.Dataset):
            raise DecodeError("corrupt", f"{path} holds no image {name!r}; download it again")
        check_num_bytes(found.nbytes, limits)
        return np.asarray(found[()]).tobytes()
    except OSError as error:
        raise DecodeError("unreadable", f"{path} cannot be read ({error}); check that the file "
                          "is there, is whole and may be read") from error


@lru_cache(maxsize=4)
def _open(path: Path) -> h5py.File:
    """The file, opened once a process."""
    return h5py.File(path, "r")
