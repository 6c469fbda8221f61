"""Torch modules as ONNX graphs."""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn


def export_module(module: nn.Module, inputs: dict[str, Tensor], output: str) -> bytes:
    """A module as one ONNX graph for batches of any length; `inputs` are examples by name."""
    batch = torch.export.Dim("num_images", min=1, max=65536)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # deprecations inside the exporter, not ours to mend
        program = torch.onnx.export(
            module, tuple(inputs.values()), dynamo=True, input_names=list(inputs),
            output_names=[output], dynamic_shapes=tuple({0: batch} for _ in inputs),
            verbose=False)
    assert program is not None
    return program.model_proto.SerializeToString()
