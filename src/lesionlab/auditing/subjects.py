"""Subjects: what an exploration looks at, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import pandas as pd

from lesionlab.auditing.tallies import spread_values
from lesionlab.core.terms import COLUMNS

Part = Literal["diagnosis", "person", "patients", "origin", "pictures", "own", "ties"]
PARTS: tuple[Part, ...] = get_args(Part)
SKIN_TONES = {"very light": 55.0, "light": 41.0, "intermediate": 28.0, "tan": 10.0,
              "brown": -30.0, "dark": -np.inf}
"""Skin tones by the ITA, in degrees, above which they are (Del Bino and Bernerd 2013, doi
10.1111/bjd.12529)."""
MOST_OWN = 12
"""Columns of the user's own that are shown."""

_GROUP_SIZES = (1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One column, and how its chart counts it."""

    column: str
    title: str
    part: Part
    reading: str = ""
    """What a reader should know of the numbers, a sentence."""
    needs: str = ""
    """The column of the cohort that it is made of, where it is another."""
    order: tuple[str, ...] = ()
    """Values in the order in which they are shown."""
    is_number: bool = False
    step: float | None = None
    """Width of the bins of a number, where it is fixed."""
    is_log: bool = False
    noun: str = ""
    """What is counted beside images, by the column `needs`."""


def _value(column: str, title: str, part: Part, reading: str = "") -> Subject:
    order = COLUMNS[column].terms if column in COLUMNS else ()
    return Subject(column=column, title=title, part=part, reading=reading, order=order)


def _number(
    column: str, title: str, part: Part, reading: str = "", *, step: float | None = None,
    is_log: bool = False, needs: str = "",
) -> Subject:
    return Subject(column=column, title=title, part=part, reading=reading, is_number=True,
                   step=step, is_log=is_log, needs=needs)


def _group(column: str, title: str, needs: str, noun: str) -> Subject:
    return Subject(column=column, title=title, part="patients", needs=needs, noun=noun,
                   order=tuple(_SIZE_NAMES), reading=f"Images that name no {noun} are left out.")


_SIZE_NAMES = [str(low) if low + 1 == high else f"{low:,} to {high - 1:,}"
               for low, high in pairwise(_GROUP_SIZES)] + [f"{_GROUP_SIZES[-1]:,} and more"]
MEASURES = ("brightness", "sharpness", "red", "green", "blue", "ita")
"""What is shown of the measures of `imaging.measures`."""
_MEAN = "Mean over the stored picture, 0 to 255."

SUBJECTS = (
    *(_value(f"diagnosis_{level}", f"Diagnosis, level {level}", "diagnosis")
      for level in range(1, 6)),
    _value("diagnosis_confirm_type", "How it was diagnosed", "diagnosis",
           "A consequence of the diagnosis, and never an input."),
    _value("sex", "Sex", "person"),
    _number("age_approx", "Age", "person", "In years; 85 means 85 or more.", step=5),
    _number("clin_size_long_diam_mm", "Lesion size", "person", "Longest diameter in mm."),
    _value("fitzpatrick_skin_type", "Skin type", "person", "Fitzpatrick's, as it was recorded."),
    _value("anatom_site_1", "Site", "person"),
    _value("anatom_site_2", "Site, second level", "person"),
    _value("anatom_site_special", "Special site", "person"),
    _group("images_per_patient", "Images a patient", "patient_id", "patient"),
    _group("lesions_per_patient", "Lesions a patient", "patient_id", "patient"),
    _group("images_per_lesion", "Images a lesion", "lesion_id", "lesion"),
    _value("role", "Role", "origin"),
    _value("source", "Source", "origin"),
    _value("image_type", "Image type", "origin"),
    _value("dermoscopic_type", "Dermoscopic type", "origin"),
    _value("copyright_license", "Licence", "origin"),
    Subject(column="picture_size", title="Width and height of the file", part="pictures",
            needs="pixels_x", reading="In pixels, as the file came."),
    _number("megapixels", "Megapixels of the file", "pictures", "As the file came.", is_log=True,
            needs="pixels_x"),
    _number("file_kilobytes", "Size of the file", "pictures", "In kB, as the file came.",
            is_log=True, needs="file_bytes"),
    _value("file_format", "File format", "pictures"),
    _number("jpeg_quality", "JPEG quality", "pictures", "As it shows in the file."),
    _number("brightness", "Brightness", "pictures", _MEAN),
    _number("sharpness", "Sharpness", "pictures",
            "Fine detail for the coarse detail there is; below 0 is out of focus."),
    _number("red", "Mean red", "pictures", _MEAN),
    _number("green", "Mean green", "pictures", _MEAN),
    _number("blue", "Mean blue", "pictures", _MEAN),
    _number("ita", "Skin tone, ITA", "pictures",
            "Individual typology angle of the skin around the lesion, degrees; higher is lighter."),
    Subject(column="ita_tone", title="Skin tone, by ITA", part="pictures", needs="ita",
            order=tuple(SKIN_TONES), reading="Estimated from the skin around the lesion, as far "
            "as light and white balance allow; not a recorded skin type."),
)


def gather_columns(
    frame: pd.DataFrame, files: pd.DataFrame, measures: pd.DataFrame
) -> pd.DataFrame:
    """The cohort with all columns that subjects need beside; all three are indexed by id."""
    known = files.loc[frame.index]
    wanted = [name for name in MEASURES if name in measures]
    gathered = frame.drop(columns=[*known.columns, *wanted], errors="ignore").join(
        [known, measures[wanted]])
    columns: dict[str, pd.Series] = {}
    if {"pixels_x", "pixels_y"} <= set(gathered):
        width, height = gathered["pixels_x"], gathered["pixels_y"]
        columns["picture_size"] = _name_sizes(width, height)
        columns["megapixels"] = width * height / 1e6
    if "file_bytes" in gathered:
        columns["file_kilobytes"] = gathered["file_bytes"] / 1e3
    if "ita" in gathered:
        columns["ita_tone"] = name_tones(gathered["ita"])
    for subject in SUBJECTS:
        if subject.noun and subject.needs in gathered:
            columns[subject.column] = _size_groups(gathered, subject)
    return gathered.assign(**columns)


def name_tones(ita: pd.Series) -> pd.Series:
    """The skin tone of each ITA in degrees, missing where it is."""
    bounds = np.array(list(SKIN_TONES.values()))
    names = np.array(list(SKIN_TONES), dtype=object)
    places = (ita.to_numpy(np.float64)[:, None] > bounds).argmax(axis=1)
    return pd.Series(names[places], index=ita.index, dtype=object).where(ita.notna())


def _name_sizes(width: pd.Series, height: pd.Series) -> pd.Series:
    pairs = pd.DataFrame({"width": width, "height": height}).dropna().astype(int)
    names = {pair: f"{pair[0]} \N{MULTIPLICATION SIGN} {pair[1]}"
             for pair in set(pairs.itertuples(index=False, name=None))}
    return pd.Series([names[pair] for pair in pairs.itertuples(index=False, name=None)],
                     index=pairs.index, dtype=object).reindex(width.index)


def _size_groups(frame: pd.DataFrame, subject: Subject) -> pd.Series:
    """How many images, or lesions, the patient or lesion of each image has, as a range."""
    if subject.column == "lesions_per_patient":
        if "lesion_id" not in frame:
            return pd.Series(np.nan, index=frame.index)
        sizes = frame.groupby(subject.needs)["lesion_id"].transform("nunique")
    else:
        sizes = frame.groupby(subject.needs)["role"].transform("size")
    names = np.array(_SIZE_NAMES, dtype=object)
    places = np.searchsorted(_GROUP_SIZES, sizes.fillna(0), side="right") - 1
    return pd.Series(names[places], index=frame.index).where(sizes.gt(0))


def list_own_subjects(frame: pd.DataFrame) -> list[Subject]:
    """A subject for each column that is none of ours and holds few values, many times each."""
    known = {subject.column for subject in SUBJECTS} | set(COLUMNS) | {"group_id"}
    own = [name for name in frame if name not in known
           and not pd.api.types.is_float_dtype(frame[name])
           and 2 <= frame[name].nunique() <= min(50, len(frame) // 4)]
    return [_value(str(name), str(name), "own") for name in own[:MOST_OWN]]


def gather_numbers(frame: pd.DataFrame, classes: Mapping[str, pd.Series]) -> pd.DataFrame:
    """What is correlated: numbers, and a column of 0 and 1 per value of the others.

    Args:
        frame: of `gather_columns`.
        classes: which images are of each class that is shown, bool.
    """
    numbers = pd.DataFrame({f"class: {name}": is_class.astype(float)
                            for name, is_class in classes.items()}, index=frame.index)
    titles = {subject.column: subject.title for subject in SUBJECTS if subject.is_number}
    numbers = numbers.join(frame[[name for name in titles if name in frame]].rename(columns=titles))
    for column, label, most in (("sex", "sex", 1), ("anatom_site_1", "site", 8),
                                ("image_type", "type", 4), ("source", "source", 6)):
        if column in frame:
            numbers = numbers.join(spread_values(frame[column], label, most))
    return numbers.loc[:, numbers.min() < numbers.max()].astype(float)
