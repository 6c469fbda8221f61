"""Writing the ONNX graph of an ensemble: the members side by side, what they share once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from lesionlab.core import artifacts
from lesionlab.training.graph import GraphWriter, seal_graph

FLOOR = 1e-7
"""Least probability that a temperature is applied to; its logarithm must be finite."""


def join_graphs(models: Sequence[bytes], temperature: float = 1.0) -> bytes:
    """One model with the inputs of all: the mean of their `probabilities`, each (N, classes).

    Nodes that compute the same from the same inputs, such as a frozen backbone that members have
    in common, are written and run once.

    Args:
        models: graphs of bundles, which give the same meaning to an input of the same name.
        temperature: each member's probabilities become softmax(log(p) / temperature) before the
            mean.
    """
    members, opset = _reconcile([onnx.load_model_from_string(model) for model in models])
    graph = GraphWriter(opset=opset)
    feeds = _declare_inputs(graph, members)
    outputs = [graph.include(member.graph, f"member_{k}.", feeds)
               for k, member in enumerate(members)]
    if temperature != 1:
        outputs = [_temper(graph, name, temperature) for name in outputs]
    graph.nodes.append(helper.make_node("Mean", outputs, ["probabilities"]))
    _merge_equal(graph)
    output = members[0].graph.output[-1].type.tensor_type
    return seal_graph(graph, output.shape.dim[1].dim_value)


def _reconcile(models: list[onnx.ModelProto]) -> tuple[list[onnx.ModelProto], int]:
    """The models, older ones brought to the newest operator set among them, and that."""
    versions = [next(entry.version for entry in model.opset_import if entry.domain == "")
                for model in models]
    newest = max(versions)
    return [model if version == newest else version_converter.convert_version(model, newest)
            for model, version in zip(models, versions, strict=True)], newest


def _declare_inputs(graph: GraphWriter, members: list[onnx.ModelProto]) -> dict[str, str]:
    """Declare each input that a member has, once; gives what each is fed from."""
    inputs = {entry.name: entry for member in members for entry in member.graph.input}
    counter = inputs.pop("num_rows", None) if len(inputs) > 1 else None
    graph.inputs += inputs.values()
    feeds = {name: name for name in inputs}
    if counter is not None:  # a member that sees nothing asks how many rows the others see
        shape = graph.add("Shape", next(iter(inputs)), start=0, end=1)
        zero = numpy_helper.from_array(np.zeros(1, np.float32))
        feeds["num_rows"] = graph.add("ConstantOfShape", shape, value=zero)
    return feeds


def _temper(graph: GraphWriter, probabilities: str, temperature: float) -> str:
    """softmax(log(p) / temperature)."""
    logits = graph.add("Log", graph.add("Max", probabilities, graph.number(FLOOR)))
    return graph.add("Softmax", graph.add("Div", logits, graph.number(temperature)), axis=1)


def _merge_equal(graph: GraphWriter) -> None:
    """Keep one of the constants that are equal, and one of the nodes that compute the same.

    A node computes what another does where operator, attributes and inputs are the same; none of
    a bundle's operators draws at random.
    """
    names: dict[str, str] = {}
    constants: dict[str, TensorProto] = {}
    for tensor in graph.constants:
        content = TensorProto()
        content.CopyFrom(tensor)
        content.name = content.doc_string = ""
        key = artifacts.digest_bytes(content.SerializeToString(deterministic=True))
        names[tensor.name] = constants.setdefault(key, tensor).name
    nodes: dict[tuple, onnx.NodeProto] = {}
    for node in graph.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        attributes = sorted(item.SerializeToString(deterministic=True) for item in node.attribute)
        key = (node.domain, node.op_type, *node.input, len(node.output), *attributes)
        kept = nodes.setdefault(key, node)
        names |= dict(zip(node.output, kept.output, strict=True))
    graph.constants[:] = constants.values()
    graph.nodes[:] = nodes.values()
