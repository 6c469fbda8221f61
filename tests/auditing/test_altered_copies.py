from pathlib import Path

import pandas as pd
import pytest
from looking import ImaginedEvidence, imagine, look

from factories import clean_frame, make_prepared
from lesionlab.auditing.report import run_checks
from lesionlab.dataset.prepared import PreparedData

SEEN = {"whole": pd.DataFrame()}
NO_COPIES = pd.DataFrame(columns=["isic_id", "copy_of", "how"])


def make_copies(*pairs: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["isic_id", "copy_of", "how"])


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    frame = clean_frame(num_images=20)
    frame["target"] = ["Benign", "Malignant"] * 10
    return make_prepared(tmp_path, frame)


def test_altered_copies_in_two_roles_are_an_issue(data: PreparedData):
    copies = make_copies(("ISIC_0000008", "ISIC_0000000", "mirrored"),
                         ("ISIC_0000002", "ISIC_0000000", "cropped"))
    finding = look("LL107", data, SEEN, copies=copies)
    assert (finding.section, finding.isic_ids) == ("issue", ("ISIC_0000000", "ISIC_0000008"))
    assert finding.pairs == (("ISIC_0000008", "ISIC_0000000"),)
    assert finding.explanation == (
        "1 of 2 pairs of altered copies have an image in each of two roles: mirrored (1); look at "
        "the pairs, and move both images of each to one role.")


def test_altered_copies_in_one_role_pass(data: PreparedData):
    copies = make_copies(("ISIC_0000002", "ISIC_0000000", "cropped"))
    assert look("LL107", data, SEEN, copies=copies).explanation == (
        "1 pair of altered copies, none of them in two roles.")
    assert look("LL107", data, SEEN, copies=NO_COPIES).section == "passed"


def test_copies_that_prepare_found_are_left_to_its_checks(tmp_path: Path):
    noted = [{"isic_id": "ISIC_0000008", "copy_of": "ISIC_0000000", "kind": "near"}]
    data = make_prepared(tmp_path, clean_frame(num_images=20), duplicates=noted)
    copies = make_copies(("ISIC_0000000", "ISIC_0000008", "encoded again"))
    assert look("LL107", data, SEEN, copies=copies).explanation == "No image has altered copies."


def test_altered_copies_with_two_labels_are_an_issue(data: PreparedData):
    copies = make_copies(("ISIC_0000001", "ISIC_0000000", "turned"),
                         ("ISIC_0000002", "ISIC_0000000", "turned"))
    finding = look("LL108", data, SEEN, copies=copies)
    assert (finding.section, finding.value) == ("issue", 1)
    assert finding.explanation == (
        "1 of 2 pairs of altered copies have two different labels; look at the pairs, correct "
        "the label or leave both out.")
    assert look("LL108", data, SEEN, copies=copies[1:]).section == "passed"
    assert look("LL108", data, SEEN, copies=NO_COPIES).section == "not_applicable"


@pytest.mark.parametrize("code", ["LL107", "LL108"])
def test_without_features_no_altered_copy_can_be_found(data: PreparedData, code: str):
    assert look(code, data).explanation == "The extra 'train' is not here."


def test_a_lesion_with_two_labels_is_an_issue(tmp_path: Path):
    frame = clean_frame(num_images=20)
    frame["target"] = ["Benign", "Malignant"] * 10
    frame["lesion_id"] = ["A", "A", "B", "C", "B", *"DEFGHIJKLMNOPQR"[:15]]
    finding = look("LL109", make_prepared(tmp_path, frame))
    assert (finding.section, finding.isic_ids) == ("issue", ("ISIC_0000000", "ISIC_0000001"))
    assert finding.explanation == (
        "1 of 2 lesions with several images have two labels or more: A; correct the label, or "
        "leave the lesion out, and check that labels were joined by id.")


def test_lesions_with_one_label_pass_and_single_images_say_nothing(tmp_path: Path):
    frame = clean_frame(num_images=20).assign(target="Benign")
    one = make_prepared(tmp_path / "a", frame.assign(lesion_id="A"))
    assert look("LL109", one).explanation == "Each of 1 lesion with several images has one label."
    assert look("LL109", make_prepared(tmp_path / "b", frame)).section == "not_applicable"


@pytest.mark.parametrize(("num_stray", "section"), [(0, "passed"), (1, "tip"), (4, "issue")])
def test_files_without_a_row_are_counted(tmp_path: Path, num_stray: int, section: str):
    dropped = [{"isic_id": f"stray_{k}", "reason": "no_row"} for k in range(num_stray)]
    data = make_prepared(tmp_path, clean_frame(num_images=40), dropped=dropped,
                         counts={"files_without_row": num_stray})
    finding = look("LL110", data)
    assert (finding.section, finding.count) == (section, num_stray)
    assert finding.isic_ids == tuple(f"stray_{k}" for k in range(num_stray))


@pytest.mark.parametrize(("copy", "is_explained"), [
    ("ISIC_0000008", False), ("ISIC_0000007", True)])
def test_a_finding_is_explained_only_by_one_about_the_same_images(
    tmp_path: Path, copy: str, is_explained: bool
):
    frame = clean_frame()
    seen = imagine(frame)
    seen.loc[["ISIC_0000007", "ISIC_0000070"]] += 40
    evidence = ImaginedEvidence(
        data=make_prepared(tmp_path, frame), cache=tmp_path / "cache",
        imagined={"whole": seen, "surroundings": imagine(frame), "rim": imagine(frame)})
    evidence.__dict__["copies"] = make_copies((copy, "ISIC_0000000", "turned"))
    [finding] = [one for one in run_checks(evidence) if one.code == "LL107"]
    assert finding.section == "issue"
    assert ("Look at LL206 first" in finding.explanation) == is_explained
