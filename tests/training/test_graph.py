"""The graph computes what encoder and head compute, for any row."""

import dataclasses
import itertools

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from factories import clean_frame
from lesionlab.core.recipe import Recipe
from lesionlab.core.terms import COLUMNS
from lesionlab.inference.bundle import raw_values
from lesionlab.inputs.metadata import CategoryCode, MetadataEncoder, NumberCode
from lesionlab.models.heads import DenseHead, Head, Layer
from lesionlab.recipes import find_recipe
from lesionlab.training.graph import write_graph
from lesionlab.training.packing import PARITY_TOLERANCE, TrainedParts
from lesionlab.training.solving import HeadRows, fit_head
from lesionlab.training.trained import FeatureModel

NUMBERS = [name for name, column in COLUMNS.items()
           if column.role == "input" and column.kind == "number"]
TEXTS = [name for name, column in COLUMNS.items()
         if column.role == "input" and column.kind == "category"]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1,
                max_size=6)
number_codes = st.builds(
    NumberCode, name=st.sampled_from(NUMBERS), median=st.floats(0, 100), mean=st.floats(0, 100),
    std=st.floats(1, 50))
category_codes = st.builds(
    CategoryCode, name=st.sampled_from(TEXTS),
    levels=st.lists(texts, unique=True, min_size=1, max_size=4).map(sorted).map(tuple))
encoders = st.builds(MetadataEncoder, codes=st.lists(
    number_codes | category_codes, min_size=1, max_size=4, unique_by=lambda c: c.name).map(tuple))


def random_head(seed: int, widths: list[int], num_members: int) -> DenseHead:
    rng = np.random.default_rng(seed)
    return DenseHead(members=tuple(
        tuple(Layer(rng.normal(0, 0.5, (a, b)).astype(np.float32),
                    rng.normal(0, 0.5, b).astype(np.float32))
              for a, b in itertools.pairwise(widths)) for _ in range(num_members)))


def run_graph(parts: TrainedParts, num_classes: int, rows: pd.DataFrame) -> np.ndarray:
    graph = write_graph(
        encoder=parts.encoder, write_model=parts.model.write, logit_shift=parts.logit_shift,
        temperature=parts.temperature, num_classes=num_classes, size_px=0)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feeds = {name: raw_values(rows, name) for name in parts.encoder.columns}
    feeds = feeds or {"num_rows": np.zeros(len(rows), np.float32)}
    return np.asarray(session.run(["probabilities"], feeds)[0])


def make_parts(encoder: MetadataEncoder, head: Head, temperature: float = 1.0) -> TrainedParts:
    return TrainedParts(recipe=Recipe(name="r", metadata=find_recipe("metadata_linear").metadata),
                        encoder=encoder, temperature=temperature, preprocessing=None,
                        model=FeatureModel(backbone=None, exported=None, head=head,
                                           num_metadata=len(encoder.feature_names)))


@given(encoders, st.data(), st.integers(0, 99), st.floats(0.05, 20))
def test_the_graph_equals_encoder_and_head(
    encoder: MetadataEncoder, data: st.DataObject, seed: int, temperature: float
) -> None:
    columns = {}
    for code in encoder.codes:
        known = (st.floats(0, 500, width=32) if isinstance(code, NumberCode)
                 else st.sampled_from(code.levels) | texts)
        columns[code.name] = data.draw(st.lists(st.none() | known, min_size=5, max_size=5))
    rows = pd.DataFrame(columns, index=range(5))
    num_members, num_classes = 1 + seed % 3, 2 + seed % 5
    hidden = [[], [3], [4, 5]][seed % 3]
    head = random_head(seed, [len(encoder.feature_names), *hidden, num_classes], num_members)
    parts = make_parts(encoder, head, temperature)
    found = run_graph(parts, num_classes, rows)
    expected = parts.probabilities(None, encoder.encode(rows))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=PARITY_TOLERANCE)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-5)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_trees_in_the_graph_equal_trees_outside(num_classes: int) -> None:
    frame = clean_frame(600, seed=5)
    encoder = MetadataEncoder.fit(frame[frame["role"] == "train"], ["age_approx", "sex"])
    features = encoder.encode(frame)
    rng = np.random.default_rng(0)
    target = ((features[:, 0] > 0) + rng.integers(0, num_classes, 600)) % num_classes
    rows = HeadRows(features=features, target_index=target)
    recipe = find_recipe("metadata_boosting").with_settings(["fit.max_epochs=20"])
    parts = make_parts(encoder, fit_head(recipe, rows, rows, num_classes).head)
    frame.loc[frame.index[:9], "sex"] = "unseen"
    found = run_graph(parts, num_classes, frame)
    np.testing.assert_allclose(found, parts.probabilities(None, encoder.encode(frame)), rtol=0,
                               atol=PARITY_TOLERANCE)
    assert found.std() > 0


def test_a_model_that_sees_nothing_answers_every_row() -> None:
    parts = make_parts(MetadataEncoder(codes=()), random_head(0, [0, 3], 1))
    found = run_graph(parts, 3, pd.DataFrame(index=range(7)))
    expected = parts.probabilities(None, np.zeros((7, 0), np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_logits_are_shifted_to_another_prior() -> None:
    parts = make_parts(MetadataEncoder(codes=()), random_head(0, [0, 3], 1), temperature=2.0)
    shift = np.array([0.5, -1.5, 1.0])
    shifted = dataclasses.replace(parts, logit_shift=shift)
    logits = parts.model.logits(None, np.zeros((4, 0), np.float32))
    found = run_graph(shifted, 3, pd.DataFrame(index=range(4)))
    np.testing.assert_allclose(found, softmax((logits + shift) / 2, axis=1), atol=1e-6)
