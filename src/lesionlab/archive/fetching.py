"""fetch: images and metadata of the ISIC Archive as a folder like that of its own client."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pandas as pd
from tqdm import tqdm

from lesionlab.archive.catalogue import Catalogue, find_files, read_catalogue
from lesionlab.archive.client import ArchiveClient
from lesionlab.archive.cohort_files import write_cohort_files
from lesionlab.archive.downloading import download_files
from lesionlab.archive.fetch_settings import FetchSettings
from lesionlab.archive.listing import build_address, list_pages, read_count
from lesionlab.archive.records import RemoteFile, read_record
from lesionlab.archive.selection import filter_rows, name_groups, select_images
from lesionlab.core import artifacts
from lesionlab.core.errors import ArchiveError, InputError

STATE = ".fetch"
"""Hidden folder of what was asked and of the pages that came."""

FORMAT_VERSION = 1
"""Version of what is in it."""

MOST_UNASKED_BYTES = 5_000_000_000
"""A larger download has to be confirmed."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FetchedCohort:
    """What is in the folder now."""

    out: Path
    """In the layout of the ISIC client."""
    num_listed: int
    """Images that the Archive has for the query and the collections."""
    num_images: int
    """Images of these that were selected, the rows of `metadata.csv`."""
    num_groups: int
    """Patients among them; where none is known, lesions."""
    num_downloaded: int
    """Images that this run downloaded."""
    num_present: int
    """Images that were there already."""
    num_bytes: int
    """Size of the images selected."""
    num_bytes_full: int
    """Size that they have in full."""
    classes: dict[str, int]
    """Images selected by class; those without one are left out."""
    licences: dict[str, int]
    """Images selected by licence."""
    failures: dict[str, str]
    """Why an image that was selected is not there, by id."""
    rejected: tuple[str, ...]
    """What the Archive listed and nobody can use, and why."""

    @property
    def lines(self) -> list[str]:
        """All of it as text."""
        size, full = (tqdm.format_sizeof(count, "B")
                      for count in (self.num_bytes, self.num_bytes_full))
        counts = {"classes": self.classes, "licences": self.licences}
        return [
            (f"{self.num_images:,} images of {self.num_groups:,} patients or lesions, of "
             f"{self.num_listed:,} that the Archive has; {size}, in full size {full}"),
            f"{self.num_downloaded:,} downloaded, {self.num_present:,} were here",
            *(f"{label}: " + ", ".join(f"{name} {count:,}" for name, count in part.items())
              for label, part in counts.items() if part),
            *(f"left out {text}" for text in self.rejected),
            *(f"failed {isic_id}: {reason}" for isic_id, reason in self.failures.items())]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self) | {"out": str(self.out)}


def fetch(
    out: Path, *, settings: FetchSettings | None = None,
    transport: httpx2.BaseTransport | None = None,
) -> FetchedCohort:
    """Download images and metadata of the ISIC Archive, and only those that are wanted.

    The metadata of all images come first, then the images selected, 16 at a time. The folder has
    the layout of the ISIC client: `images/`, `metadata.csv`, `attribution.txt`, `licenses/`; the
    tables are written last, with a row also for an image that could not be had. A run that was
    stopped or killed goes on where it was.

    Args:
        out: a folder that is absent, empty, or of an earlier run with the same request.
        settings: what to ask for; by default all images.
        transport: what requests go through, in the place of the network.

    Raises:
        InputError: a setting is wrong, the Archive refuses the query or has no such image, `out`
            holds other things, the disk is too small, or the size has to be confirmed.
        ArchiveError: the Archive cannot be reached, or is none.
    """
    settings = settings or FetchSettings()
    out = Path(out)
    _claim(out, settings)
    with ArchiveClient(transport) as client:
        address = build_address(settings.api, settings.query, settings.collections)
        pages = list_pages(client, out / STATE, address)
        catalogue = read_catalogue(pages)
        rows = _select(catalogue, settings)
        _note_count(read_count(pages), catalogue)
        images = out / "images"
        images.mkdir(exist_ok=True)
        missing = _find_missing(images, catalogue.num_bytes.loc[rows.index, settings.size])
        _announce(out, rows, missing, is_confirmed=settings.is_confirmed)
        failures = download_files(
            client, find_files(pages, missing.index, settings.size), len(missing), images,
            renew=lambda isic_id: _renew(client, settings, isic_id))
    write_cohort_files(out, rows)
    return _summarize(out, catalogue, rows, settings, len(missing), failures)


def _claim(out: Path, settings: FetchSettings) -> None:
    """Make a folder that of this request, or see that it is."""
    request = {"format_version": FORMAT_VERSION, "api": settings.api, "query": settings.query,
               "collections": list(settings.collections), "size": settings.size}
    path = out / STATE / "request.json"
    if not path.exists():
        if out.exists() and not (out.is_dir() and {p.name for p in out.iterdir()} <= {STATE}):
            raise InputError(f"{out} is there and was not made by fetch; name a new folder")
        artifacts.write_json(path, request)
        return
    known = artifacts.read_json(path)
    differing = [f"{name} was {known.get(name)!r}, now {value!r}"
                 for name, value in request.items() if known.get(name) != value]
    if differing:
        raise InputError(f"{out} holds another request: {'; '.join(differing)}; name a new folder, "
                         "or ask as before")


def _select(catalogue: Catalogue, settings: FetchSettings) -> pd.DataFrame:
    """The rows that are wanted."""
    if catalogue.rows.empty:
        asked = {"query": settings.query, "collections": settings.collections}
        said = " and ".join(f"{name} {value!r}" for name, value in asked.items() if value)
        unusable = f" that can be used ({catalogue.rejected[0]})" if catalogue.rejected else ""
        raise InputError(f"the Archive has no image{unusable}{' for ' if said else ''}{said}")
    rows = filter_rows(catalogue.rows, settings.where)
    return select_images(rows, per_class=settings.per_class, class_column=settings.class_column,
                         limit=settings.limit, seed=settings.seed)


def _note_count(count: int | None, catalogue: Catalogue) -> None:
    num_listed = len(catalogue.rows) + len(catalogue.rejected)
    if count not in (None, num_listed):
        _LOG.warning("the Archive counts %s images and listed %s", f"{count:,}", f"{num_listed:,}")


def _find_missing(folder: Path, num_bytes: pd.Series) -> pd.Series:
    """The images that are not there, or of another size: bytes by id."""
    with os.scandir(folder) as entries:
        there = {entry.name.removesuffix(".jpg"): entry.stat().st_size for entry in entries
                 if entry.name.endswith(".jpg")}
    if others := there.keys() - set(num_bytes.index):
        _LOG.info("%s files in %s are not of this selection; they stay", f"{len(others):,}", folder)
    return num_bytes[num_bytes.index.to_series().map(there) != num_bytes]


def _announce(out: Path, rows: pd.DataFrame, missing: pd.Series, *, is_confirmed: bool) -> None:
    """Say how much is to come, and refuse what is too much."""
    num_bytes, free = int(missing.sum()), shutil.disk_usage(out).free
    size = tqdm.format_sizeof(num_bytes, "B")
    _LOG.info("%s images selected, %s of them to download: %s; %s are free", f"{len(rows):,}",
              f"{len(missing):,}", size, tqdm.format_sizeof(free, "B"))
    if num_bytes > free:
        raise InputError(f"{size} do not fit on the disk of {out}, of which "
                         f"{tqdm.format_sizeof(free, 'B')} are free; take fewer images")
    if num_bytes > MOST_UNASKED_BYTES and not is_confirmed:
        raise InputError(f"{size} to download are more than "
                         f"{tqdm.format_sizeof(MOST_UNASKED_BYTES, 'B')}; say --yes (from Python "
                         "is_confirmed=True) if you mean it, or take fewer images")


def _renew(client: ArchiveClient, settings: FetchSettings, isic_id: str) -> RemoteFile:
    """The file of an image as the Archive has it now."""
    record = read_record(client.ask(urljoin(settings.api, f"images/{isic_id}/")))
    if record.isic_id != isic_id:
        raise ArchiveError(f"the Archive answers {record.isic_id} when asked for {isic_id}")
    return record.files[settings.size]


def _summarize(
    out: Path, catalogue: Catalogue, rows: pd.DataFrame, settings: FetchSettings,
    num_missing: int, failures: dict[str, str],
) -> FetchedCohort:
    num_bytes = catalogue.num_bytes.loc[rows.index]
    return FetchedCohort(
        out=out, num_listed=len(catalogue.rows), num_images=len(rows),
        num_groups=name_groups(rows).nunique(), num_downloaded=num_missing - len(failures),
        num_present=len(rows) - num_missing, num_bytes=int(num_bytes[settings.size].sum()),
        num_bytes_full=int(num_bytes["full"].sum()),
        classes=_count(rows, settings.class_column), licences=_count(rows, "copyright_license"),
        failures=failures, rejected=catalogue.rejected)


def _count(rows: pd.DataFrame, column: str) -> dict[str, int]:
    """Rows by value, the most frequent first."""
    if column not in rows:
        return {}
    counts = rows[column][rows[column] != ""].value_counts()
    return {str(name): int(count) for name, count in counts.items()}
