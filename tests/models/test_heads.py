"""Heads are plain arithmetic, whatever made them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.models.heads import BoostedHead, DenseHead, Layer, fold_standardisation, prior_head


class Shares:
    """Answers as a booster does: the second class alone, or all."""

    def __init__(self, shares: np.ndarray) -> None:
        self.shares = shares

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.shares[:len(features)]


@given(st.integers(0, 99))
def test_folding_standard_scores_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(100, 20, (6, 5)).astype(np.float32)
    mean, std = features.mean(axis=0), features.std(axis=0) + 0.01
    weight, bias = rng.normal(size=(5, 3)), rng.normal(size=3)
    layer = fold_standardisation(weight, bias, mean, std)
    expected = ((features - mean) / std) @ weight + bias
    found = DenseHead(members=((layer,),)).logits(features)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert found.dtype == np.float32


def test_a_column_of_infinite_deviation_has_no_weight() -> None:
    layer = fold_standardisation(np.ones((2, 1)), np.zeros(1), np.array([3.0, 5.0]),
                                 np.array([np.inf, 1.0]))
    assert layer.weight.tolist() == [[0.0], [1.0]]
    assert layer.bias.tolist() == [-5.0]


def test_members_are_averaged_and_their_tensors_named() -> None:
    layers = [Layer(np.full((2, 3), k, np.float32), np.zeros(3, np.float32)) for k in (1, 3)]
    head = DenseHead(members=tuple((layer,) for layer in layers))
    np.testing.assert_array_equal(head.logits(np.ones((1, 2), np.float32)), np.full((1, 3), 4.0))
    assert list(head.tensors()) == ["head.0.0.weight", "head.0.0.bias", "head.1.0.weight",
                                    "head.1.0.bias"]


def test_hidden_layers_cut_at_zero() -> None:
    layers = (Layer(np.float32([[1, -1]]), np.float32([0, 0])),
              Layer(np.float32([[1], [10]]), np.float32([0])))
    logits = DenseHead(members=(layers,)).logits(np.float32([[2], [-2]]))
    assert logits.tolist() == [[2.0], [20.0]]


def test_trees_of_two_classes_give_both() -> None:
    head = BoostedHead(booster=Shares(np.array([0.25, 1.0])), num_features=1)
    found = head.logits(np.zeros((2, 1), np.float32))
    np.testing.assert_allclose(np.exp(found), [[0.75, 0.25], [1e-7, 1]], rtol=1e-5)
    assert (found.dtype, head.tensors()) == (np.float32, {})


def test_trees_of_more_classes_give_each() -> None:
    shares = np.array([[0.2, 0.3, 0.5]])
    head = BoostedHead(booster=Shares(shares), num_features=1)
    np.testing.assert_allclose(np.exp(head.logits(np.zeros((1, 1), np.float32))), shares, rtol=1e-5)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=6))
def test_the_prior_is_the_share_of_each_class(counts: list[int]) -> None:
    logits = prior_head(3, np.array(counts)).logits(np.ones((2, 3), np.float32))
    shares = (np.array(counts) + 0.5) / (sum(counts) + 0.5 * len(counts))
    np.testing.assert_allclose(np.exp(logits), [shares, shares], rtol=1e-4)
