from pathlib import Path

import numpy as np
from looking import imagine, look

from factories import clean_frame, make_prepared

PAIR = ["ISIC_0000000", "ISIC_0000001"]


def test_exact_copies_with_two_labels_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[PAIR, "target"] = ["Benign", "Malignant"]
    data = make_prepared(tmp_path, frame, digests=dict.fromkeys(PAIR, "same"))
    finding = look("LL105", data)
    assert (finding.section, finding.isic_ids) == ("issue", tuple(PAIR))
    assert finding.explanation == (
        "1 exact pair and 0 near pairs of 1 pairs of copies have two different labels; look at "
        "the listed images, correct the label or leave both out, and check that labels were "
        "joined by id.")


def test_near_copies_with_two_labels_are_a_tip(tmp_path: Path):
    frame = clean_frame()
    frame.loc[PAIR, "target"] = ["Benign", "Malignant"]
    data = make_prepared(tmp_path, frame, duplicates=[
        {"isic_id": PAIR[0], "copy_of": PAIR[1], "kind": "near"}])
    assert look("LL105", data).section == "tip"


def test_copies_with_one_label_pass_and_without_copies_there_is_nothing_to_see(tmp_path: Path):
    frame = clean_frame()
    frame.loc[PAIR, "target"] = "Benign"
    copied = make_prepared(tmp_path / "a", frame, digests=dict.fromkeys(PAIR, "same"))
    assert look("LL105", copied).section == "passed"
    assert look("LL105", make_prepared(tmp_path / "b", frame)).section == "not_applicable"


def test_labels_sorted_by_id_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = np.sort(frame["target"].to_numpy())
    finding = look("LL304", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value, finding.count) == ("issue", 1.0, 400)
    assert finding.explanation == (
        "The order of the ids alone tells Malignant from the rest with AUROC 1.00 (1.00-1.00); "
        "check that labels were joined by id, and whether each class comes from another "
        "collection.")


def test_numbers_in_ids_are_ordered_as_numbers(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = np.sort(frame["target"].to_numpy())
    frame.index = frame.index.map(lambda isic_id: f"img_{int(isic_id[5:])}")
    frame["group_id"] = frame.index
    assert look("LL304", make_prepared(tmp_path, frame)).value == 1.0


def test_too_few_groups_say_nothing_of_the_order(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(num_images=12))
    assert look("LL304", data).section == "not_applicable"


def test_pictures_that_do_not_tell_the_label_are_an_issue(tmp_path: Path):
    frame = clean_frame(num_images=1_000)
    finding = look("LL306", make_prepared(tmp_path, frame), {"whole": imagine(frame)})
    assert (finding.section, finding.count) == ("issue", 600)
    assert finding.explanation.startswith(
        "Pictures tell the label no better than a coin: a simple model tells Malignant from the "
        "rest with AUROC 0.")


def test_pictures_that_tell_the_label_pass_and_few_images_say_nothing(tmp_path: Path):
    frame = clean_frame()
    telling = {"whole": imagine(frame, frame["target"] == "Malignant")}
    assert look("LL306", make_prepared(tmp_path / "a", frame), telling).section == "passed"
    few = clean_frame(num_images=60)
    finding = look("LL306", make_prepared(tmp_path / "b", few), {"whole": imagine(few)})
    assert finding.section == "not_applicable"
    assert look("LL306", make_prepared(tmp_path / "c", few)).explanation == (
        "The extra 'train' is not here.")


def test_metadata_of_other_pictures_are_an_issue(tmp_path: Path):
    frame = clean_frame(num_images=1_000)
    frame["image_type"] = ["dermoscopic", "clinical: close-up"] * 500
    data = make_prepared(tmp_path, frame)
    finding = look("LL307", data, {"whole": imagine(frame)})
    assert (finding.section, finding.count) == ("issue", 1_000)
    assert finding.explanation.startswith(
        "Pictures do not tell image_type, which anybody would see: image_type (")
    seen = {"whole": imagine(frame, frame["image_type"] == "dermoscopic")}
    assert look("LL307", data, seen).section == "passed"


def test_without_a_visible_column_nothing_can_be_compared(tmp_path: Path):
    frame = clean_frame()
    assert look("LL307", make_prepared(tmp_path, frame), {"whole": imagine(frame)}).explanation == (
        "There is no image_type or fitzpatrick_skin_type with two values that have enough groups.")
