"""Writing the ONNX graph of a bundle: raw inputs to calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lesionlab.inputs.metadata import CategoryCode, MetadataEncoder, NumberCode
from lesionlab.models.heads import BoostedHead, DenseHead, Head

OPSETS = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 10
"""What onnxruntime 1.18 and later read."""


@dataclass
class GraphWriter:
    """Nodes and constants in the order of writing; each call names its own outputs."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    """Beside `probabilities`."""
    opset: int = OPSETS[""]

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, value: np.ndarray) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def number(self, value: float) -> str:
        """Add a float32 constant of no dimension and return its name."""
        return self.constant(np.array(value, np.float32))

    def input(self, name: str, kind: int, *shape: int | str) -> str:
        """Declare an input of the graph."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["num_images", *shape]))
        return name

    def output(self, name: str, source: str, width: int) -> str:
        """Declare an output (N, width) float32 of the graph beside `probabilities`."""
        self.nodes.append(helper.make_node("Identity", [source], [name]))
        self.outputs.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["num_images", width]))
        return name

    def include_model(self, model: bytes, prefix: str, feeds: dict[str, str]) -> str:
        """`include` a whole model, whose opset the graph then has."""
        loaded = onnx.load_model_from_string(model)
        opset = next(entry.version for entry in loaded.opset_import if entry.domain == "")
        self.opset = max(self.opset, opset)
        return self.include(loaded.graph, prefix, feeds)

    def include(self, graph: onnx.GraphProto, prefix: str, feeds: dict[str, str]) -> str:
        """Copy another graph's nodes, its inputs fed from here; returns its last output's name."""
        def local(name: str) -> str:
            return feeds.get(name, f"{prefix}{name}" if name else "")

        for tensor in graph.initializer:
            self.constants.append(onnx.TensorProto())
            self.constants[-1].CopyFrom(tensor)
            self.constants[-1].name = local(tensor.name)
        for node in graph.node:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            copied.name = ""
            copied.input[:] = map(local, node.input)
            copied.output[:] = map(local, node.output)
            self.nodes.append(copied)
        return local(graph.output[-1].name)


WriteModel = Callable[[GraphWriter, str | None, str], str]
"""Adds the nodes from image and encoded metadata to logits; see `trained.TrainedModel.write`."""


def write_graph(
    *, encoder: MetadataEncoder, write_model: WriteModel, logit_shift: np.ndarray | None,
    temperature: float, num_classes: int, size_px: int,
) -> bytes:
    """The whole model: `image` (N, S, S, 3) uint8 and each raw column in, `probabilities` out.

    Args:
        encoder: whose codes are written first.
        write_model: adds the nodes from image and encoded metadata to logits.
        logit_shift: (K,) added to the logits, None for nothing.
        temperature: that the logits are then divided by.
        num_classes: K.
        size_px: S, 0 for a model that sees no image.
    """
    graph = GraphWriter()
    image = graph.input("image", TensorProto.UINT8, size_px, size_px, 3) if size_px else None
    codes = [_write_code(graph, code) for code in encoder.codes]
    if len(codes) > 1:
        metadata = graph.add("Concat", *codes, axis=1)
    else:
        metadata = codes[0] if codes else _write_nothing(graph, image)
    logits = write_model(graph, image, metadata)
    _write_probabilities(graph, logits, logit_shift, temperature)
    return seal_graph(graph, num_classes)


def write_context_graph(
    *, encoder: MetadataEncoder, write_model: Callable[[GraphWriter, str], str], num_scores: int,
    num_context: int, logit_shift: np.ndarray | None, temperature: float, num_classes: int,
) -> bytes:
    """The second pass: raw columns, `scores` and `context` in, `probabilities` out.

    Args:
        encoder: whose codes are written first.
        write_model: adds the nodes from scores, encoded metadata and context, side by side, to
            logits.
        num_scores: width of `scores` (N, C) float32.
        num_context: width of `context` (N, F) float32.
        logit_shift: as in `write_graph`.
        temperature: likewise.
        num_classes: K.
    """
    graph = GraphWriter()
    codes = [_write_code(graph, code) for code in encoder.codes]
    scores = graph.input("scores", TensorProto.FLOAT, num_scores)
    context = graph.input("context", TensorProto.FLOAT, num_context)
    logits = write_model(graph, graph.add("Concat", scores, *codes, context, axis=1))
    _write_probabilities(graph, logits, logit_shift, temperature)
    return seal_graph(graph, num_classes)


def _write_probabilities(
    graph: GraphWriter, logits: str, logit_shift: np.ndarray | None, temperature: float
) -> None:
    if logit_shift is not None:
        logits = graph.add("Add", logits, graph.constant(logit_shift.astype(np.float32)))
    scaled = graph.add("Div", logits, graph.number(temperature))
    graph.nodes.append(helper.make_node("Softmax", [scaled], ["probabilities"], axis=1))


def seal_graph(graph: GraphWriter, num_classes: int) -> bytes:
    """The graph as a checked ONNX model whose last output is `probabilities` (N, K) float32."""
    output = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["num_images", num_classes])
    proto = helper.make_graph(graph.nodes, "lesionlab", graph.inputs, [*graph.outputs, output],
                              graph.constants)
    versions = OPSETS | {"": graph.opset}
    model = helper.make_model(
        proto, producer_name="lesionlab", ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(name, version) for name, version in versions.items()])
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _write_nothing(graph: GraphWriter, image: str | None) -> str:
    """(N, 0) float32: the metadata of a model that reads none; N is that of the images.

    A model that sees no image either has an input that only says how many rows there are.
    """
    if image is None:
        column = graph.add("Unsqueeze", graph.input("num_rows", TensorProto.FLOAT),
                           graph.constant(np.array([1], np.int64)))
    else:
        pixel = graph.add("Slice", image, *(graph.constant(np.array(value, np.int64)) for value in (
            [0, 0, 0], [1, 1, 1], [1, 2, 3])))
        flat = graph.add("Flatten", pixel, axis=1)
        column = graph.add("Cast", flat, to=TensorProto.FLOAT)
    bounds = [graph.constant(np.array([n], np.int64)) for n in (0, 0, 1)]
    return graph.add("Slice", column, *bounds)


def _write_code(graph: GraphWriter, code: NumberCode | CategoryCode) -> str:
    """The features of one raw column, as `MetadataEncoder` computes them."""
    if isinstance(code, NumberCode):
        raw = graph.input(code.name, TensorProto.FLOAT)
        is_missing = graph.add("IsNaN", raw)
        median = graph.number(code.median)
        filled = graph.add("Where", is_missing, median, raw)
        centred = graph.add("Sub", filled, graph.number(code.mean))
        score = graph.add("Div", centred, graph.number(code.std))
        axis = graph.constant(np.array([1], np.int64))
        flag = graph.add("Cast", is_missing, to=TensorProto.FLOAT)
        columns = [graph.add("Unsqueeze", name, axis) for name in (score, flag)]
        return graph.add("Concat", *columns, axis=1)
    raw = graph.input(code.name, TensorProto.STRING)
    levels = [*code.levels, ""]
    index = graph.add(
        "LabelEncoder", raw, domain="ai.onnx.ml", keys_strings=levels,
        values_int64s=list(range(len(levels))), default_int64=len(levels))
    depth = graph.constant(np.array(len(levels) + 1, np.int64))
    return graph.add("OneHot", index, depth, graph.constant(np.array([0, 1], np.float32)), axis=-1)


def write_head(graph: GraphWriter, head: Head, features: str, num_features: int) -> str:
    """The logits of a head."""
    if isinstance(head, BoostedHead):
        return _write_trees(graph, head, features)
    assert isinstance(head, DenseHead)
    outputs = []
    for layers in head.members:
        x = features
        for k, layer in enumerate(layers):
            x = graph.add("Gemm", x, graph.constant(layer.weight), graph.constant(layer.bias))
            x = graph.add("Relu", x) if k < len(layers) - 1 else x
        outputs.append(x)
    assert all(layers[0].weight.shape[0] == num_features for layers in head.members)
    return graph.add("Mean", *outputs) if len(outputs) > 1 else outputs[0]


def _write_trees(graph: GraphWriter, head: BoostedHead, features: str) -> str:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    trees = convert_lightgbm(
        head.booster, initial_types=[("features", FloatTensorType([None, head.num_features]))],
        zipmap=False, target_opset=15)
    probabilities = graph.include(trees.graph, "trees.", {"features": features})
    floor = graph.number(1e-7)
    return graph.add("Log", graph.add("Max", probabilities, floor))
