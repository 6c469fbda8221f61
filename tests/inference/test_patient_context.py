"""An image is set beside its patient's other images, and beside nobody else's."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import LocalOutlierFactor

from lesionlab.core.errors import InputError
from lesionlab.inference.patient_context import (
    MAX_OUTLIER_FACTOR,
    add_patient_context,
    list_context_columns,
)

CONTEXT = ("p_z_in_patient", "p_rank_in_patient", "p_minus_patient_mean", "p_minus_patient_max",
           "log_num_images_of_patient", "outlier_factor_in_patient")
FACTOR, COUNT = CONTEXT[5], CONTEXT[4]


def index_of(num_images: int) -> pd.Index:
    return pd.Index([f"ISIC_{k:07d}" for k in range(num_images)], name="isic_id")


def table(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"p": values}, index=index_of(len(values)))


def series(patients: list[str | None]) -> pd.Series:
    return pd.Series(patients, index=index_of(len(patients)), dtype=object)


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    """Scores with ties, of a few patients, some unknown."""
    rows = draw(st.lists(st.tuples(
        st.one_of(st.sampled_from([0.0, 0.1, 0.7]), st.floats(0, 1)), st.floats(-20, 20),
        st.sampled_from(["A", "B", "C", None, ""])), max_size=40))
    scores = pd.DataFrame([row[:2] for row in rows], columns=["p", "logit"],
                          index=index_of(len(rows)), dtype=float)
    return scores, series([row[2] for row in rows])


def test_the_columns_are_those_of_each_score_then_those_of_all() -> None:
    assert list_context_columns(["p"]) == CONTEXT
    two = list_context_columns(["a", "b"])
    assert two == (*(name.replace("p_", "a_", 1) for name in CONTEXT[:4]),
                   *(name.replace("p_", "b_", 1) for name in CONTEXT[:4]), *CONTEXT[4:])
    scores = pd.DataFrame({"a": [0.5], "b": [0.5]}, index=index_of(1))
    assert tuple(add_patient_context(scores, series(["A"]))) == ("a", "b", *two)


def test_the_features_are_those_of_their_definition() -> None:
    found = add_patient_context(table([0.1, 0.2, 0.6, 0.5]), series(["A", "A", "A", "B"]))
    values = np.array([0.1, 0.2, 0.6])
    expected = np.stack([(values - 0.3) / values.std(), [1 / 3, 2 / 3, 1], values - 0.3,
                         values - 0.6, np.full(3, np.log(3))], axis=1)
    np.testing.assert_allclose(found.loc[index_of(3), [*CONTEXT[:5]]], expected, atol=1e-12)


def test_the_outlier_factor_is_that_of_scikit_learn() -> None:
    values = np.random.default_rng(0).random(50)
    found = add_patient_context(table([*values]), series(["A"] * 50))
    standard = ((values - values.mean()) / values.std())[:, None]
    factor = -LocalOutlierFactor(n_neighbors=20).fit(standard).negative_outlier_factor_
    np.testing.assert_allclose(found[FACTOR], factor, rtol=1e-9)


def test_an_ugly_duckling_stands_out() -> None:
    found = add_patient_context(table([*np.linspace(0.1, 0.2, 30), 0.9]), series(["A"] * 31))
    assert found[FACTOR].idxmax() == found.index[-1]
    assert found[FACTOR].iloc[-1] > 5


def test_the_outlier_factor_looks_at_measures_too() -> None:
    scores, patients = table([*np.linspace(0.1, 0.2, 31)]), series(["A"] * 31)
    sizes = pd.DataFrame({"p": [np.nan, np.inf, *[2.0] * 28, 40.0]}, index=scores.index)
    found = add_patient_context(scores, patients, measures=sizes)
    alone = add_patient_context(scores, patients)
    assert found[FACTOR].idxmax() == found.index[-1]
    assert found[FACTOR].iloc[-1] > alone[FACTOR].iloc[-1] + 0.5
    pd.testing.assert_frame_equal(found.drop(columns=FACTOR), alone.drop(columns=FACTOR))


def test_measures_without_a_value_change_nothing() -> None:
    scores, patients = table([0.1, 0.2, 0.3, 0.9]), series(["A"] * 4)
    empty = pd.DataFrame({"size": pd.array([None] * 4, "Float64")}, index=scores.index)
    for measures in (empty, empty.iloc[:0]):
        pd.testing.assert_frame_equal(
            add_patient_context(scores, patients, measures=measures),
            add_patient_context(scores, patients))


def test_few_images_give_what_they_can() -> None:
    found = add_patient_context(table([0.5, 0.1, 0.2]), series(["one", "two", "two"]))
    assert found[[*CONTEXT[:4], FACTOR]].iloc[0].isna().all()
    assert found[COUNT].tolist() == [0.0, np.log(2), np.log(2)]
    assert found[[*CONTEXT[:4]]].iloc[1:].notna().all(axis=None)
    assert found[FACTOR].isna().all()


@pytest.mark.parametrize("unknown", [None, "", np.nan, pd.NA])
def test_an_image_of_nobody_has_no_context_and_gives_none(unknown: object) -> None:
    patients = series(["A", "A", "A", unknown, unknown, unknown])  # type: ignore[list-item]
    found = add_patient_context(table([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), patients)
    assert found[[*CONTEXT]].iloc[3:].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        found.iloc[:3], add_patient_context(table([0.1, 0.2, 0.3]), patients.iloc[:3]))
    nobody = add_patient_context(table([0.1]), series([]))
    assert nobody[[*CONTEXT]].isna().all(axis=None)


def test_an_image_without_a_score_counts_for_nobody() -> None:
    found = add_patient_context(table([0.1, 0.2, np.nan, np.inf]), series(["A"] * 4))
    assert found[COUNT].iloc[:2].tolist() == [np.log(2)] * 2
    assert found[[*CONTEXT]].iloc[2:].isna().all(axis=None)


def test_equal_scores_share_their_rank_and_stand_nowhere() -> None:
    found = add_patient_context(table([0.1] * 7), series(["A"] * 7))
    assert found[[*CONTEXT]].drop_duplicates().to_numpy().tolist() == [
        [0, 4 / 7, 0, 0, np.log(7), 1]]


def test_a_point_beside_equal_ones_has_a_limited_factor() -> None:
    found = add_patient_context(table([0.1] * 30 + [0.2]), series(["A"] * 31))
    assert found[FACTOR].max() == MAX_OUTLIER_FACTOR


@given(cohort=cohorts(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    cohort: tuple[pd.DataFrame, pd.Series], seed: int
) -> None:
    scores, patients = cohort
    found = add_patient_context(scores, patients)
    mixed = add_patient_context(scores.sample(frac=1, random_state=seed),
                                patients.sample(frac=1, random_state=seed + 1))
    pd.testing.assert_frame_equal(mixed.loc[found.index], found, check_exact=True)


@given(cohort=cohorts())
def test_other_patients_do_not_matter(cohort: tuple[pd.DataFrame, pd.Series]) -> None:
    scores, patients = cohort
    found = add_patient_context(scores, patients)
    for name in ("A", "B"):
        own = patients.index[patients == name]
        alone = add_patient_context(scores.loc[own], patients)
        pd.testing.assert_frame_equal(found.loc[own], alone, check_exact=True)


@given(cohort=cohorts())
def test_features_keep_to_their_range(cohort: tuple[pd.DataFrame, pd.Series]) -> None:
    found = add_patient_context(*cohort)
    pd.testing.assert_frame_equal(found[["p", "logit"]], cohort[0])
    assert (found.dtypes == np.float64).all()
    for score in ("p", "logit"):
        rank = found[f"{score}_rank_in_patient"].dropna()
        assert ((rank > 0) & (rank <= 1)).all()
        assert (found[f"{score}_minus_patient_max"].dropna() <= 0).all()
    factor = found[FACTOR].dropna()
    assert ((factor > 0) & (factor <= MAX_OUTLIER_FACTOR)).all()


@pytest.mark.parametrize("name", ["scores", "patients", "measures"])
def test_an_id_in_two_rows_is_named(name: str) -> None:
    tables = {"scores": table([0.1, 0.2]), "patients": series(["A", "B"]),
              "measures": table([1.0, 2.0])}
    tables[name] = tables[name].set_axis(["x", "x"])
    with pytest.raises(InputError) as error:
        add_patient_context(tables["scores"], tables["patients"], measures=tables["measures"])
    assert str(error.value) == f"{name}: 1 ids stand in more than one row: x; keep one row an id"
