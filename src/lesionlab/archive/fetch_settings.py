"""What fetch is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from lesionlab.archive.records import SIZES, Size
from lesionlab.archive.selection import split_condition
from lesionlab.core.errors import InputError

API = "https://api.isic-archive.com/api/v2/"
"""The root of the Archive's public API."""


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """Which images of the ISIC Archive, and in which size."""

    query: str = ""
    """In the Archive's own language, such as `age_approx:[20 TO 40] AND sex:male`."""
    collections: tuple[int, ...] = ()
    """Numbers of collections; images of any of them."""
    where: tuple[str, ...] = ()
    """Conditions `column=value` on the metadata, applied after the listing."""
    per_class: int | None = None
    """Most images of each class; those without a class are left out."""
    class_column: str = "diagnosis_1"
    """Where the class stands."""
    limit: int | None = None
    """Most images."""
    seed: int = 0
    """Of the draw that `per_class` and `limit` make."""
    size: Size = "thumbnail"
    """`thumbnail`, a JPEG of 256 pixels, or `full`."""
    api: str = API
    """Root of the API, for a mirror."""
    is_confirmed: bool = False
    """Whether more than 5 GB may be downloaded."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "api", self.api.rstrip("/") + "/")
        object.__setattr__(self, "collections", tuple(sorted(set(self.collections))))
        object.__setattr__(self, "where", tuple(self.where))
        for condition in self.where:
            split_condition(condition)
        for name in ("per_class", "limit"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(f"{name} is {number}; give 1 or more")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; give 0 or a positive number")
        if self.size not in SIZES:
            raise InputError(f"size is {self.size!r}; choose {' or '.join(SIZES)}")
        if any(number < 1 for number in self.collections):
            raise InputError(f"collections are {self.collections}; give the numbers that the "
                             "Archive's website shows")
        if not self.api.startswith(("http://", "https://")) or not urlsplit(self.api).hostname:
            raise InputError(f"api is {self.api!r}; give an address such as {API}")
