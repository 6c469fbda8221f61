from pathlib import Path

from looking import imagine, look

from factories import clean_frame, make_prepared


def test_labels_that_the_pictures_contradict_are_named(tmp_path: Path):
    frame = clean_frame()
    features = {"whole": imagine(frame, frame["target"] == "Malignant")}
    wrong = frame.index[[5, 60, 130, 301]]
    frame.loc[wrong, "target"] = frame.loc[wrong, "target"].map(
        {"Benign": "Malignant", "Malignant": "Benign"})
    finding = look("LL601", make_prepared(tmp_path, frame), features)
    assert (finding.section, finding.isic_ids) == ("tip", tuple(wrong))
    assert finding.explanation == (
        "4 of 400 labels (1.0 %) are contradicted by a simple model of the pictures; they may be "
        "wrong, or hard; have a dermatologist look at them, blind to the label, before any is "
        "changed.")


def test_labels_that_the_pictures_bear_out_pass(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    finding = look("LL601", data, {"whole": imagine(frame, frame["target"] == "Malignant")})
    assert finding.explanation == "No label of 400 images is clearly contradicted."


def test_pictures_that_tell_nothing_doubt_nothing(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    assert look("LL601", data, {"whole": imagine(frame)}).explanation == (
        "Pictures tell too little of the label to doubt one by them.")
    assert look("LL601", data).explanation == "The extra 'train' is not here."
