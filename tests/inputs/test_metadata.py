"""The encoder knows the train role alone, and each feature says what it means."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.errors import InputError, RecipeError
from lesionlab.inputs.metadata import MetadataEncoder

COLUMNS = ("age_approx", "sex", "anatom_site_1", "personal_hx_mm", "clin_size_long_diam_mm")
rows = st.lists(st.tuples(
    st.none() | st.integers(0, 85).map(float), st.sampled_from(["male", "female", None]),
    st.sampled_from(["Trunk", "missing", "Foot", None]), st.sampled_from([True, False, None]),
), max_size=10)


def make_frame(items: list[tuple]) -> pd.DataFrame:
    age, sex, site, history = zip(*items, strict=True) if items else ((), (), (), ())
    return pd.DataFrame({
        "age_approx": pd.Series(age, dtype="float64"), "sex": pd.Series(sex, dtype="str"),
        "anatom_site_1": pd.Series(site, dtype="str"),
        "personal_hx_mm": pd.Series(history, dtype="boolean"),
        "clin_size_long_diam_mm": pd.Series([None] * len(items), dtype="float64"),
        "role": pd.Series(["train"] * len(items), dtype="str")})


@given(rows.filter(bool), rows)
def test_every_row_is_encoded_and_the_state_round_trips(train: list, other: list) -> None:
    encoder = MetadataEncoder.fit(make_frame(train), COLUMNS)
    again = MetadataEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    assert again.digest == encoder.digest
    features = encoder.encode(make_frame(other))
    assert features.shape == (len(other), len(encoder.feature_names))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(again.encode(make_frame(other)), features)
    assert {*encoder.columns, *encoder.unused} == set(COLUMNS)


@given(rows.filter(bool), rows.filter(bool))
def test_a_row_is_encoded_the_same_whatever_stands_beside_it(train: list, other: list) -> None:
    encoder = MetadataEncoder.fit(make_frame(train), COLUMNS)
    np.testing.assert_array_equal(encoder.encode(make_frame(other))[:1],
                                  encoder.encode(make_frame(other[:1])))


TRAIN = make_frame([(20.0, "male", "Trunk", True), (40.0, None, "Foot", None),
                    (None, "female", None, False)])


def encode(**values: object) -> dict[str, float]:
    encoder = MetadataEncoder.fit(TRAIN, COLUMNS)
    features = encoder.encode(pd.DataFrame({name: [value] for name, value in values.items()},
                                           index=["a"]))
    return dict(zip(encoder.feature_names, features[0].tolist(), strict=True))


def list_ones(features: dict[str, float]) -> list[str]:
    return [name for name, value in features.items() if value == 1]


def test_a_known_row_has_one_feature_a_column() -> None:
    features = encode(age_approx=30.0, sex="male", anatom_site_1="Foot", personal_hx_mm=True)
    assert list_ones(features) == ["sex=male", "anatom_site_1=Foot", "personal_hx_mm=true"]
    assert features["age_approx"] == 0


def test_missing_unseen_and_absent_are_told_apart() -> None:
    features = encode(age_approx=None, sex=None, anatom_site_1="Hand")
    assert list_ones(features) == ["age_approx=missing", "sex=missing", "anatom_site_1=unseen",
                                   "personal_hx_mm=missing"]


def test_an_infinite_number_counts_as_missing() -> None:
    assert encode(age_approx=float("inf"))["age_approx=missing"] == 1


def test_a_column_without_train_values_is_named_not_used() -> None:
    frame = TRAIN.assign(image_type=["", None, ""])
    encoder = MetadataEncoder.fit(
        frame, ["sex", "image_type", "clin_size_long_diam_mm", "dermoscopic_type"])
    assert encoder.columns == ("sex",)
    assert encoder.unused == ("image_type", "clin_size_long_diam_mm", "dermoscopic_type")


def test_numbers_that_are_all_alike_are_not_blown_up() -> None:
    frame = pd.DataFrame({"clin_size_long_diam_mm": [0.1] * 3})
    encoder = MetadataEncoder.fit(frame, ["clin_size_long_diam_mm"])
    other = pd.DataFrame({"clin_size_long_diam_mm": [1.1]})
    assert encoder.encode(other).tolist() == [[pytest.approx(1), 0]]


@pytest.mark.parametrize(("roles", "got"), [
    (["train", "valid", "test"], "rows of test, train, valid"), (["test"] * 3, "rows of test"),
    (["train", "train", None], "rows of no role, train"), ([], "no rows")])
def test_rows_of_another_role_are_refused(roles: list, got: str) -> None:
    frame = TRAIN.head(len(roles)).assign(role=pd.Series(roles, dtype="str"))
    with pytest.raises(InputError) as error:
        MetadataEncoder.fit(frame, ["sex"])
    assert str(error.value) == (
        f"the metadata encoder is fitted on the train role alone; got {got}")


def test_columns_that_give_the_answer_away_are_refused() -> None:
    columns = ["sex", "patient_id", "diagnosis_confirm_type", "attribution", "dx_type", "weather"]
    with pytest.raises(RecipeError) as error:
        MetadataEncoder.fit(TRAIN, columns)
    assert str(error.value) == (
        "these columns cannot be features:\n"
        "  - 'patient_id': it names an image, lesion or patient; a model would learn them by "
        "heart\n"
        "  - 'diagnosis_confirm_type': it is known only because of the diagnosis\n"
        "  - 'attribution': it tells where the image comes from, not what it shows\n"
        "  - 'dx_type': it is known only because of the diagnosis\n"
        "  - 'weather': it is not a known input column")


def test_a_state_of_another_format_is_refused() -> None:
    with pytest.raises(InputError) as error:
        MetadataEncoder.from_dict({"format_version": 9})
    assert str(error.value) == "metadata encoder of format 9; this version reads 1"
