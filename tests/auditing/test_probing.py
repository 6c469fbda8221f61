import numpy as np
import pandas as pd
import pytest

from lesionlab.auditing.probing import MOST_IMAGES, choose_rows, probe, score_out_of_fold


def make_rows(num_groups: int = 120, of_each: int = 2, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"g{number}" for number in range(num_groups)], of_each)
    targets = np.repeat(rng.choice(["Benign", "Malignant"], num_groups), of_each)
    return pd.DataFrame({"group_id": groups, "target": targets},
                        index=[f"i{number}" for number in range(len(groups))])


@pytest.mark.parametrize("kind", ["features", "columns"])
def test_what_tells_the_label_is_found_and_noise_is_not(kind):
    rows = make_rows()
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(len(rows), 8)).astype(np.float32)
    telling = noise.copy()
    telling[:, 3] += 4 * (rows["target"] == "Malignant")
    found = probe(rows, telling, kind=kind, classes=("Benign", "Malignant"))
    assert [one.class_name for one in found] == ["Malignant"]
    assert found[0].low > 0.9


@pytest.mark.parametrize("kind", ["features", "columns"])
def test_on_noise_the_interval_holds_a_half_in_nearly_all_of_20_draws(kind):
    missed = 0
    for seed in range(20):
        rows = make_rows(seed=seed)
        noise = np.random.default_rng([seed, 1]).normal(size=(len(rows), 4)).astype(np.float32)
        [found] = probe(rows, noise, kind=kind, classes=("Benign", "Malignant"))
        missed += not found.low < 0.5 < found.high
    assert missed <= 1


def test_what_tells_the_group_tells_nothing_of_another_group():
    """Features that name the group would give a probe that sees its own group a perfect score."""
    rows = make_rows(of_each=4)
    names = pd.factorize(rows["group_id"])[0]
    values = np.random.default_rng(0).normal(size=(120, 64))[names].astype(np.float32)
    [found] = probe(rows, values, kind="features", classes=("Benign", "Malignant"))
    assert found.low < 0.5


def test_scores_stand_at_their_ids_whatever_the_order_of_rows():
    rows = make_rows()
    values = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)
    values[:, 0] += 4 * (rows["target"] == "Malignant")
    scores = score_out_of_fold(values, rows["target"], rows["group_id"], kind="columns")
    assert scores is not None
    assert scores.index.equals(rows.index)
    assert scores.sum(axis=1).to_numpy() == pytest.approx(1)
    mean = scores["Malignant"].groupby(rows["target"]).mean()
    assert mean["Malignant"] > mean["Benign"] + 0.5


def test_a_class_of_few_groups_is_left_out():
    rows = make_rows()
    rows.loc[rows["group_id"].isin(["g0", "g1", "g2"]), "target"] = "Rare"
    values = np.ones((len(rows), 2), np.float32)
    scores = score_out_of_fold(values, rows["target"], rows["group_id"], kind="columns")
    assert scores is not None
    assert list(scores.columns) == ["Benign", "Malignant"]
    assert scores[rows["target"] == "Rare"].isna().all(axis=None)
    one_class = rows["target"].replace({"Malignant": "Rare"})
    few = score_out_of_fold(values, one_class.where(one_class != "Rare", "Benign"),
                            rows["group_id"], kind="columns")
    assert few is None


def test_whole_groups_are_chosen_where_there_are_too_many_images():
    rows = make_rows(num_groups=MOST_IMAGES, of_each=3)
    chosen = choose_rows(rows)
    assert MOST_IMAGES - 3 <= len(chosen) <= MOST_IMAGES
    assert (chosen.groupby("group_id").size() == 3).all()
    assert choose_rows(rows.iloc[:30]).equals(rows.iloc[:30])
