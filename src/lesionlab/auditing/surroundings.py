"""What tells the label although the lesion is covered, or no picture is looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.auditing.association import LARGE, NOTABLE, Separation, grade
from lesionlab.auditing.checks import Check, Verdict
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.probing import choose_rows, probe
from lesionlab.core.cohort import list_some

NEARLY = 0.03
"""How much less surroundings may tell than the whole picture to tell nearly as much: a large
lesion shows beyond any cover, but then the whole picture tells more."""
PROVENANCE = ("source", "attribution", "copyright_license", "image_type", "image_manipulation")
"""Columns that say where an image comes from and how it was made."""


def _find_telling_surroundings(evidence: Evidence) -> Verdict:
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    found = {"what is around the lesion": evidence.tell_target("surroundings"),
             "the rim of the picture": evidence.tell_target("rim")}
    best = {what: told[0] for what, told in found.items() if told}
    if not best:
        return Verdict(section="not_applicable",
                       fact="No two classes have enough groups to be told apart")
    what, first = max(best.items(), key=lambda item: item[1].low)
    whole = _find_whole(evidence, first)
    text = (f"{what} alone tells {first.class_name} from the rest with {first}, the whole picture "
            f"with {whole}")
    section = "tip" if first.low >= 0.5 + NOTABLE else "passed"
    if first.low >= 0.5 + LARGE and first.auroc >= whole.auroc - NEARLY:
        section = "issue"
    return Verdict(section=section, value=first.auroc,
                   count=len(evidence.data.frame) * (section != "passed"),
                   fact=f"With the lesion covered, {text}")


def _find_whole(evidence: Evidence, other: Separation) -> Separation:
    """How well the whole picture tells the class that something else tells."""
    return next(one for one in evidence.tell_target("whole")
                if one.class_name == other.class_name)


def _find_telling_records(evidence: Evidence) -> Verdict:
    rows = choose_rows(evidence.data.frame)
    columns = _encode_records(evidence, rows)
    if columns.empty:
        return Verdict(section="not_applicable",
                       fact="Provenance and files are the same for all images")
    found = probe(rows, columns.to_numpy(np.float32), kind="columns",
                  classes=evidence.data.classes)
    if not found:
        return Verdict(section="not_applicable",
                       fact="No two classes have enough groups to be told apart")
    first = found[0]
    text = (f"{list_some(_name_columns(columns))} together tell {first.class_name} from the rest "
            f"with {first}")
    if evidence.why_no_features is None:
        text = f"{text}, the whole picture with {_find_whole(evidence, first)}"
    section = grade(first.low - 0.5)
    return Verdict(section=section, value=first.auroc, count=len(rows) * (section != "passed"),
                   fact=f"Without a look at the picture, {text}")


def _encode_records(evidence: Evidence, rows: pd.DataFrame) -> pd.DataFrame:
    """float32 columns of provenance and files that differ between images."""
    texts = [name for name in PROVENANCE if name in rows]
    files = evidence.files.loc[rows.index]
    numbers = files.select_dtypes("number").astype("float32")
    columns = pd.concat([
        pd.get_dummies(rows[texts].join(files.select_dtypes(exclude="number")).fillna("missing"),
                       prefix_sep=": ", dtype="float32"),
        numbers], axis=1)
    return columns.loc[:, columns.min() < columns.max()]


def _name_columns(columns: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(str(name).split(": ")[0] for name in columns))


CHECKS = (
    Check(code="LL311", title="Surroundings and the label", function=_find_telling_surroundings,
          why="A model can live on rulers, ink, dark corners or the skin of one clinic, and score "
              "well without seeing the lesion.",
          remedy="look at the surroundings of both classes, cut or mask them, and test on images "
                 "from elsewhere",
          causes=("LL303", "LL305", "LL308", "LL309", "LL310", "LL312", "LL313"),
          how="As LL306, on pictures whose middle ellipse (84 % of each side), or all but the "
              "outer 6 %, has one colour. The same figure for the whole picture stands beside it."),
    Check(code="LL314", title="Provenance and the label", function=_find_telling_records,
          why="Where an image comes from, and how its file was made, is no sign of disease; a "
              "model that sees it in the picture learns it first.",
          remedy="report scores per source and file type, and test on a source that was left out",
          causes=("LL303", "LL305", "LL308", "LL309"),
          how="Gradient boosted trees on these columns, scored on groups that they did not see, "
              "beside the same figure for the picture."),
)
