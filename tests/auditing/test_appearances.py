"""How a picture was taken, marked and encoded is no secret way to the label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looking import look

from factories import clean_frame, make_prepared
from lesionlab.auditing.appearances import ARTEFACTS, BORDERS, LIGHT
from lesionlab.imaging.measures import MEASURES

FRAME = clean_frame()
IS_MALIGNANT = FRAME["target"] == "Malignant"
MALIGNANT = tuple(FRAME.index[IS_MALIGNANT])
OF_MEASURES = {"LL310": BORDERS, "LL312": ARTEFACTS, "LL313": LIGHT}


def imagine_measures(**of_malignant: float) -> pd.DataFrame:
    """Measures that tell nothing, but for those that malignant images have another value of."""
    rng = np.random.default_rng(3)
    measures = pd.DataFrame(rng.random((len(FRAME), len(MEASURES))), FRAME.index, list(MEASURES))
    for name, value in of_malignant.items():
        measures.loc[IS_MALIGNANT, name] = value
    return measures


def imagine_files(formats: object, qualities: object) -> pd.DataFrame:
    return pd.DataFrame({"file_format": formats, "jpeg_quality": qualities}, index=FRAME.index)


@pytest.mark.parametrize(("code", "name"), [
    (code, name) for code in ("LL310", "LL312") for name in OF_MEASURES[code]])
def test_a_mark_of_one_class_is_an_issue(tmp_path: Path, code: str, name: str):
    finding = look(code, make_prepared(tmp_path, FRAME), measures=imagine_measures(**{name: 1.5}))
    assert (finding.section, finding.isic_ids, finding.value) == ("issue", MALIGNANT, 1)
    assert finding.explanation.startswith(
        f"{OF_MEASURES[code][name]} alone tells Malignant from the rest with AUROC 1.00 "
        "(1.00-1.00); look at the listed images, ")


def test_the_sentence_says_what_to_do(tmp_path: Path):
    finding = look("LL312", make_prepared(tmp_path, FRAME), measures=imagine_measures(ruler=1.5))
    assert finding.explanation == (
        "How regular ticks at a side are, as of a ruler, alone tells Malignant from the rest with "
        "AUROC 1.00 (1.00-1.00); look at the listed images, and compare scores on images without "
        "such marks.")


def test_a_mark_that_one_class_lacks_is_an_issue_too(tmp_path: Path):
    finding = look("LL310", make_prepared(tmp_path, FRAME),
                   measures=imagine_measures(dark_border=-1))
    assert (finding.section, finding.value) == ("issue", 0)
    assert set(finding.isic_ids) == set(FRAME.index) - set(MALIGNANT)
    assert finding.explanation.startswith(
        "The share of the border that is black alone tells Malignant from the rest with AUROC 0.00 "
        "(0.00-0.00), lower in Malignant; look at the listed images, ")


def test_the_colour_of_the_skin_is_worth_a_note_and_no_more(tmp_path: Path):
    finding = look("LL313", make_prepared(tmp_path, FRAME), measures=imagine_measures(skin_a=2))
    assert (finding.section, finding.isic_ids) == ("tip", MALIGNANT)
    assert finding.explanation == (
        "How red the skin around the lesion is alone tells Malignant from the rest with AUROC 1.00 "
        "(1.00-1.00); check that classes do not come from other cameras or patients, and train "
        "with changes of colour.")


def test_traces_that_nobody_sees_are_no_marks(tmp_path: Path):
    measures = imagine_measures(hair=0.015, ruler=0.3, ink=4e-4)
    measures.loc[~IS_MALIGNANT, list(ARTEFACTS)] = 0.0
    finding = look("LL312", make_prepared(tmp_path, FRAME), measures=measures)
    assert finding.section == "not_applicable"


@pytest.mark.parametrize("code", OF_MEASURES)
def test_marks_of_both_classes_are_passed(tmp_path: Path, code: str):
    finding = look(code, make_prepared(tmp_path, FRAME), measures=imagine_measures())
    assert (finding.section, finding.isic_ids) == ("passed", ())
    assert finding.explanation.startswith(tuple(OF_MEASURES[code].values()))


@pytest.mark.parametrize("code", OF_MEASURES)
def test_a_class_of_few_groups_says_nothing(tmp_path: Path, code: str):
    few = FRAME.assign(target=np.where(np.arange(len(FRAME)) < 9, "Malignant", "Benign"))
    finding = look(code, make_prepared(tmp_path, few), measures=imagine_measures())
    assert finding.section == "not_applicable"
    assert finding.explanation == (
        "Pictures are all alike in this, or no class has enough groups to be told by it.")


def test_a_class_of_another_image_type_is_an_issue(tmp_path: Path):
    frame = FRAME.assign(image_type=np.where(IS_MALIGNANT, "clinical: close-up", "dermoscopic"))
    finding = look("LL308", make_prepared(tmp_path, frame))
    assert (finding.section, finding.isic_ids) == ("issue", MALIGNANT)
    share = 100 * len(MALIGNANT) / 400
    assert finding.explanation == (
        f"Class and image type go together (Cramer's V 1.00 over 400 groups by class): "
        f"{len(MALIGNANT)} of {len(MALIGNANT)} Malignant images are clinical: close-up, as are "
        f"{share:.1f} % of all images; report scores per image type, or keep to one.")


def test_image_types_of_both_classes_are_passed(tmp_path: Path):
    types = np.random.default_rng(1).choice(["clinical: close-up", "dermoscopic"], len(FRAME))
    finding = look("LL308", make_prepared(tmp_path, FRAME.assign(image_type=types)))
    assert (finding.section, finding.isic_ids) == ("passed", ())


def test_one_image_type_or_none_says_nothing(tmp_path: Path):
    one = make_prepared(tmp_path / "a", FRAME.assign(image_type="dermoscopic"))
    none = make_prepared(tmp_path / "b", FRAME)
    assert [look("LL308", data).section for data in (one, none)] == ["not_applicable"] * 2


@pytest.mark.parametrize(("files", "kind"), [
    (imagine_files("JPEG", np.where(IS_MALIGNANT, 35, 90)), "JPEG of quality 35"),
    (imagine_files(np.where(IS_MALIGNANT, "PNG", "JPEG"), np.where(IS_MALIGNANT, np.nan, 90)),
     "PNG")])
def test_a_class_of_another_encoding_is_an_issue(tmp_path: Path, files: pd.DataFrame, kind: str):
    finding = look("LL309", make_prepared(tmp_path, FRAME), files=files)
    assert (finding.section, finding.isic_ids) == ("issue", MALIGNANT)
    share = 100 * len(MALIGNANT) / 400
    assert finding.explanation == (
        f"Class and encoding go together (Cramer's V 1.00 over 400 groups by class): "
        f"{len(MALIGNANT)} of {len(MALIGNANT)} Malignant images are {kind}, as are {share:.1f} % "
        "of all images; encode all files alike, from the originals, and compare scores within one "
        "encoding.")


def test_encodings_of_both_classes_are_passed(tmp_path: Path):
    qualities = np.random.default_rng(1).integers(60, 100, len(FRAME))
    finding = look("LL309", make_prepared(tmp_path, FRAME), files=imagine_files("JPEG", qualities))
    assert (finding.section, finding.isic_ids) == ("passed", ())


def test_files_of_one_encoding_say_nothing(tmp_path: Path):
    finding = look("LL309", make_prepared(tmp_path, FRAME), files=imagine_files("PNG", np.nan))
    assert finding.section == "not_applicable"
    assert finding.explanation == "All files have one format and quality, or none is known."
