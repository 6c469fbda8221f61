"""ImageAddress: where the bytes of one image are, a file or one member of a file of many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lesionlab.core.remote import is_remote, read_state
from lesionlab.imaging.decoding import DEFAULT_LIMITS, DecodeLimits, read_image_file
from lesionlab.imaging.hdf5 import is_hdf5, read_dataset


@dataclass(frozen=True, kw_only=True)
class ImageAddress:
    """One image on disk."""

    path: Path
    """The file."""
    member: str = ""
    """Which of the images of the file: the name of a dataset in HDF5, else the number of a
    frame, from 0; empty where the file holds one image."""

    def __str__(self) -> str:
        return f"{self.path}#{self.member}" if self.member else str(self.path)

    @property
    def frame(self) -> int:
        """The number of the frame to decode of what `read` gives."""
        return 0 if is_hdf5(self.path) else int(self.member or 0)

    def read(self, limits: DecodeLimits = DEFAULT_LIMITS) -> bytes:
        """The bytes that hold the image.

        Raises:
            DecodeError: `unreadable`, `corrupt` or `too_large_file`.
        """
        if is_hdf5(self.path):
            return read_dataset(self.path, self.member, limits)
        return read_image_file(self.path, limits)

    def read_state(self) -> list[str | int]:
        """Member, size and time of change; nothing for a file that is gone."""
        if is_remote(self.path):
            return [self.member, *read_state(self.path)]
        try:
            stat = self.path.stat()
        except OSError:
            return []
        return [self.member, stat.st_size, stat.st_mtime_ns]
