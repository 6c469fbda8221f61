import json

import numpy as np
import pandas as pd
import pytest

from factories import clean_frame
from lesionlab.auditing.exploration import Exploration, LeftOut, explore
from lesionlab.auditing.subjects import MOST_OWN, name_tones
from lesionlab.auditing.tallies import MISSING

CLASSES = ("Benign", "Malignant")


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = ("brightness", "sharpness", "red", "green", "blue", "ita", "hair")
    return pd.DataFrame({name: rng.normal(50, 10, len(frame)) for name in names}, frame.index)


def filed(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({
        "file_bytes": rng.integers(1e4, 9e4, len(frame)), "pixels_x": 600,
        "pixels_y": rng.choice([400, 450], len(frame)),
        "file_format": rng.choice(["JPEG", "PNG"], len(frame)),
        "jpeg_quality": rng.integers(70, 95, len(frame))}, frame.index)


def look_at(frame: pd.DataFrame, classes: tuple[str, ...] = CLASSES) -> Exploration:
    return explore(frame, classes, filed(frame), measured(frame))


def names_of(exploration: Exploration) -> list[str]:
    return [chart.figure.name for chart in exploration.charts]


def table_of(exploration: Exploration, name: str) -> pd.DataFrame:
    return next(chart.figure.frame() for chart in exploration.charts if chart.figure.name == name)


def whole_frame(num_images: int = 300) -> pd.DataFrame:
    """A cohort with every column that is looked at."""
    rng = np.random.default_rng(2)
    pick = {f"diagnosis_{level}": [f"d{level}", f"e{level}"] for level in range(1, 6)} | {
        "diagnosis_confirm_type": ["histopathology", "expert"], "anatom_site_1": ["Trunk", "Head"],
        "fitzpatrick_skin_type": ["I", "IV"], "anatom_site_2": ["Back", "Face"],
        "anatom_site_special": ["nail", None], "image_type": ["dermoscopic", "clinical"],
        "dermoscopic_type": ["contact", "non-contact"], "copyright_license": ["CC-0", "CC-BY"]}
    frame = clean_frame(num_images).assign(
        clin_size_long_diam_mm=rng.gamma(2, 3, num_images),
        patient_id=[f"P{int(number**0.7)}" for number in range(num_images)],
        lesion_id=[f"L{int(number**0.9)}" for number in range(num_images)])
    return frame.assign(**{name: rng.choice(np.array(values, dtype=object), num_images)
                           for name, values in pick.items()})


def test_everything_that_the_study_drew_is_there_and_nothing_is_left_out():
    found = look_at(whole_frame())
    assert found.left_out == ()
    assert names_of(found) == [
        *(f"diagnosis_{level}" for level in range(1, 6)), "diagnosis_confirm_type", "sex",
        "age_approx", "age_by_role", "clin_size_long_diam_mm", "fitzpatrick_skin_type",
        "anatom_site_1", "anatom_site_2", "anatom_site_special", "images_per_patient",
        "lesions_per_patient", "images_per_lesion", "role", "source", "image_type",
        "dermoscopic_type", "copyright_license", "picture_size", "megapixels", "file_kilobytes",
        "file_format", "jpeg_quality", "brightness", "sharpness", "red", "green", "blue", "ita",
        "ita_tone", "shades", "gaps", "correlation"]


def test_what_a_cohort_does_not_hold_is_left_out_and_said_once():
    frame = clean_frame()[["target", "role", "group_id"]].assign(
        image_type="dermoscopic", sex=pd.Series(dtype=object))
    found = explore(frame, CLASSES, filed(frame)[["pixels_x", "pixels_y"]], measured(frame)[[]])
    assert names_of(found) == ["role", "picture_size", "megapixels", "gaps", "correlation"]
    said = {one.column: one for one in found.left_out}
    assert said["sex"] == LeftOut(title="Sex", column="sex", reason="empty")
    assert said["image_type"] == LeftOut(title="Image type", column="image_type",
                                         reason="constant", value="dermoscopic")
    assert said["ita"].reason == said["file_bytes"].reason == "absent"
    assert said["patient_id"].reason == "absent"


@pytest.mark.parametrize("num_images", [1, 2, 10])
def test_a_handful_of_images_is_enough(num_images: int):
    frame = clean_frame(num_images)
    found = look_at(frame)
    assert found.num_images == num_images
    json.dumps(found.to_dict(), allow_nan=False)


def test_counts_are_of_all_images_and_by_class():
    frame = whole_frame()
    table = table_of(look_at(frame), "anatom_site_special")
    assert table["n_images"].sum() == len(frame)
    is_nail = (frame["anatom_site_special"] == "nail") & (frame["target"] == "Malignant")
    cell = table[(table["value"] == "nail") & (table["class"] == "Malignant")]
    assert cell["n_images"].item() == is_nail.sum()
    assert MISSING in set(table["value"])


def test_roles_and_skin_types_stand_in_their_own_order():
    found = look_at(whole_frame())
    assert list(dict.fromkeys(table_of(found, "role")["value"])) == ["train", "valid", "test"]
    assert list(dict.fromkeys(table_of(found, "fitzpatrick_skin_type")["value"])) == ["I", "IV"]


def test_patients_are_counted_by_how_many_images_they_have():
    frame = clean_frame(10).assign(patient_id=[*"AAAABBC", None, None, None])
    table = table_of(look_at(frame), "images_per_patient")
    first = table.drop_duplicates("value").set_index("value")["n_patients"]
    assert first.to_dict() == {"1": 1, "2": 1, "3 to 4": 1}
    assert table.groupby("value")["n_images"].sum().to_dict() == {"1": 1, "2": 2, "3 to 4": 4}


def test_a_column_of_the_users_own_is_shown_if_it_has_few_values():
    frame = clean_frame(200)
    own = {f"room {number}": np.where(np.arange(200) % 2, "a", "b") for number in range(20)}
    frame = frame.assign(**own, remark=[f"text {number}" for number in range(200)],
                         same="one", weight=np.linspace(0, 1, 200))
    shown = [chart.figure.name for chart in look_at(frame).charts if chart.part == "own"]
    assert shown == [f"room {number}" for number in range(MOST_OWN)]


def test_of_many_classes_the_rarest_are_one():
    frame = clean_frame(300)
    names = tuple(f"class {number}" for number in range(15))
    frame["target"] = np.random.default_rng(0).choice(names, 300)
    found = look_at(frame, names)
    assert len(found.classes) == 8
    assert set(table_of(found, "source")["class"]) == set(found.classes)


def test_the_mean_colour_is_told_by_class_role_and_source():
    frame = clean_frame()
    table = table_of(look_at(frame), "shades")
    assert list(dict.fromkeys(table["column"])) == ["All", "Class", "Role", "Source"]
    means = measured(frame)["red"].groupby(frame["source"]).mean()
    assert table.set_index("value")["red"][means.index].to_numpy() == pytest.approx(means)


def test_gaps_are_told_by_class_and_role():
    frame = clean_frame()
    table = table_of(look_at(frame), "gaps").set_index(["column", "part"])["n_missing"]
    assert table["age_approx", "all"] == frame["age_approx"].isna().sum()
    is_test = frame["role"] == "test"
    assert table["sex", "test role"] == frame.loc[is_test, "sex"].isna().sum()


def test_correlation_spreads_sites_and_names_what_goes_with_a_class():
    frame = whole_frame()
    frame["anatom_site_1"] = np.where(frame["target"] == "Malignant", "Head", "Trunk")
    chart = look_at(frame).charts[-1]
    assert {"site: Head", "site: Trunk", "Age", "Lesion size", "class: Malignant"} <= set(
        chart.figure.table["row"])
    assert chart.figure.description in (
        "What goes most with a class is site: Head, with Malignant: 1.00.",
        "What goes most with a class is site: Trunk, with Malignant: -1.00.")


def test_skin_tones_follow_the_published_bounds():
    ita = pd.Series([56.0, 55.0, 41.5, 30.0, 28.0, 10.0, -29.0, -30.0, np.nan])
    assert name_tones(ita).fillna("none").tolist() == [
        "very light", "light", "light", "intermediate", "tan", "brown", "brown", "dark", "none"]


def test_the_file_holds_every_number_that_is_drawn():
    found = look_at(whole_frame())
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["schema_version"] == 1
    assert [item["name"] for item in written["figures"]] == names_of(found)
    for chart, item in zip(found.charts, written["figures"], strict=True):
        table = pd.DataFrame(item["table"])
        pd.testing.assert_frame_equal(table, chart.figure.frame(), check_dtype=False)


def test_the_order_of_the_rows_changes_nothing():
    frame = whole_frame(120)
    files, measures = filed(frame), measured(frame)
    shuffled = frame.sample(frac=1, random_state=0)
    first = explore(frame, CLASSES, files, measures).to_dict()
    again = explore(shuffled, CLASSES, files.sample(frac=1, random_state=1), measures).to_dict()
    for one, other in zip(first["figures"], again["figures"], strict=True):
        left, right = (pd.DataFrame(item["table"]) for item in (one, other))
        keys = [name for name in left if not pd.api.types.is_float_dtype(left[name])
                and name not in ("low", "high")]
        pd.testing.assert_frame_equal(
            left.sort_values(keys, ignore_index=True), right.sort_values(keys, ignore_index=True))
