from pathlib import Path

from looking import look

from factories import clean_frame, make_prepared

TWO_ROLES = ["ISIC_0000000", "ISIC_0000009"]
"""In train and in test."""


def test_a_patient_in_two_roles_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[TWO_ROLES, "patient_id"] = "P0"
    finding = look("LL101", make_prepared(tmp_path, frame))
    assert finding.section == "issue"
    assert (finding.isic_ids, finding.count, finding.value) == (tuple(TWO_ROLES), 2, 1)
    assert finding.explanation == (
        "1 of 399 patients have images in more than one role: P0; prepare the data again so that "
        "all images of a patient share a role.")


def test_a_lesion_in_two_roles_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[TWO_ROLES, "lesion_id"] = "L0"
    frame.loc["ISIC_0000001", "lesion_id"] = None
    finding = look("LL102", make_prepared(tmp_path, frame))
    assert finding.section == "issue"
    assert finding.isic_ids == tuple(TWO_ROLES)
    assert finding.explanation == (
        "1 of 398 lesions have images in more than one role: L0 (1 image without lesion_id not "
        "seen); prepare the data again so that all images of a lesion share a role.")


def test_a_patient_with_many_images_in_one_role_is_fine(tmp_path: Path):
    frame = clean_frame()
    train = frame.index[frame["role"] == "train"]
    frame.loc[train, ["patient_id", "group_id"]] = "P0"
    assert look("LL101", make_prepared(tmp_path, frame)).section == "passed"


def test_without_ids_nothing_is_said_of_patients_and_lesions(tmp_path: Path):
    frame = clean_frame().drop(columns="patient_id").assign(lesion_id=None)
    data = make_prepared(tmp_path, frame)
    assert {code: look(code, data).section for code in ("LL101", "LL102", "LL106")} == {
        "LL101": "not_applicable", "LL102": "not_applicable", "LL106": "not_applicable"}


def test_an_exact_copy_in_two_roles_is_an_issue_though_prepare_noted_none(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(), digests=dict.fromkeys(TWO_ROLES, "same"))
    finding = look("LL103", data)
    assert (finding.section, finding.isic_ids) == ("issue", tuple(TWO_ROLES))
    assert finding.explanation == (
        "1 of 1 exact pair of copies have an image in each of two roles; prepare the data again, "
        "which keeps copies together.")


def test_a_near_copy_in_two_roles_is_an_issue(tmp_path: Path):
    pairs = [TWO_ROLES, ["ISIC_0000010", "ISIC_0000011"]]
    data = make_prepared(tmp_path, clean_frame(), duplicates=[
        {"isic_id": one, "copy_of": other, "kind": "near"} for one, other in pairs])
    finding = look("LL104", data)
    assert (finding.section, finding.isic_ids) == ("issue", tuple(TWO_ROLES))
    assert finding.explanation == (
        "1 of 2 near pairs of copies have an image in each of two roles; prepare the data again, "
        "which keeps copies together.")


def test_copies_in_one_role_are_fine(tmp_path: Path):
    pair = ["ISIC_0000010", "ISIC_0000011"]
    data = make_prepared(tmp_path, clean_frame(), digests=dict.fromkeys(pair, "same"))
    assert look("LL103", data).explanation == (
        "1 exact pair of copies, none of them in two roles.")


def test_groups_of_several_images_are_counted(tmp_path: Path):
    frame = clean_frame()
    frame.loc[["ISIC_0000000", "ISIC_0000001"], "group_id"] = "G"
    finding = look("LL106", make_prepared(tmp_path, frame))
    assert (finding.section, finding.count) == ("tip", 2)
    assert finding.explanation == (
        "400 images are of 399 groups (by patient_id, lesion_id, duplicates), the largest of 2 "
        "images (0.5 % of all); count groups rather than images wherever you state a sample size.")
