"""DicomHeader: what is read of a DICOM file before its picture is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.decoding import DEFAULT_LIMITS
from lesionlab.imaging.dicom_header import explain_damage, read_elements
from lesionlab.scaling.progress import progress
from lesionlab.scaling.workers import map_tasks
from lesionlab.sources.dicom_metadata import ELEMENTS, describe_header, has_unknown_site
from lesionlab.sources.pseudonyms import PUBLIC_ID

TASK_FILES = 100
"""Files of one task; fewer are read in this process."""


@dataclass(frozen=True, kw_only=True)
class DicomHeader:
    """One file; its ids are in clear."""

    path: Path
    id: str
    """What tells the file from others: an id of the ISIC Archive in its name, else
    `SOPInstanceUID`, else a digest of its bytes."""
    uid: str = ""
    """`SOPInstanceUID`."""
    num_frames: int = 1
    values: dict[str, str] = field(default_factory=dict)
    """Columns as text, unknown as the empty text."""
    adjusted: tuple[tuple[str, str, str], ...] = ()
    """Column, value and reason of what was not taken as it stands."""
    problem: tuple[str, str] | None = None
    """Reason and detail, where the file cannot be read."""
    has_text: bool = False
    """Whether it says that text stands in the picture."""

    @property
    def images(self) -> list[tuple[str, str]]:
        """The id of each frame, and its number as in `ImageAddress.member`."""
        if self.num_frames == 1:
            return [(self.id, "")]
        return [(f"{self.id}#{frame}", str(frame)) for frame in range(self.num_frames)]


def read_headers(paths: Sequence[Path]) -> list[DicomHeader]:
    """The header of each file, in order; one that cannot be read has a `problem`."""
    tasks = [paths[start:start + TASK_FILES] for start in range(0, len(paths), TASK_FILES)]
    found: list[DicomHeader] = []
    with progress(len(paths), "reading headers", "files") as bar:
        for headers in map_tasks(_read_some, tasks):
            found += headers
            bar.update(len(headers))
    return found


def read_header(path: Path) -> DicomHeader:
    """The header of one file; see `read_headers`."""
    public = path.stem if PUBLIC_ID.fullmatch(path.stem) else ""
    try:
        with path.open("rb") as file:
            dataset = read_elements(file, ELEMENTS, max_bytes=DEFAULT_LIMITS.max_bytes)
        with explain_damage():
            return _describe(path, dataset, public)
    except OSError:
        return DicomHeader(path=path, id=public or f"path:{path}", problem=(
            "unreadable", "the file cannot be read; check that it is there and may be read"))
    except DecodeError as error:
        return DicomHeader(path=path, id=public or _digest(path),
                           problem=(error.reason, str(error)))


def _read_some(paths: Sequence[Path]) -> list[DicomHeader]:
    return [read_header(path) for path in paths]


def _describe(path: Path, dataset: Dataset, public: str) -> DicomHeader:
    uid = str(dataset.get("SOPInstanceUID") or "").strip()
    num_frames = max(int(dataset.get("NumberOfFrames") or 1), 1)
    values = describe_header(dataset)
    adjusted = []
    if values["age_approx"].endswith("+"):
        adjusted.append(("age_approx", values["age_approx"], "above_85"))
    if has_unknown_site(dataset):
        adjusted.append(("anatom_site", "", "unknown_body_site"))
    problem = _find_problem(dataset, num_frames)
    return DicomHeader(
        path=path, id=public or uid or _digest(path), uid=uid,
        num_frames=1 if problem else num_frames, values=values, adjusted=tuple(adjusted),
        problem=problem, has_text=dataset.get("BurnedInAnnotation") == "YES")


def _find_problem(dataset: Dataset, num_frames: int) -> tuple[str, str] | None:
    if "Rows" not in dataset:
        return "not_an_image", ("the DICOM file holds no picture, as reports and indexes do not, "
                                "or ends before it")
    if num_frames > DEFAULT_LIMITS.max_frames:
        return "too_many_frames", (f"the header says {num_frames:,} frames, over the limit of "
                                   f"{DEFAULT_LIMITS.max_frames:,}; split the file")
    return None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return f"path:{path}"
