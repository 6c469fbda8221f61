"""What is trained on is as the recipe says, what it cannot give is noted, and Bayes mends it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from factories import clean_frame, make_prepared
from lesionlab.core.recipe import Recipe
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.recipes import find_recipe
from lesionlab.training.sampling import (
    draw_epoch,
    find_class_weights,
    find_logit_shift,
    find_prior,
    find_targets,
    find_trained_prior,
    sample_rows,
)

CLASSES = ("Benign", "Malignant", "Unseen")

shares = arrays(np.float64, 3, elements=st.floats(0.01, 1))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """240 training images, of which 60 are malignant; 80 valid, of which 20 are; one class more."""
    frame = clean_frame(400)
    for role, number in (("train", 60), ("valid", 20)):
        ids = frame.index[frame["role"] == role]
        frame.loc[ids, "target"] = "Benign"
        frame.loc[ids[:number], "target"] = "Malignant"
    return make_prepared(tmp_path_factory.mktemp("sampling"), frame, classes=CLASSES)


def make_recipe(*settings: str) -> Recipe:
    return find_recipe("finetuned").with_settings(["fit.class_weight_power=0", *settings])


@pytest.mark.parametrize(("role", "number"), [("train", 240), ("valid", 80)])
def test_all_images_of_a_role_are_used_unless_the_recipe_says_otherwise(
    data: PreparedData, role: Role, number: int
) -> None:
    sampled = sample_rows(data, make_recipe(), role)
    assert list(sampled.rows.index) == list(data.rows(role).index)
    assert (len(sampled.rows), sampled.notes) == (number, ())


def test_targets_belong_to_their_rows(data: PreparedData) -> None:
    sampled = sample_rows(data, make_recipe("sample.train_per_class=9"), "train")
    assert [CLASSES[k] for k in sampled.target_index] == list(sampled.rows["target"])
    assert sampled.target_index.dtype == np.int64
    np.testing.assert_array_equal(find_targets(sampled.rows, CLASSES), sampled.target_index)


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(0, 9))
def test_as_many_of_each_class_are_drawn_as_wanted(
    data: PreparedData, number: int, seed: int
) -> None:
    recipe = make_recipe(f"sample.train_per_class={number}", f"seed={seed}")
    sampled = sample_rows(data, recipe, "train")
    assert np.bincount(sampled.target_index, minlength=3).tolist() == [number, number, 0]
    assert sampled.notes == ()
    assert sampled.rows.index.is_monotonic_increasing
    assert sampled.rows.index.is_unique
    assert set(sampled.rows["role"]) == {"train"}


@pytest.mark.parametrize(("setting", "role", "counts", "note"), [
    ("sample.train_per_class=4000", "train", [60, 60, 0],
     ("sample.train_per_class is 4,000, and class Malignant has 60 images in the train role: "
      "60 of each class are used")),
    ("sample.valid_per_class=21", "valid", [20, 20, 0],
     ("sample.valid_per_class is 21, and class Malignant has 20 images in the valid role: "
      "20 of each class are used")),
    ("sample.train_images=8000", "train", [180, 60, 0],
     "sample.train_images is 8,000, and the train role has 240: all are used"),
    ("sample.valid_images=2000", "valid", [60, 20, 0],
     "sample.valid_images is 2,000, and the valid role has 80: all are used"),
])
def test_a_number_that_the_role_cannot_fill_is_reduced_and_noted(
    data: PreparedData, setting: str, role: Role, counts: list[int], note: str
) -> None:
    sampled = sample_rows(data, make_recipe(setting), role)
    assert np.bincount(sampled.target_index, minlength=3).tolist() == counts
    assert sampled.notes == (note,)


def test_a_balanced_training_leaves_the_valid_prevalence_as_it_is(data: PreparedData) -> None:
    sampled = sample_rows(data, make_recipe("sample.train_per_class=9"), "valid")
    assert np.bincount(sampled.target_index).tolist() == [60, 20]


def test_a_number_of_images_is_drawn_at_the_prevalence(data: PreparedData) -> None:
    prevalences = []
    for seed in range(40):
        recipe = make_recipe("sample.valid_images=40", f"seed={seed}")
        sampled = sample_rows(data, recipe, "valid")
        assert len(sampled.rows) == 40
        prevalences.append((sampled.target_index == 1).mean())
    assert np.mean(prevalences) == pytest.approx(0.25, abs=0.03)
    assert len(set(prevalences)) > 3


@pytest.mark.parametrize("setting", ["sample.train_per_class", "sample.train_images"])
def test_a_larger_sample_holds_the_smaller(data: PreparedData, setting: str) -> None:
    ids = [set(sample_rows(data, make_recipe(f"{setting}={number}", f"seed={seed}"), "train")
               .rows.index) for number, seed in ((10, 0), (20, 0), (10, 1))]
    assert ids[0] < ids[1]
    assert ids[0] != ids[2]


def test_a_prior_counts_half_an_image_more_of_each_class() -> None:
    found = find_prior(np.array([0, 0, 1]), 3)
    np.testing.assert_allclose(found, np.array([2.5, 1.5, 0.5]) / 4.5)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=50), st.floats(0, 1))
def test_class_weights_are_one_on_average(targets: list[int], power: float) -> None:
    index = np.array(targets)
    weights = find_class_weights(make_recipe(f"fit.class_weight_power={power}"), index, 3)
    prior = find_prior(index, 3)
    assert (weights * prior).sum() == pytest.approx(1)
    np.testing.assert_allclose(weights / weights[0], (prior / prior[0]) ** -power)


@pytest.mark.parametrize(("settings", "expected"), [
    ([], [6.5 / 10, 3.5 / 10]),
    (["fit.class_weight_power=1"], [0.5, 0.5]),
    (["fit.class_weight_power=0.5"],
     [np.sqrt(6.5) / (np.sqrt(6.5) + np.sqrt(3.5)), np.sqrt(3.5) / (np.sqrt(6.5) + np.sqrt(3.5))]),
    (["fit.sampler=balanced"], [0.5, 0.5]),
])
def test_the_prior_of_training_is_what_the_loss_sees(
    settings: list[str], expected: list[float]
) -> None:
    index = np.array([0] * 6 + [1] * 3)
    np.testing.assert_allclose(find_trained_prior(make_recipe(*settings), index, 2), expected)


def test_a_class_that_is_never_drawn_is_as_good_as_unknown() -> None:
    found = find_trained_prior(make_recipe("fit.sampler=balanced"), np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(found, [0.5, 5e-7, 0.5], rtol=1e-5)


@given(shares, shares, shares)
def test_shifted_logits_are_bayes_rule_by_hand(
    likelihood: np.ndarray, trained: np.ndarray, natural: np.ndarray
) -> None:
    trained, natural = trained / trained.sum(), natural / natural.sum()
    learned = likelihood * trained / (likelihood * trained).sum()
    expected = likelihood * natural / (likelihood * natural).sum()
    shift = find_logit_shift(trained, natural)
    shifted = np.exp(np.log(learned) + shift)
    np.testing.assert_allclose(shifted / shifted.sum(), expected)
    assert shift.mean() == pytest.approx(0, abs=1e-12)


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_an_image_goes_through_its_views_equally_often(
    number: int, num_epochs: int, seed: int
) -> None:
    num_views = number * num_epochs
    recipe = make_recipe(f"image.num_views={num_views}", f"image.views_per_epoch={number}",
                         f"seed={seed}")
    targets = np.zeros(7, np.int64)
    offsets = np.random.default_rng(seed).integers(num_views, size=7)
    seen = []
    for epoch in range(1, num_epochs + 1):
        rows, views = draw_epoch(recipe, targets, epoch, offsets)
        assert np.bincount(rows).tolist() == [number] * 7
        seen += list(zip(rows.tolist(), views.tolist(), strict=True))
    assert sorted(seen) == [(row, view) for row in range(7) for view in range(num_views)]


def test_the_order_is_another_in_each_epoch_and_follows_from_the_seed() -> None:
    def draw(seed: int, epoch: int) -> list[int]:
        rows, _ = draw_epoch(make_recipe(f"seed={seed}"), np.zeros(50, np.int64), epoch,
                             np.zeros(50, np.int64))
        return rows.tolist()

    assert draw(0, 1) == draw(0, 1)
    orders = [draw(0, 1), draw(0, 2), draw(1, 1), list(range(50))]
    assert len({tuple(order) for order in orders}) == 4


def test_the_balanced_sampler_draws_as_often_from_each_class() -> None:
    targets = np.array([0] * 900 + [2] * 100)  # and none of class 1
    recipe = make_recipe("fit.sampler=balanced", "image.num_views=1", "image.views_per_epoch=1")
    rows, views = draw_epoch(recipe, targets, 1, np.zeros(1000, np.int64))
    assert len(rows) == 1000
    assert (targets[rows] == 2).mean() == pytest.approx(0.5, abs=0.05)
    assert not views.any()
    counts = np.bincount(rows, minlength=1000)
    assert counts[:900].mean() < counts[900:].mean()
    assert len(np.unique(rows[targets[rows] == 2])) > 90


@pytest.mark.parametrize("number", [1, 2])
def test_an_image_that_is_drawn_again_shows_other_views(number: int) -> None:
    targets = np.array([0] * 40 + [1] * 8)
    recipe = make_recipe("fit.sampler=balanced", "image.num_views=40",
                         f"image.views_per_epoch={number}")
    rows, views = draw_epoch(recipe, targets, 3, np.arange(48) % 40)
    pairs = set(zip(rows.tolist(), views.tolist(), strict=True))
    assert np.bincount(rows).max() > number
    assert len(pairs) == len(rows) == 48 * number
