"""Training is in what the recipe allows and a trial finds fastest, the same each time."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lesionlab.core import artifacts
from lesionlab.models.networks import Network, build_network
from lesionlab.recipes import find_recipe
from lesionlab.training import arithmetic
from lesionlab.training.arithmetic import CHOICES, Arithmetic, choose_arithmetic, time_step

torch.set_num_threads(1)

PLAIN, CHANNELS_LAST, HALF = CHOICES
MAPS, METADATA = torch.rand(2, 32, 8, 8), torch.zeros(2, 0)
SETTINGS = ["image.size_px=32", "model.backbone=test_resnet", "model.num_frozen_stages=0"]


class Clock:
    """Stands in for `time_step`: says the seconds it was given, and counts how often."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = dict(zip(CHOICES, seconds, strict=True))
        self.asked: list[Arithmetic] = []

    def __call__(
        self, network: Network, choice: Arithmetic, x: Tensor, metadata: Tensor, start: int
    ) -> float:
        self.asked.append(choice)
        return self.seconds[choice]


@pytest.fixture(scope="module")
def network() -> Network:
    recipe = find_recipe("finetuned").with_settings([*SETTINGS, "model.weights=random"])
    return build_network(recipe, 0, 2).network


def choose(
    network: Network, cache: Path, precision: str = "auto", x: Tensor = MAPS, start: int = 1
) -> tuple[Arithmetic, dict[str, float]]:
    recipe = find_recipe("finetuned").with_settings([*SETTINGS, f"fit.precision={precision}"])
    return choose_arithmetic(network, recipe, x, METADATA, start, cache, 1e9)


@pytest.mark.parametrize(("seconds", "expected"), [
    ((1.0, 0.5, 0.4), HALF), ((1.0, 0.4, 0.5), CHANNELS_LAST), ((1.0, 2.0, 3.0), PLAIN),
    ((1.0, 0.95, 0.95), PLAIN),  # too little to be more than noise
])
def test_the_fastest_is_chosen_where_it_is_clearly_faster(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    seconds: tuple[float, float, float], expected: Arithmetic,
) -> None:
    monkeypatch.setattr(arithmetic, "time_step", Clock(*seconds))
    assert choose(network, tmp_path) == (expected, dict(zip(
        ("float32", "float32 channels_last", "bfloat16 channels_last"), seconds, strict=True)))


def test_nothing_but_what_the_recipe_allows_is_tried(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(1.0, 0.5, 0.1)
    monkeypatch.setattr(arithmetic, "time_step", clock)
    assert choose(network, tmp_path, "float32")[0] == CHANNELS_LAST
    assert clock.asked == [PLAIN, CHANNELS_LAST]
    clock.asked.clear()
    assert choose(network, tmp_path, "bfloat16")[0] == HALF
    assert clock.asked == [HALF]


def test_what_was_tried_is_found_again_without_a_trial(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(1.0, 0.5, 0.1)
    monkeypatch.setattr(arithmetic, "time_step", clock)
    first = choose(network, tmp_path)
    [path] = (tmp_path / "trials").iterdir()
    assert artifacts.read_json(path)["seconds"] == [1.0, 0.5, 0.1]
    slower = Clock(0.1, 1.0, 1.0)
    monkeypatch.setattr(arithmetic, "time_step", slower)
    assert choose(network, tmp_path) == first
    assert slower.asked == []
    for x, start in ((MAPS[:1], 1), (MAPS, 2)):
        assert choose(network, tmp_path, x=x, start=start)[0] == PLAIN
    assert len(slower.asked) == 6


@pytest.mark.parametrize(("precision", "expected"), [
    ("auto", PLAIN), ("float32", PLAIN), ("bfloat16", HALF)])
def test_vectors_are_not_tried(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str,
    expected: Arithmetic,
) -> None:
    monkeypatch.delattr(arithmetic, "time_step")
    assert choose(network, tmp_path, precision, x=torch.zeros(2, 5)) == (expected, {})
    assert list(tmp_path.iterdir()) == []


def test_processes_of_one_training_try_nothing_each_for_itself(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delattr(arithmetic, "time_step")
    assert choose(network, tmp_path) == (HALF, {})
    assert choose(network, tmp_path, "float32") == (CHOICES[1], {})
    assert list(tmp_path.iterdir()) == []


def test_a_trial_leaves_the_network_as_it_was(network: Network, tmp_path: Path) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.eval()
    chosen, seconds = choose(network, tmp_path)
    assert chosen in CHOICES
    assert list(seconds) == [choice.name for choice in CHOICES]
    assert min(seconds.values()) > 0
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.grad is None for p in network.parameters())
    assert not network.training


def test_pixels_are_timed_too(network: Network) -> None:
    pixels = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    assert time_step(copy.deepcopy(network), HALF, pixels, METADATA, 0) > 0


def test_names_are_those_of_fabric_and_torch() -> None:
    assert [choice.fabric_precision for choice in CHOICES] == ["32-true", "32-true", "bf16-mixed"]
    assert [choice.memory_format for choice in CHOICES] == [
        torch.contiguous_format, torch.channels_last, torch.channels_last]
