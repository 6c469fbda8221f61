"""A graph computes what torch computes, for batches of any length."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from lesionlab.models.exporting import export_module
from lesionlab.models.networks import TestViews, build_network
from lesionlab.recipes import find_recipe

torch.set_num_threads(1)

SETTINGS = ["image.size_px=32", "model.weights=random", "model.backbone=test_efficientnet",
            "model.num_frozen_stages=0", "model.metadata_units=4", "fit.precision=float32"]


def draw_inputs(number: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(number)
    return {"image": rng.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8),
            "metadata": rng.random((number, 5), dtype=np.float32)}


def open_graph(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def module() -> nn.Module:
    recipe = find_recipe("fusion_metablock").with_settings(SETTINGS)
    return TestViews(build_network(recipe, 5, 3).network, 2).eval()


@pytest.fixture(scope="module")
def session(module: nn.Module) -> onnxruntime.InferenceSession:
    inputs = {name: torch.from_numpy(value) for name, value in draw_inputs(2).items()}
    return open_graph(export_module(module, inputs, "logits"))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_the_graph_equals_torch_at_any_batch(
    number: int, module: nn.Module, session: onnxruntime.InferenceSession
) -> None:
    inputs = draw_inputs(number)
    with torch.inference_mode():
        expected = module(*map(torch.from_numpy, inputs.values())).numpy()
    [found] = session.run(["logits"], inputs)
    assert (found.shape, found.dtype) == ((number, 3), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_inputs_and_output_have_the_names_given(session: onnxruntime.InferenceSession) -> None:
    assert [(node.name, node.type) for node in session.get_inputs()] == [
        ("image", "tensor(uint8)"), ("metadata", "tensor(float)")]
    assert [node.name for node in session.get_outputs()] == ["logits"]
    batches = [node.shape[0] for node in (*session.get_inputs(), *session.get_outputs())]
    assert all(isinstance(batch, str) for batch in batches)  # a name stands for any length
