from pathlib import Path

import numpy as np

from factories import clean_frame, make_prepared
from lesionlab.auditing.registry import CHECKS

PAIR = ["ISIC_0000000", "ISIC_0000001"]


def test_exact_copies_with_two_labels_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[PAIR, "target"] = ["Benign", "Malignant"]
    data = make_prepared(tmp_path, frame, digests=dict.fromkeys(PAIR, "same"))
    finding = CHECKS["LL105"].run(data)
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
    assert CHECKS["LL105"].run(data).section == "tip"


def test_copies_with_one_label_pass_and_without_copies_there_is_nothing_to_see(tmp_path: Path):
    frame = clean_frame()
    frame.loc[PAIR, "target"] = "Benign"
    copied = make_prepared(tmp_path / "a", frame, digests=dict.fromkeys(PAIR, "same"))
    assert CHECKS["LL105"].run(copied).section == "passed"
    assert CHECKS["LL105"].run(make_prepared(tmp_path / "b", frame)).section == "not_applicable"


def test_labels_sorted_by_id_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = np.sort(frame["target"].to_numpy())
    finding = CHECKS["LL304"].run(make_prepared(tmp_path, frame))
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
    assert CHECKS["LL304"].run(make_prepared(tmp_path, frame)).value == 1.0


def test_too_few_groups_say_nothing_of_the_order(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(num_images=12))
    assert CHECKS["LL304"].run(data).section == "not_applicable"
