"""One graph gives the mean of several, whatever each of them sees."""

import itertools

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import version_converter

from lesionlab.inference.session import open_session
from lesionlab.inputs.metadata import CategoryCode, MetadataEncoder, NumberCode
from lesionlab.models.heads import DenseHead, Layer
from lesionlab.training.ensemble_members import temper
from lesionlab.training.graph import write_graph, write_head
from lesionlab.training.joined_graph import join_graphs

AGE = NumberCode(name="age_approx", median=50, mean=50, std=10)
SEX = CategoryCode(name="sex", levels=("female", "male"))
FEEDS = {"age_approx": np.array([30, np.nan, 70], np.float32),
         "sex": np.array(["male", "", "other"], object),
         "num_rows": np.zeros(3, np.float32)}


def make_model(seed: int, *codes: NumberCode | CategoryCode, num_classes: int = 3) -> bytes:
    encoder = MetadataEncoder(codes=codes)
    rng = np.random.default_rng(seed)
    width = len(encoder.feature_names)
    layer = Layer(rng.normal(size=(width, num_classes)).astype(np.float32),
                  rng.normal(size=num_classes).astype(np.float32))
    head = DenseHead(members=((layer,),))
    return write_graph(
        encoder=encoder, logit_shift=None, temperature=1.0, num_classes=num_classes, size_px=0,
        write_model=lambda graph, _, metadata: write_head(graph, head, metadata, width))


def run(model: bytes) -> np.ndarray:
    session = open_session(model)
    feeds = {entry.name: FEEDS[entry.name] for entry in session.get_inputs()}
    return np.asarray(session.run(["probabilities"], feeds)[0])


def list_inputs(model: bytes) -> list[str]:
    return [entry.name for entry in onnx.load_model_from_string(model).graph.input]


@given(st.lists(st.sampled_from([(), (AGE,), (SEX,), (AGE, SEX), (SEX, AGE)]), min_size=2,
                max_size=4), st.sampled_from([1.0, 0.6, 2.0]))
def test_the_graph_gives_the_mean_of_its_members(
    seen: list[tuple[NumberCode | CategoryCode, ...]], temperature: float
) -> None:
    models = [make_model(seed, *codes) for seed, codes in enumerate(seen)]
    joined = join_graphs(models, temperature)
    expected = np.mean([temper(run(model).astype(np.float64), temperature) for model in models],
                       axis=0)
    np.testing.assert_allclose(run(joined), expected, rtol=0, atol=1e-6)
    names = {code.name for codes in seen for code in codes}
    assert set(list_inputs(joined)) == (names or {"num_rows"})


def test_what_members_share_is_written_once() -> None:
    model = make_model(0, AGE, SEX)
    twice = onnx.load_model_from_string(join_graphs([model, model]))
    once = onnx.load_model_from_string(model)
    assert len(twice.graph.node) == len(once.graph.node) + 1
    assert len(twice.graph.initializer) <= len(once.graph.initializer)
    heads = onnx.load_model_from_string(join_graphs([model, make_model(1, AGE, SEX)]))
    kinds = [node.op_type for node in heads.graph.node]
    assert [kinds.count(kind) for kind in ("LabelEncoder", "Gemm")] == [1, 2]


@pytest.mark.parametrize("order", [*itertools.permutations([18, 20, 21])])
def test_members_of_several_operator_sets_are_brought_to_the_newest(order: tuple[int, ...]) -> None:
    models = [make_model(seed, AGE, SEX) for seed in range(3)]
    mixed = [version_converter.convert_version(onnx.load_model_from_string(model), version)
             .SerializeToString() for model, version in zip(models, order, strict=True)]
    joined = join_graphs(mixed)
    versions = {entry.domain: entry.version
                for entry in onnx.load_model_from_string(joined).opset_import}
    assert versions == {"": 21, "ai.onnx.ml": 3}
    np.testing.assert_allclose(run(joined), np.mean([run(model) for model in models], axis=0),
                               rtol=0, atol=1e-6)


def test_the_same_members_give_the_same_bytes() -> None:
    models = [make_model(seed, AGE) for seed in range(2)]
    assert join_graphs(models) == join_graphs(models)
