"""Each head learns what there is to learn, stops in time and says how it went."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lesionlab.core.recipe import Recipe
from lesionlab.models.heads import DenseHead
from lesionlab.recipes import find_recipe
from lesionlab.training.solving import HeadRows, fit_head

HEADS = ("prevalence", "linear", "mlp", "boosting")


def draw_rows(num_rows: int, num_classes: int = 2, seed: int = 0, noise: float = 0.3) -> HeadRows:
    """Four features, the first of which tells the class."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_rows, 4)).astype(np.float32)
    signal = features[:, 0] + noise * rng.normal(size=num_rows)
    edges = np.quantile(signal, np.linspace(0, 1, num_classes + 1)[1:-1])
    return HeadRows(features=features * [1, 50, 1, 0] + [0, 900, 0, 7],
                    target_index=np.searchsorted(edges, signal))


def make_recipe(head: str, *settings: str) -> Recipe:
    return find_recipe("metadata_linear").with_settings(
        [f"model.head={head}", "fit.max_epochs=40", "fit.learning_rate=0.02", *settings])


def typed(rows: HeadRows) -> HeadRows:
    return HeadRows(features=rows.features.astype(np.float32), target_index=rows.target_index)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_gives_a_logit_a_class_and_learns(head: str, num_classes: int) -> None:
    train, valid = (typed(draw_rows(n, num_classes, seed)) for n, seed in ((600, 1), (300, 2)))
    fitted = fit_head(make_recipe(head), train, valid, num_classes)
    logits = fitted.head.logits(valid.features)
    assert (logits.shape, logits.dtype) == ((300, num_classes), np.float32)
    accuracy = (logits.argmax(axis=1) == valid.target_index).mean()
    assert accuracy > 0.75 if head != "prevalence" else accuracy < 0.6
    assert list(fitted.history) == ["epoch", "member", "train_loss", "valid_loss", "seconds"]


def test_a_linear_head_is_scikit_learns_logistic_regression() -> None:
    train = typed(draw_rows(500, 3))
    fitted = fit_head(make_recipe("linear", "fit.l2=4"), train, train, 3)
    standard = StandardScaler()
    pipeline = make_pipeline(standard, LogisticRegression(C=0.25, max_iter=2000, tol=1e-5))
    expected = pipeline.fit(train.features, train.target_index).predict_proba(train.features)
    found = softmax(fitted.head.logits(train.features), axis=1)
    np.testing.assert_allclose(found, expected, atol=0.01)  # STD_FLOOR is what differs


def test_more_penalty_gives_smaller_weights() -> None:
    train = typed(draw_rows(500))
    sizes = []
    for l2 in (0, 1, 1000):
        head = fit_head(make_recipe("linear", f"fit.l2={l2}"), train, train, 2).head
        sizes.append(np.abs(head.tensors()["head.0.0.weight"][0]).max())
    assert sizes[0] >= sizes[1] > 3 * sizes[2]


@pytest.mark.parametrize("head", HEADS)
def test_what_was_constant_in_training_moves_no_answer(head: str) -> None:
    train = typed(draw_rows(200))
    new = train.features.copy()
    new[:, 3] = 8
    fitted = fit_head(make_recipe(head), train, train, 2).head
    np.testing.assert_array_equal(fitted.logits(new), fitted.logits(train.features))


def test_the_epoch_of_the_lowest_validation_loss_is_kept() -> None:
    train, valid = typed(draw_rows(60, noise=3)), typed(draw_rows(60, seed=9, noise=3))
    recipe = make_recipe("mlp", "fit.max_epochs=200", "fit.patience=8", "fit.learning_rate=0.05",
                         "fit.l2=0")
    fitted = fit_head(recipe, train, valid, 2)
    losses = fitted.history["valid_loss"].to_numpy()
    assert len(losses) == losses.argmin() + 1 + 8 < 200
    shares = softmax(fitted.head.logits(valid.features), axis=1)
    loss = -np.log(shares[np.arange(60), valid.target_index]).mean()
    assert loss == pytest.approx(losses.min(), abs=1e-4)


def test_boosting_stops_early_at_its_best_round() -> None:
    train, valid = typed(draw_rows(200, noise=3)), typed(draw_rows(100, seed=9, noise=3))
    recipe = make_recipe("boosting", "fit.max_epochs=300", "fit.patience=10",
                         "fit.learning_rate=0.2")
    fitted = fit_head(recipe, train, valid, 2)
    losses = fitted.history["valid_loss"].to_numpy()
    assert len(losses) == losses.argmin() + 1 + 10 < 300
    shares = softmax(fitted.head.logits(valid.features), axis=1)
    loss = -np.log(shares[np.arange(100), valid.target_index]).mean()
    assert loss == pytest.approx(losses.min(), abs=1e-4)


def test_members_differ_and_are_averaged() -> None:
    train = typed(draw_rows(200))
    recipe = make_recipe("mlp", "model.num_members=3", "fit.max_epochs=4")
    fitted = fit_head(recipe, train, train, 2)
    assert fitted.history.groupby("member")["epoch"].max().tolist() == [4, 4, 4]
    head = fitted.head
    assert isinstance(head, DenseHead)
    singles = [DenseHead(members=(member,)).logits(train.features) for member in head.members]
    np.testing.assert_allclose(head.logits(train.features), np.mean(singles, axis=0), atol=1e-5)
    assert np.abs(singles[0] - singles[1]).max() > 1e-3


def test_an_mlp_without_hidden_layers_is_one_layer() -> None:
    train = typed(draw_rows(200))
    head = fit_head(make_recipe("mlp", "model.hidden_units="), train, train, 2).head
    assert set(head.tensors()) == {"head.0.0.weight", "head.0.0.bias"}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("absent", [0, 2])
def test_a_class_without_a_row_keeps_its_place(head: str, absent: int) -> None:
    train, valid = typed(draw_rows(300, 3)), typed(draw_rows(100, 3, seed=4))
    seen = train.target_index != absent
    train = HeadRows(features=train.features[seen], target_index=train.target_index[seen])
    fitted = fit_head(make_recipe(head), train, valid, 3)
    shares = softmax(fitted.head.logits(valid.features), axis=1)
    assert shares.shape == (100, 3)
    assert shares[:, absent].mean() < 0.2
    assert np.isfinite(fitted.history.to_numpy(float)).all()


def test_fitting_leaves_torch_as_it_was() -> None:
    train = typed(draw_rows(50))
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    fit_head(make_recipe("mlp", "fit.max_epochs=2"), train, train, 2)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("head", ["mlp", "boosting", "linear"])
def test_the_number_of_threads_changes_nothing(head: str) -> None:
    train = typed(draw_rows(300))
    threads = torch.get_num_threads()
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(fit_head(make_recipe(head), train, train, 2).head.logits(train.features))
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)
