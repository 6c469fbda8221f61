"""The small CNN has the layers and sizes of the original study."""

import pytest
import torch

from lesionlab.models.networks import pool
from lesionlab.models.study_cnn import StudyCnn

torch.set_num_threads(1)


def test_it_is_as_large_as_in_keras() -> None:
    # Keras: Conv2D(32, 3), MaxPooling2D(), Conv2D(64, 3), MaxPooling2D(), Dense(128) on 128 px
    sizes = [sum(p.numel() for p in stage.parameters()) for stage in StudyCnn(128).stages]
    assert sizes == [3 * 3 * 3 * 32 + 32, 3 * 3 * 32 * 64 + 64, 30 * 30 * 64 * 128 + 128]


@pytest.mark.parametrize("size_px", [32, 33, 35, 64])
@torch.inference_mode()
def test_its_last_stage_gives_a_vector_for_any_side(size_px: int) -> None:
    x = torch.rand(2, 3, size_px, size_px)
    shapes = []
    for stage in StudyCnn(size_px).stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    first = (size_px - 2) // 2
    second = (first - 2) // 2
    assert shapes == [(32, first, first), (64, second, second), (128,)]
    assert pool(x) is x
    assert x.min() >= 0
