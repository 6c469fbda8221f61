from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looking import imagine, look

from factories import clean_frame, make_prepared
from lesionlab.auditing.strangers import measure_strangeness


def test_a_few_strangers_that_are_alike_are_found_and_nobody_else(tmp_path: Path):
    frame = clean_frame()
    features = imagine(frame)
    strange = frame.index[[3, 77, 200, 399]]
    features.loc[strange] += 40
    finding = look("LL206", make_prepared(tmp_path, frame), {"whole": features})
    assert (finding.section, finding.isic_ids) == ("tip", tuple(strange))
    assert finding.explanation == (
        "4 of 400 pictures (1.0 %) are unlike all others; look at them, and leave out what is no "
        "picture of a lesion.")


@pytest.mark.parametrize("seed", range(5))
def test_pictures_of_one_kind_pass(tmp_path: Path, seed: int):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    assert look("LL206", data, {"whole": imagine(frame, seed=seed)}).section == "passed"


def test_few_pictures_and_none_seen_say_nothing(tmp_path: Path):
    frame = clean_frame(num_images=20)
    data = make_prepared(tmp_path, frame)
    assert look("LL206", data, {"whole": imagine(frame)}).explanation == (
        "There are fewer than 50 pictures to compare with.")
    assert look("LL206", data).explanation == "The extra 'train' is not here."


def test_strangeness_does_not_depend_on_the_scale_of_features():
    features = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    one, other = measure_strangeness(features), measure_strangeness(8 * features)
    assert pd.Series(one).corr(pd.Series(other)) > 0.999
