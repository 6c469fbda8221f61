"""Values become numbers or text without surprise."""

import numpy as np
import pandas as pd
import pytest

from lesionlab.core.raw_values import as_number, as_text


@pytest.mark.parametrize(("values", "texts"), [
    (pd.Series([True, None, False], dtype="boolean"), ["true", "", "false"]),
    (pd.Series([True, np.nan, pd.NA, None], dtype=object), ["true", "", "", ""]),
    (pd.Series([np.bool_(True)], dtype=object), ["true"]),
    (pd.Series(["x", None, ""], dtype="str"), ["x", "", ""]),
    (pd.Series(pd.Categorical(["b", None])), ["b", ""]),
    (pd.Series([], dtype="boolean"), []),
])
def test_values_become_text(values: pd.Series, texts: list[str]) -> None:
    assert (as_text(values).tolist(), as_text(values).dtype) == (texts, object)


@pytest.mark.parametrize("values", [
    pd.Series([1, None, 3], dtype="Int64"),
    pd.Series([1, "old", 3], dtype=object),
    pd.Series(["1", None, "3"], dtype="str"),
    pd.Series([1, np.inf, 3], dtype="float64"),
    pd.Series([1, pd.NA, 3], dtype=object),
])
def test_values_become_numbers(values: pd.Series) -> None:
    numbers = as_number(values)
    np.testing.assert_array_equal(numbers, np.array([1, np.nan, 3], np.float32))
    assert numbers.dtype == np.float32
