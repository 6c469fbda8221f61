from pathlib import Path

from looking import imagine, look

from factories import clean_frame, make_prepared


def see(frame, *telling):
    """Features by view; those of `telling` tell what is malignant."""
    is_malignant = frame["target"] == "Malignant"
    return {view: imagine(frame, is_malignant if view in telling else None)
            for view in ("whole", "surroundings", "rim")}


def test_surroundings_that_tell_the_label_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    finding = look("LL311", data, see(frame, "whole", "surroundings"))
    assert (finding.section, finding.count) == ("issue", 400)
    assert finding.explanation == (
        "With the lesion covered, what is around the lesion alone tells Malignant from the rest "
        "with AUROC 1.00 (1.00-1.00), the whole picture with AUROC 1.00 (1.00-1.00); "
        "look at the surroundings of both classes, cut or mask them, and test on images from "
        "elsewhere.")
    assert "the rim of the picture alone" in look(
        "LL311", data, see(frame, "whole", "rim")).explanation


def test_surroundings_that_tell_nothing_pass(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    assert look("LL311", data, see(frame, "whole")).section == "passed"


def test_without_features_or_groups_nothing_is_said_of_surroundings(tmp_path: Path):
    finding = look("LL311", make_prepared(tmp_path / "a", clean_frame()))
    assert (finding.section, finding.explanation) == (
        "not_applicable", "The extra 'train' is not here.")
    frame = clean_frame(num_images=12)
    finding = look("LL311", make_prepared(tmp_path / "b", frame), see(frame))
    assert finding.explanation == "No two classes have enough groups to be told apart."


def test_provenance_that_tells_the_label_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame["attribution"] = frame["target"].map({"Malignant": "A clinic", "Benign": "B clinic"})
    finding = look("LL314", make_prepared(tmp_path, frame), see(frame, "whole"))
    assert (finding.section, finding.value, finding.count) == ("issue", 1.0, 400)
    assert finding.explanation == (
        "Without a look at the picture, source, attribution together tell Malignant from the "
        "rest with AUROC 1.00 (1.00-1.00), the whole picture with AUROC 1.00 (1.00-1.00)"
        "; report scores per source and file type, and test on a source that was left "
        "out.")


def test_provenance_that_tells_nothing_passes_with_and_without_features(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    assert [look("LL314", data, features).section for features in (see(frame), None)] == [
        "passed"] * 2


def test_provenance_that_is_all_the_same_is_not_applicable(tmp_path: Path):
    frame = clean_frame().assign(source="Vienna")
    assert look("LL314", make_prepared(tmp_path, frame)).explanation == (
        "Provenance and files are the same for all images.")
