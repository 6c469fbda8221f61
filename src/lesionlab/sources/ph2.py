"""PH2: a table of text ruled with bars, and a folder of image and masks for each lesion."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.copies import fetch_file
from lesionlab.core.errors import SourceError
from lesionlab.sources.challenge_terms import PH2
from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.tables import find_tables, refuse_repeated
from lesionlab.sources.wording import Wording, reword

_BAR = re.compile(r"\|\|?")
_NAMES = ("Name", "Histological Diagnosis", "Clinical Diagnosis")

PH2_WORDING = Wording(
    names={"isic_id": "Name", "label": "Clinical Diagnosis", "histology": "Histological Diagnosis"},
    places={"label": {name.lower(): place for name, place in PH2.values()}},
    words={"label": {code: name for code, (name, _) in PH2.items()}},
    stated={"image_type": "dermoscopic", "copyright_license": "PH2 research use",
            "attribution": "ADDI project, Hospital Pedro Hispano, Matosinhos"})


def find_ph2(path: Path, _: TableColumns | None) -> bool:
    """Whether a text with PH2's columns between bars is here."""
    return _find_table(path) is not None


def read_ph2(path: Path, _: TableColumns | None) -> RawSource:
    """A row for each line of the table; the legend below it is left out.

    Raises:
        SourceError: a row has another number of fields than the header, there is none, or a
            column stands there twice.
    """
    table = _find_table(path)
    assert table is not None
    # Not `splitlines`: Latin-1 has more line ends than those by which the table was recognised.
    lines = [_split_line(line) for line in _read_text(table).split("\n")
             if line.lstrip().startswith("||")]
    header, rows = lines[0], lines[1:]
    wrong = [" | ".join(row) for row in rows if len(row) != len(header)]
    if wrong or not rows:
        problem = f"rows of another length than the header: {list_some(wrong)}" if wrong else (
            "the table has no row")
        raise SourceError(f"{table}: {problem}; download it anew")
    names = [name if name else f"column_{place}" for place, name in enumerate(header)]
    refuse_repeated(table, names)
    frame = pd.DataFrame(rows, columns=names, dtype=str)
    rows, adjusted = reword(frame, PH2_WORDING)
    return RawSource(rows=rows, folder=table.parent, adjusted=adjusted)


def _find_table(path: Path) -> Path | None:
    files = [file for file in find_tables(path) if file.suffix.lower() == ".txt"]
    return next(filter(_is_table, files), None)


def _is_table(file: Path) -> bool:
    first = _read_text(file, 4096).lstrip().partition("\n")[0]
    return first.startswith("||") and set(_NAMES) <= set(_split_line(first))


def _read_text(file: Path, most: int = -1) -> str:
    # Latin-1 takes any byte; what matters here is ASCII.
    with fetch_file(file).open(encoding="latin-1") as text:
        return text.read(most)


def _split_line(line: str) -> list[str]:
    return [field.strip() for field in _BAR.split(line.strip().strip("|"))]
