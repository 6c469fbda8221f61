"""Columns of a table as the raw values that a model takes."""

from __future__ import annotations

import numpy as np
import pandas as pd


def as_number(values: pd.Series) -> np.ndarray:
    """(N,) float32: each value as a number, NaN where it is missing, infinite or none."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float32, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.float32(np.nan))


def as_text(values: pd.Series) -> np.ndarray:
    """(N,) object of str: each value as text, booleans as `true` and `false`, missing as empty."""
    texts = [("true" if value else "false") if isinstance(value, (bool, np.bool_)) else str(value)
             for value in values.astype(object).where(values.notna(), "")]
    return np.array(texts, dtype=object)
