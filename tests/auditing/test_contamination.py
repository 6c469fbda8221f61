import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lesionlab.auditing.contamination import TOLERATED, Contamination, measure_contamination

NUM = 400


def judge(is_class: np.ndarray, scores: np.ndarray) -> Contamination:
    ids = pd.Index([f"i{row}" for row in range(len(scores))])
    return measure_contamination(
        pd.Series(expit(scores), index=ids), pd.Series(np.where(is_class, "A", "B"), index=ids),
        pd.Series(ids, index=ids), "A")


def draw(seed: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    is_class = rng.random(NUM) < 0.25
    return is_class, rng.normal(size=NUM) + shift * is_class, rng


@pytest.mark.parametrize("shift", [0, 1, 2, 5])
def test_right_labels_are_clean_however_much_the_score_tells(shift: float):
    p_values = [judge(*draw(seed, shift)[:2]).p_value for seed in range(12)]
    assert sum(p_value < 0.01 for p_value in p_values) == 0


def test_labels_that_were_dealt_anew_lift_the_lower_end():
    found = []
    for seed in range(8):
        is_class, scores, rng = draw(seed, 5)
        rows = rng.permutation(NUM)[:NUM // 3]
        is_class[rows] = rng.permutation(is_class[rows])
        found.append(judge(is_class, scores))
    assert np.median([one.share for one in found]) == pytest.approx(0.25 / 3, abs=0.03)
    assert sum(one.p_value < 0.05 for one in found) >= 6


def test_look_alikes_of_a_rare_class_are_no_contamination():
    is_class, scores, rng = draw(0, 5)
    is_look_alike = ~is_class & (rng.random(NUM) < 0.1)
    assert judge(is_class, scores + 5 * is_look_alike).share < TOLERATED


def test_images_of_one_group_and_label_count_as_one():
    is_class, scores, _ = draw(0, 2)
    once = judge(is_class, scores)
    ids = pd.Index([f"i{row}" for row in range(2 * NUM)])
    twice = measure_contamination(
        pd.Series(np.tile(expit(scores), 2), index=ids),
        pd.Series(np.where(np.tile(is_class, 2), "A", "B"), index=ids),
        pd.Series(np.tile(np.arange(NUM), 2), index=ids), "A")
    assert (twice.share, twice.p_value) == pytest.approx((once.share, once.p_value), abs=1e-3)
