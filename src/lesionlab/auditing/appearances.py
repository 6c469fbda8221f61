"""What tells the label from how a picture was taken, marked and encoded."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lesionlab.auditing.association import Separation, grade, separate_classes
from lesionlab.auditing.checks import Check, Verdict
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.shortcuts import judge_kinds
from lesionlab.core.findings import Section

BORDERS = {"corner_darkness": "The darkness of the corners",
           "dark_border": "The share of the border that is black"}
ARTEFACTS = {"ruler": "How regular ticks at a side are, as of a ruler,",
             "ink": "The share of pixels in colours of a pen",
             "hair": "The share of pixels under hair"}
TO_BE_SEEN = {"ruler": 0.4, "ink": 5e-4, "hair": 0.02}
"""Amount of each mark that the eye sees; less is as good as none, and mostly the lesion's own."""
LIGHT = {"skin_l": "The lightness of the skin around the lesion",
         "skin_a": "How red the skin around the lesion is",
         "skin_b": "How yellow the skin around the lesion is",
         "ita": "The typology angle of the skin around the lesion"}
MOST_ENCODINGS = 20
"""Encodings that are looked at one by one; rarer ones count as one."""
PLAIN = 0.9
"""Share of the images of the other side that a listed image exceeds."""


def _find_telling_types(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    if "image_type" not in frame or frame["image_type"].nunique() < 2:
        return Verdict(section="not_applicable", fact="There is just one image type, or none named")
    return _judge_known(frame, frame["image_type"], "image type")


def _find_telling_encodings(evidence: Evidence) -> Verdict:
    encodings = _name_encodings(evidence.files)
    if encodings.nunique() < 2:
        return Verdict(section="not_applicable",
                       fact="All files have one format and quality, or none is known")
    return _judge_known(evidence.data.frame, encodings, "encoding")


def _judge_known(frame: pd.DataFrame, kinds: pd.Series, noun: str) -> Verdict:
    """As `judge_kinds`, among images whose kind is known."""
    return judge_kinds(frame[kinds.notna()], kinds, noun,
                       "are {kind}, as are {share} of all images")


def _name_encodings(files: pd.DataFrame) -> pd.Series:
    """Format of each file and, for a JPEG, its quality; missing where neither is known."""
    quality = files["jpeg_quality"].astype("Int64").astype("string")
    names = files["file_format"].astype("string")
    names = (names + " of quality " + quality).fillna(names)
    common = names.value_counts().index[:MOST_ENCODINGS]
    return names.where(names.isin(common) | names.isna(), "rarer encodings")


def _find_telling_borders(evidence: Evidence) -> Verdict:
    return _judge_measures(evidence, evidence.measures[list(BORDERS)], BORDERS)


def _find_telling_artefacts(evidence: Evidence) -> Verdict:
    measures = evidence.measures[list(ARTEFACTS)].clip(lower=pd.Series(TO_BE_SEEN), axis=1)
    return _judge_measures(evidence, measures, ARTEFACTS)


def _find_telling_light(evidence: Evidence) -> Verdict:
    """Lesions differ in colour by nature, and redden the skin around: never more than a tip."""
    return _judge_measures(evidence, evidence.measures[list(LIGHT)], LIGHT, most="tip")


def _judge_measures(
    evidence: Evidence, measures: pd.DataFrame, names: Mapping[str, str], most: Section = "issue"
) -> Verdict:
    """How well the best of some measures tells a class from the rest."""
    frame = evidence.data.frame
    found = separate_classes(frame, measures, evidence.data.classes)
    if not found:
        return Verdict(section="not_applicable", fact=(
            "Pictures are all alike in this, or no class has enough groups to be told by it"))
    first = found[0]
    fact = f"{names[first.name]} alone tells {first.class_name} from the rest with {first}"
    section = grade(first.distance)
    if section == "passed":
        return Verdict(section=section, value=first.auroc, fact=fact)
    return Verdict(section=most if section == "issue" else section, value=first.auroc,
                   fact=fact, isic_ids=_list_marked(frame, measures[first.name], first))


def _list_marked(frame: pd.DataFrame, values: pd.Series, found: Separation) -> pd.Index:
    """Images of the side that has more of it, beyond nearly all of the other side."""
    own = values.loc[frame.index]
    has_more = (frame["target"] == found.class_name) == (found.auroc > 0.5)
    return frame.index[has_more & (own > own[~has_more].quantile(PLAIN))]


CHECKS = (
    Check(code="LL308", title="Image type and the label", function=_find_telling_types,
          why="A model can tell a dermatoscope from a camera at a glance, and scores well without "
              "seeing the lesion.",
          remedy="report scores per image type, or keep to one",
          how="Cramer's V of image_type against class; the sentence names the class and type "
              "that stand out most, and their images are listed.",
          causes=("LL303",)),
    Check(code="LL309", title="Encoding and the label", function=_find_telling_encodings,
          why="Compression leaves traces in every block of the picture, which a network finds and "
              "learns; they belong to the export, not to the disease.",
          remedy="encode all files alike, from the originals, and compare scores within one "
                 "encoding",
          how="Cramer's V of format and quality against class. The quality is that of libjpeg "
              "whose tables are nearest to those in the file; encoders with tables of their own "
              "are told apart by it all the same.",
          causes=("LL303",)),
    Check(code="LL310", title="Borders and the label", function=_find_telling_borders,
          why="Dark corners and frames come with the dermatoscope; a model that sees them knows "
              "the clinic.",
          remedy="look at the listed images, cut the border off or mask it for all images, and "
                 "compare scores with and without",
          how="AUROC of the light that the corners lack, and of the share of outermost pixels "
              "that are nearly black. A black lesion that reaches the border counts too: look "
              "before you conclude. Listed are images of the side that has more of it, beyond "
              "nine tenths of the other side.",
          causes=("LL303", "LL308")),
    Check(code="LL312", title="Marks and the label", function=_find_telling_artefacts,
          why="A ruler or ink is laid down by somebody who is already worried, and hair by the "
              "site; models have learnt each of them in place of the disease.",
          remedy="look at the listed images, and compare scores on images without such marks",
          how="AUROC of three measures: how regularly dark ticks follow each other along a side, "
              "and which shares of the pixels around the middle have the colour of a pen or lie "
              "on long, dark, thin lines (as DullRazor finds hair). What the eye would not see "
              "counts as none. Skin ridges and crusts may pass for hair, blue lesions for ink: "
              "look before you conclude. Listed are images of the side that has more of it, "
              "beyond nine tenths of the other side.",
          causes=("LL303",)),
    Check(code="LL313", title="Light and the label", function=_find_telling_light,
          why="Light and white balance belong to the camera, the tone of the skin to the patients; "
              "neither is a sign of disease, though lesions redden the skin around them.",
          remedy="check that classes do not come from other cameras or patients, and train with "
                 "changes of colour",
          how="AUROC of L, a and b of CIELAB and of the typology angle (ITA) of the skin around "
              "the lesion. Lesions redden the skin around them, and some come with lighter skin, "
              "so that a little is natural.",
          causes=("LL303", "LL308")),
)
