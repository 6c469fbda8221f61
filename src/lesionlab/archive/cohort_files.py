"""What lies beside the images in the layout of the ISIC client."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.archive.records import FIRST_COLUMNS
from lesionlab.core import artifacts

LICENCES = {
    "CC-0": ("CC0 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
    "CC-BY": ("Attribution 4.0 International",
              "https://creativecommons.org/licenses/by/4.0/legalcode"),
    "CC-BY-NC": ("Attribution-NonCommercial 4.0 International",
                 "https://creativecommons.org/licenses/by-nc/4.0/legalcode"),
}
"""Name and text of what the Archive calls by a short name."""


def write_cohort_files(folder: Path, rows: pd.DataFrame) -> None:
    """Write `metadata.csv`, `attribution.txt` and `licenses/` of these images.

    Args:
        folder: of the cohort.
        rows: text columns, indexed by `isic_id`; a column without a value is left out.
    """
    known = rows.reset_index()
    known = known.loc[:, (known != "").any() | known.columns.isin(FIRST_COLUMNS)]
    columns = [*FIRST_COLUMNS, *sorted(set(map(str, known)) - set(FIRST_COLUMNS))]
    artifacts.write_text(folder / "metadata.csv",
                         known[columns].to_csv(index=False, lineterminator="\n"))
    named = sorted(set(known["attribution"]) - {""})
    artifacts.write_text(folder / "attribution.txt", "\n\n".join(named) + "\n")
    for licence in sorted(set(known["copyright_license"])):
        artifacts.write_text(folder / "licenses" / f"{licence}.txt", _describe(licence))


def _describe(licence: str) -> str:
    if licence not in LICENCES:
        return f"{licence}\n\nSo the Archive calls it; its text is not known to lesionlab.\n"
    name, address = LICENCES[licence]
    return f"{name}\n\n{address}\n"
