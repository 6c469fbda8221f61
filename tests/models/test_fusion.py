"""Image and metadata are joined as the recipe says, and as the paper writes it."""

import pytest
import torch
from torch import nn

from lesionlab.core.recipe import Recipe
from lesionlab.models.fusion import ConcatFusion, MetaBlock, build_fusion
from lesionlab.recipes import find_recipe

torch.set_num_threads(1)

Z_BD = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
METADATA_BM = torch.tensor([[1.0, 0.0], [0.0, 2.0]])


def make_recipe(*settings: str) -> Recipe:
    return find_recipe("fusion_concat").with_settings(
        ["model.metadata_units=5,4", "model.hidden_units=", "model.dropout=0", *settings])


def test_concat_puts_the_metadata_beside_the_image() -> None:
    fusion = build_fusion(make_recipe(), 3, 2, 2)
    assert isinstance(fusion, ConcatFusion)
    first, second = fusion.metadata[0], fusion.metadata[2]
    hidden = second(first(METADATA_BM).relu()).relu()
    expected = fusion.head[-1](torch.cat([Z_BD, hidden], dim=1))
    torch.testing.assert_close(fusion(Z_BD, METADATA_BM), expected)
    assert fusion.head[-1].in_features == 3 + 4


def test_metablock_is_the_papers_equation() -> None:
    fusion = build_fusion(make_recipe("model.fusion=metablock"), 3, 2, 2)
    assert isinstance(fusion, MetaBlock)
    m_BW = fusion.metadata(METADATA_BM)
    scale = m_BW @ fusion.scale.weight.T + fusion.scale.bias
    shift = m_BW @ fusion.shift.weight.T + fusion.shift.bias
    scaled = torch.tanh(scale * Z_BD)
    expected = fusion.head(1 / (1 + torch.exp(-(scaled + shift))))
    torch.testing.assert_close(fusion(Z_BD, METADATA_BM), expected)
    assert (m_BW.shape, scale.shape) == ((2, 4), (2, 3))


@pytest.mark.parametrize("fusion", ["concat", "metablock"])
def test_without_metadata_the_head_is_all(fusion: str) -> None:
    built = build_fusion(make_recipe(f"model.fusion={fusion}"), 3, 0, 2)
    expected = built.head(Z_BD)
    torch.testing.assert_close(built(Z_BD, torch.empty(2, 0)), expected)
    assert sorted(built.state_dict()) == ["head.1.bias", "head.1.weight"]


@pytest.mark.parametrize("fusion", ["concat", "metablock"])
def test_the_metadata_decide_too(fusion: str) -> None:
    torch.manual_seed(0)
    built = build_fusion(make_recipe(f"model.fusion={fusion}"), 3, 2, 2)
    assert not torch.allclose(built(Z_BD, METADATA_BM), built(Z_BD, METADATA_BM.flip(0)))


def test_dropout_comes_after_hidden_layers_or_before_the_only_one() -> None:
    kinds = {units: [type(layer) for layer in build_fusion(
        make_recipe(f"model.hidden_units={units}", "model.dropout=0.5"), 3, 0, 2).head]
        for units in ("", "8", "8,4")}
    hidden = [nn.Linear, nn.ReLU, nn.Dropout]
    assert kinds == {"": [nn.Dropout, nn.Linear], "8": [*hidden, nn.Linear],
                     "8,4": [*hidden, *hidden, nn.Linear]}
    head = build_fusion(make_recipe("model.hidden_units=8,4"), 3, 0, 2).head
    assert [layer.out_features for layer in head if isinstance(layer, nn.Linear)] == [8, 4, 2]
