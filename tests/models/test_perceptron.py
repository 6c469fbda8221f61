"""The small network and its steps."""

import numpy as np
import pytest
import torch
from torch import nn

from lesionlab.core.recipe import Recipe
from lesionlab.models.perceptron import (
    build_perceptron,
    build_step,
    find_loss,
    one_thread,
    run_epoch,
)
from lesionlab.recipes import find_recipe


def make_recipe(*settings: str) -> Recipe:
    return find_recipe("metadata_mlp").with_settings(["fit.max_epochs=10", *settings])


def make_rows() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x_ND = torch.randn(50, 3)
    return x_ND, (x_ND[:, 0] > 0).long()


@pytest.mark.parametrize(("hidden", "kinds"), [
    ((), ["Linear"]),
    ((4,), ["Linear", "ReLU", "Dropout", "Linear"]),
    ((4, 5), ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]),
])
def test_a_perceptron_is_affine_layers_with_relu_between(
    hidden: tuple[int, ...], kinds: list[str]
) -> None:
    network = build_perceptron(3, hidden, 2, dropout=0.5)
    assert [type(part).__name__ for part in network] == kinds
    assert network(torch.zeros(7, 3)).shape == (7, 2)


def test_an_epoch_brings_the_loss_down_and_gives_its_mean() -> None:
    rows = make_rows()
    network = build_perceptron(3, (8,), 2, dropout=0.0)
    step = build_step(network, make_recipe("fit.learning_rate=0.01"), 50)
    before = find_loss(network, rows)
    losses = [run_epoch(network, step, rows, 16) for _ in range(10)]
    assert find_loss(network, rows) < before
    assert losses[-1] < losses[0]


def test_dropout_is_off_where_the_loss_is_found() -> None:
    rows = make_rows()
    network = build_perceptron(3, (8,), 2, dropout=0.9)
    network.train()
    assert find_loss(network, rows) == find_loss(network, rows)


@pytest.mark.parametrize(("schedule", "rates"), [
    ("constant", {1e-3}), ("one_cycle", None)])
def test_the_schedule_moves_the_step(schedule: str, rates: set[float] | None) -> None:
    network = build_perceptron(3, (), 2, dropout=0.0)
    recipe = make_recipe(f"fit.schedule={schedule}", "fit.l2=0", "fit.batch_size=25")
    step = build_step(network, recipe, 50)
    layer = network[0]
    assert isinstance(layer, nn.Linear)
    moves = []
    for _ in range(20):
        before = layer.bias.detach().clone()
        step(layer.bias[0] * 1.0)
        moves.append(float((layer.bias.detach() - before).abs().max()))
    if rates:  # the gradient is always 1, so each move is the step itself
        np.testing.assert_allclose(moves, 1e-3, rtol=1e-2)
    else:
        assert 2 <= np.argmax(moves) <= 10
        assert max(moves[0], 100 * moves[-1]) < max(moves)


def test_one_thread_is_given_back_after_an_error() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), one_thread():
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == threads
