"""A network cut into stages is the same network; what is frozen stays as it was."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lesionlab.core.errors import RecipeError, WeightsError
from lesionlab.models.networks import (
    Network,
    TestViews,
    build_network,
    count_frozen,
    cut_stages,
    pool,
    turn,
)
from lesionlab.models.study_cnn import STUDY_CNN
from lesionlab.models.weights import CHOICES, digest_state
from lesionlab.recipes import find_recipe

torch.set_num_threads(1)

SMALL = ["image.size_px=32", "model.weights=random", "model.backbone=test_efficientnet",
         "model.num_frozen_stages=0", "model.dropout=0"]
BACKBONES = ["test_efficientnet", "test_resnet", STUDY_CNN]


def build(*settings: str, num_metadata: int = 0) -> Network:
    recipe = find_recipe("finetuned").with_settings([*SMALL, *settings])
    return build_network(recipe, num_metadata, 3).network


def draw_pixels(number: int = 4, side: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, side, side, 3), generator=generator, dtype=torch.uint8)


def draw_metadata(number: int = 4, width: int = 0) -> Tensor:
    return torch.rand(number, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "num_stages", "side"), [
    ("tf_efficientnet_lite0", 8, 64), ("mobilenetv2_100", 8, 64), ("resnet18", 5, 64),
    ("vit_tiny_patch16_224", 1, 224)])
@torch.inference_mode()
def test_stages_compute_what_timm_computes(name: str, num_stages: int, side: int) -> None:
    network = timm.create_model(name, pretrained=False, num_classes=0).eval()
    stages = cut_stages(network)
    x_BCSS = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    expected = network(x_BCSS)
    for stage in stages:
        x_BCSS = stage(x_BCSS)
    assert len(stages) == num_stages
    torch.testing.assert_close(pool(x_BCSS), expected)


def test_stages_in_another_order_than_they_are_named_are_not_cut() -> None:
    class Tangled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer1, self.layer2 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return pool(self.layer1(self.layer2(x).relu()))

    tangled = Tangled()
    assert cut_stages(tangled) == [tangled]


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.inference_mode()
def test_a_network_may_be_entered_behind_any_stage(backbone: str) -> None:
    network = build(f"model.backbone={backbone}", "metadata.columns=sex", num_metadata=5).eval()
    pixels, metadata = draw_pixels(), draw_metadata(width=5)
    expected = network(pixels, metadata)
    assert (expected.shape, expected.dtype) == ((4, 3), torch.float32)
    for start in range(1, len(network.stages) + 1):
        found = network(network.embed(pixels, start), metadata, start=start)
        torch.testing.assert_close(found, expected)
    assert network.embed(pixels, len(network.stages)).ndim == 2


@pytest.mark.parametrize(("backbone", "mean", "std"), [
    ("test_resnet", 0.5, 0.5), (STUDY_CNN, 0.0, 1.0)])
def test_the_first_stage_sees_pixels_as_its_weights_know_them(
    backbone: str, mean: float, std: float
) -> None:
    network = build(f"model.backbone={backbone}").eval()
    seen: list[Tensor] = []
    first = next(m for m in network.stages[0].modules() if isinstance(m, nn.Conv2d))
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = draw_pixels()
    network(pixels, draw_metadata())
    expected = (pixels.permute(0, 3, 1, 2) / 255 - mean) / std
    torch.testing.assert_close(seen[0], expected)


@pytest.mark.parametrize("num_frozen", [0, 2, 6])
def test_a_step_changes_what_is_not_frozen_and_nothing_else(num_frozen: int) -> None:
    network = build()
    network.freeze(num_frozen)
    before = [{key: value.clone() for key, value in part.state_dict().items()}
              for part in network.parts()]
    network.eval().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    network(draw_pixels(), draw_metadata()).square().sum().backward()
    optimizer.step()
    changed = [any(not torch.equal(value, old[key]) for key, value in part.state_dict().items())
               for part, old in zip(network.parts(), before, strict=True)]
    assert len(network.stages) == 6
    assert changed == [False] * num_frozen + [True] * (7 - num_frozen)


def test_frozen_stages_stay_in_evaluation_mode() -> None:
    network = build()
    network.freeze(2)
    network.train()
    for number, stage in enumerate(network.stages):
        assert {module.training for module in stage.modules()} == {number >= 2}
        assert {p.requires_grad for p in stage.parameters()} == {number >= 2}
    assert network.fusion.training
    network.freeze(0)
    assert all(module.training for module in network.modules())
    assert not any(module.training for module in network.eval().modules())


def test_training_behind_cached_stages_is_training_on_pixels() -> None:
    network = build()
    network.freeze(2)
    network.train()
    pixels, metadata = draw_pixels(), draw_metadata()
    found = network(network.embed(pixels, 2), metadata, start=2)
    torch.testing.assert_close(found, network(pixels, metadata))


@pytest.mark.parametrize(("setting", "expected"), [(0, 0), (1, 2), (3, 4), (-1, 6)])
def test_the_stem_is_frozen_with_the_stages(setting: int, expected: int) -> None:
    assert count_frozen(build(), setting) == expected


def test_all_parameters_are_counted() -> None:
    built = build_network(find_recipe("finetuned").with_settings(SMALL), 0, 3)
    built.network.freeze(3)
    assert built.num_parameters == sum(
        value.numel() for key, value in built.network.state_dict().items()
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        and key not in ("mean", "std"))


def test_the_seed_decides_the_new_weights() -> None:
    digests = []
    for seed, elsewhere in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(elsewhere)
        digests.append(digest_state(build(f"seed={seed}").state_dict()))
    assert digests[0] == digests[1] != digests[2]


def test_building_draws_nothing_from_the_generator_of_others() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build()
    torch.testing.assert_close(torch.rand(3), expected)


def test_stages_start_from_the_weights_and_the_rest_from_the_seed(tmp_path: Path) -> None:
    torch.manual_seed(7)
    known = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    torch.save(known.state_dict(), tmp_path / "known.pth")
    networks = [build("model.backbone=test_resnet", f"model.weights=file:{tmp_path / 'known.pth'}",
                      f"seed={seed}") for seed in (0, 1)]
    digests = [[digest_state(part.state_dict()) for part in network.parts()]
               for network in networks]
    assert digests[0][:-1] == digests[1][:-1]
    assert digests[0][-1] != digests[1][-1]
    torch.testing.assert_close(networks[0].stages[1].state_dict(), known.layer1.state_dict())


@pytest.mark.parametrize(("settings", "error", "message"), [
    (["model.backbone=resnet"], RecipeError,
     "model.backbone=resnet: timm has no such network; did you mean resnet50, test_resnet?"),
    (["model.backbone=study_cmn"], RecipeError,
     "model.backbone=study_cmn: timm has no such network; did you mean study_cnn?"),
    (["model.backbone=test_resnet.no_such_tag"], RecipeError,
     ("model.backbone=test_resnet.no_such_tag: timm has no weights 'no_such_tag' of test_resnet; "
      "it has test_resnet.r160_in1k")),
    (["model.backbone=zzz"], RecipeError, "model.backbone=zzz: timm has no such network"),
    (["model.backbone=test_resnet", "model.num_frozen_stages=5"], RecipeError,
     ("model.num_frozen_stages=5: test_resnet has 4 stages after its stem; set fewer, or -1 to "
      "train the head alone")),
    (["model.backbone=test_resnet", "model.weights=package"], WeightsError,
     f"no package carries weights for 'test_resnet'; {CHOICES}"),
    (["model.backbone=vit_tiny_patch16_224", "image.size_px=64"], RecipeError,
     ("image.size_px=64: vit_tiny_patch16_224 takes no picture of that side (Input height (64) "
      "doesn't match model (224)); set image.size_px=224, or another model.backbone")),
])
def test_a_network_that_cannot_be_built_is_refused(
    settings: list[str], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timm, "list_models", lambda: ["resnet50", "test_resnet", "vgg11"])
    with pytest.raises(error) as caught:
        build(*settings)
    assert str(caught.value) == message


def test_the_views_are_the_eight_of_a_square() -> None:
    square = draw_pixels(1, 4)
    views = [turn(square, view)[0].numpy() for view in range(8)]
    rgb = square[0].numpy()
    np.testing.assert_array_equal(views[0], rgb)
    np.testing.assert_array_equal(views[1], np.fliplr(rgb))
    np.testing.assert_array_equal(views[2], np.flipud(rgb))
    expected = {np.rot90(picture, turns).tobytes()
                for picture in (rgb, np.fliplr(rgb)) for turns in range(4)}
    assert {view.tobytes() for view in views} == expected
    assert len(expected) == 8


@given(st.integers(0, 7), st.integers(1, 5))
def test_a_turn_keeps_shape_and_type(view: int, side: int) -> None:
    turned = turn(draw_pixels(2, side), view)
    assert (turned.shape, turned.dtype) == ((2, side, side, 3), torch.uint8)


@pytest.mark.parametrize("num_views", [1, 2, 4, 8])
@torch.inference_mode()
def test_test_views_are_the_mean_over_turned_images(num_views: int) -> None:
    network = build("metadata.columns=sex", num_metadata=5).eval()
    pixels, metadata = draw_pixels(), draw_metadata(width=5)
    turned = [network(turn(pixels, view), metadata) for view in range(num_views)]
    found = TestViews(network, num_views)(pixels, metadata)
    torch.testing.assert_close(found, torch.stack(turned).mean(0))


@pytest.mark.parametrize(("name", "side"), [("test_vit", 160), ("eva02_tiny_patch14_224", 224)])
def test_a_transformer_is_one_stage(name: str, side: int) -> None:
    assert len(build(f"model.backbone={name}", f"image.size_px={side}").stages) == 1
