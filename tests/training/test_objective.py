"""Losses, mixing, steps and averages are the formulas that they cite."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from lesionlab.core.settings import FitSettings
from lesionlab.models.networks import Network, build_network
from lesionlab.recipes import find_recipe
from lesionlab.training.objective import (
    MovingAverage,
    build_optimizer,
    find_factor,
    find_loss,
    hide_metadata,
    mix_images,
    set_step,
    smooth_targets,
)

torch.set_num_threads(1)

PLAIN = FitSettings()
LOGITS_BK = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 4.0, 1.0]])
TARGET_B = torch.tensor([0, 2, 1])
NUM_IMAGES = 6


def test_smoothing_takes_from_the_target_and_gives_to_all() -> None:
    found = smooth_targets(torch.tensor([0, 2]), 4, 0.2)
    torch.testing.assert_close(found, torch.tensor([[0.85, 0.05, 0.05, 0.05],
                                                    [0.05, 0.05, 0.85, 0.05]]))


@given(st.floats(0, 0.99), st.integers(2, 8))
def test_smoothed_targets_sum_to_one(smoothing: float, num_classes: int) -> None:
    sums = smooth_targets(torch.arange(num_classes), num_classes, smoothing).sum(dim=1)
    torch.testing.assert_close(sums, torch.ones(num_classes))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(smoothing: float) -> None:
    target_BK = smooth_targets(TARGET_B, 3, smoothing)
    torch.testing.assert_close(find_loss(LOGITS_BK, target_BK, PLAIN),
                               cross_entropy(LOGITS_BK, TARGET_B, label_smoothing=smoothing))


def test_an_image_counts_as_its_class_is_weighted() -> None:
    weights = torch.tensor([0.5, 3.0, 1.0])
    target_BK = one_hot(TARGET_B, 3) * weights[TARGET_B][:, None]
    each = cross_entropy(LOGITS_BK, TARGET_B, reduction="none")
    torch.testing.assert_close(find_loss(LOGITS_BK, target_BK, PLAIN),
                               (each * weights[TARGET_B]).mean())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_the_papers(gamma: float) -> None:
    # -(1 - p)^gamma * log(p), p the share of the target
    shares = np.exp(LOGITS_BK.numpy()) / np.exp(LOGITS_BK.numpy()).sum(axis=1, keepdims=True)
    p = shares[np.arange(3), TARGET_B.numpy()]
    expected = np.mean(-((1 - p) ** gamma) * np.log(p))
    fit = FitSettings(loss="focal", focal_gamma=gamma)
    found = find_loss(LOGITS_BK, one_hot(TARGET_B, 3).float(), fit)
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_a_sure_answer_has_a_gradient(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [200.0, 0.0]], requires_grad=True)
    fit = FitSettings(loss="focal", focal_gamma=gamma)
    find_loss(logits, one_hot(torch.tensor([0, 1]), 2).float(), fit).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().max() > 0


def make_images(kind: str) -> Tensor:
    """Image n holds the value 10 n everywhere, so that a part of it is known again."""
    shapes = {"pixels": (8, 6, 3), "maps": (5, 8, 6), "vectors": (7,)}
    values = 10 * torch.arange(NUM_IMAGES).reshape(-1, *[1] * len(shapes[kind]))
    images = values.expand(NUM_IMAGES, *shapes[kind])
    return images.to(torch.uint8) if kind == "pixels" else images.float()


def mix(fit: FitSettings, kind: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, metadata and targets mixed; the target of image n is n."""
    return mix_images(make_images(kind), torch.arange(NUM_IMAGES)[:, None].float(),
                      torch.eye(NUM_IMAGES), fit, np.random.default_rng(seed))


def list_pairs(target_BK: Tensor) -> list[tuple[int, int, float]]:
    """(image, partner, share of the image) of each row that is mixed with another."""
    pairs = []
    for number, row in enumerate(target_BK.tolist()):
        partners = [k for k, share in enumerate(row) if share and k != number]
        pairs += [(number, k, row[number]) for k in partners]
    return pairs


@pytest.mark.parametrize("kind", ["pixels", "maps", "vectors"])
@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_targets_and_metadata_are_mixed_as_the_images_are(kind: str, method: str) -> None:
    fit = FitSettings(mixup=0.8 * (method == "mixup"), cutmix=0.8 * (method == "cutmix"))
    num_pairs = 0
    for seed in range(30):
        x, metadata, target = mix(fit, kind, seed)
        assert (x.dtype, x.shape) == (make_images(kind).dtype, make_images(kind).shape)
        torch.testing.assert_close(target.sum(dim=1), torch.ones(NUM_IMAGES))
        torch.testing.assert_close(target.sum(dim=0), torch.ones(NUM_IMAGES))
        for number, partner, share in list_pairs(target):
            # One number in all for mixup; under cutmix, as many of each as the share says.
            mean = 10 * (share * number + (1 - share) * partner)
            tolerance = 0.51 if kind == "pixels" and method == "mixup" else 1e-3
            assert x[number].float().mean().item() == pytest.approx(mean, abs=tolerance)
            assert metadata[number].item() == pytest.approx(mean / 10, abs=1e-4)
            num_pairs += 1
    assert num_pairs > 30


@pytest.mark.parametrize(("kind", "rows", "columns"), [("pixels", 0, 1), ("maps", 1, 2)])
def test_cutmix_pastes_a_rectangle(kind: str, rows: int, columns: int) -> None:
    sizes = set()
    for seed in range(30):
        x, _, target = mix(FitSettings(cutmix=1.0), kind, seed)
        for number, partner, share in list_pairs(target):
            channels = ({0, 1, 2} - {rows, columns}).pop()
            is_pasted = (x[number] == 10 * partner).numpy()
            assert ((x[number] == 10 * number).numpy() == ~is_pasted).all()
            assert (is_pasted.all(axis=channels) == is_pasted.any(axis=channels)).all()
            area = is_pasted.all(axis=channels)
            height, width = area.any(axis=1).sum(), area.any(axis=0).sum()
            assert area.sum() == height * width == pytest.approx((1 - share) * 48, abs=1e-3)
            sizes.add((int(height), int(width)))
    assert len(sizes) > 5


@pytest.mark.parametrize("kind", ["pixels", "maps"])
def test_mixup_leaves_no_edge(kind: str) -> None:
    x = torch.cat([mix(FitSettings(mixup=1.0), kind, seed)[0] for seed in range(10)])
    assert (x.flatten(1) == x.flatten(1)[:, :1]).all()


def test_each_method_is_used_on_half_of_the_batches() -> None:
    def share_mixed(fit: FitSettings) -> float:
        return float(np.mean([not torch.equal(mix(fit, "vectors", seed)[2], torch.eye(NUM_IMAGES))
                              for seed in range(150)]))

    assert share_mixed(PLAIN) == 0
    assert share_mixed(FitSettings(mixup=1.0)) == pytest.approx(0.5, abs=0.12)
    assert share_mixed(FitSettings(cutmix=1.0)) == pytest.approx(0.5, abs=0.12)
    assert share_mixed(FitSettings(mixup=1.0, cutmix=1.0)) > 0.95
    both = [mix(FitSettings(mixup=1.0, cutmix=1.0), "maps", seed)[0].flatten(1)
            for seed in range(150)]
    has_edge = [bool((x != x[:, :1]).any()) for x in both]
    assert np.mean(has_edge) == pytest.approx(0.5, abs=0.12)


def test_an_image_alone_is_not_mixed() -> None:
    x, metadata, target = torch.ones(1, 3), torch.ones(1, 2), torch.ones(1, 2)
    for seed in range(5):
        found = mix_images(x, metadata, target, FitSettings(mixup=1.0, cutmix=1.0),
                           np.random.default_rng(seed))
        assert all(a is b for a, b in zip(found, (x, metadata, target), strict=True))


def test_hidden_metadata_are_those_of_which_nothing_is_known() -> None:
    metadata, unknown = torch.arange(8000.0).reshape(2000, 4), torch.tensor([-1.0, -2, -3, -4])
    found = hide_metadata(metadata, unknown, 0.25, np.random.default_rng(0))
    is_hidden = (found == unknown).all(dim=1)
    torch.testing.assert_close(found[~is_hidden], metadata[~is_hidden])
    assert is_hidden.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert hide_metadata(metadata, unknown, 0.0, np.random.default_rng(0)) is metadata
    assert (hide_metadata(metadata, unknown, 1.0, np.random.default_rng(0)) == unknown).all()


@pytest.mark.parametrize(("schedule", "warm_up", "progress", "factor"), [
    ("constant", 0.1, 0.0, 1.0), ("constant", 0.1, 1.0, 1.0),
    ("cosine", 0.1, 0.0, 0.01), ("cosine", 0.1, 0.05, 0.5), ("cosine", 0.1, 0.1, 1.0),
    ("cosine", 0.1, 0.55, 0.5), ("cosine", 0.1, 1.0, 0.0), ("cosine", 0.0, 0.0, 1.0),
    ("cosine", 0.0, 1 / 3, 0.75),
])
def test_the_step_warms_up_and_falls_as_a_cosine(
    schedule: str, warm_up: float, progress: float, factor: float
) -> None:
    fit = FitSettings(schedule=schedule, warm_up=warm_up)  # type: ignore[arg-type]
    assert find_factor(fit, progress) == pytest.approx(factor)


@given(st.floats(0, 0.99), st.floats(0, 1))
def test_the_step_is_never_above_the_largest(warm_up: float, progress: float) -> None:
    assert 0 <= find_factor(FitSettings(schedule="cosine", warm_up=warm_up), progress) <= 1


SETTINGS = ["image.size_px=32", "model.weights=random", "model.backbone=test_resnet",
            "model.num_frozen_stages=0", "fit.l2=0.3", "fit.layer_decay=0.5",
            "fit.learning_rate=0.01"]


@pytest.fixture
def network() -> Network:
    return build_network(find_recipe("fusion_metablock").with_settings(SETTINGS), 5, 3).network


@pytest.mark.parametrize("num_frozen", [0, 2, 5])
def test_steps_shrink_from_the_head_to_the_stem(network: Network, num_frozen: int) -> None:
    network.freeze(num_frozen)
    optimizer = build_optimizer(network, find_recipe("fusion_metablock").with_settings(SETTINGS))
    rate = set_step(optimizer, FitSettings(), 0.01, 0.5)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    learning = [p for p in network.parameters() if p.requires_grad]
    assert len(groups) == sum(len(g["params"]) for g in optimizer.param_groups) == len(learning)
    assert rate == 0.01
    parts = list(network.parts())
    for number, part in enumerate(parts[num_frozen:], start=num_frozen):
        found = {groups[id(p)]["lr"] for p in part.parameters()}
        assert found == {0.01 * 0.5 ** (len(parts) - 1 - number)}


def test_norms_and_biases_do_not_decay(network: Network) -> None:
    recipe = find_recipe("fusion_metablock").with_settings(SETTINGS)
    groups = {id(p): group for group in build_optimizer(network, recipe).param_groups
              for p in group["params"]}
    decays = {name: groups[id(p)]["weight_decay"] for name, p in network.named_parameters()}
    norms = {f"{name}." for name, module in network.named_modules()
             if isinstance(module, nn.BatchNorm2d)}
    is_spared = {name: name.endswith(".bias") or name.removesuffix("weight") in norms
                 for name in decays}
    assert decays == {name: 0.0 if spared else 0.3 for name, spared in is_spared.items()}
    assert len(norms) > 3


@pytest.mark.parametrize(("name", "kind"), [
    ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_optimizer_is_the_one_named(network: Network, name: str, kind: type) -> None:
    recipe = find_recipe("finetuned").with_settings([f"fit.optimizer={name}"])
    assert type(build_optimizer(network, recipe)) is kind


def test_the_average_follows_by_its_decay() -> None:
    module = nn.BatchNorm1d(1)
    average = MovingAverage(module, 0.25)
    expected = module.weight.item()
    for number, value in enumerate((5.0, -2.0, 7.0), start=1):
        with torch.no_grad():
            module.weight.fill_(value)
        module.num_batches_tracked.fill_(number)
        average.update(module)
        # (1 + n) / (10 + n) is 2/11, 3/12 and 4/13; the last is above the decay that is set
        decay = min(0.25, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
        assert average.state["weight"].item() == pytest.approx(expected)
        assert average.state["num_batches_tracked"].item() == number
    assert average.num_updates == 3
    assert module.weight.item() == 7
