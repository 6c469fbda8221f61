"""A stack: trees on the scores of an image, its metadata and its patient's other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnx import numpy_helper
from scipy.special import expit, log_softmax

from lesionlab.core import artifacts
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import (
    CONTEXT_FILE,
    CONTEXT_FORMAT_VERSION,
    ModelBundle,
    seal_manifest,
)
from lesionlab.inference.context_pass import PATIENT, find_context
from lesionlab.inference.patient_context import list_context_columns
from lesionlab.training.graph import GraphWriter, write_context_graph
from lesionlab.training.packing import (
    PARITY_ROWS,
    TrainedParts,
    refuse_difference,
    write_bundle,
)
from lesionlab.training.trained import FeatureModel

MEASURES = ("clin_size_long_diam_mm",)
"""Columns that a patient's images are compared by beside their scores, where a recipe reads them:
what is measured on the lesion, and differs between lesions of one patient."""


def name_scores(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of `find_scores`.

    >>> name_scores(["Benign", "Malignant"])
    ('log_odds_Malignant',)
    """
    if len(classes) == 2:
        return (f"log_odds_{classes[1]}",)
    return tuple(f"log_p_{name}" for name in classes)


def find_scores(logits: np.ndarray) -> np.ndarray:
    """Scores (N, C) float32 of logits (N, K): log odds of two classes, else log probabilities.

    Logits themselves have a level of their own in each head, which says nothing.
    """
    if logits.shape[1] == 2:
        return (logits[:, 1:] - logits[:, :1]).astype(np.float32)
    return log_softmax(logits, axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class StackedModel:
    """A scorer of images, and a judge of scores, metadata and patient context."""

    scorer: FeatureModel
    """Heads on a frozen backbone; it reads no metadata."""
    judge: FeatureModel
    """Trees on scores, encoded metadata and context, side by side."""
    classes: tuple[str, ...]
    measures: tuple[str, ...]
    """Columns that are compared within a patient beside the scores."""

    @property
    def score_names(self) -> tuple[str, ...]:
        """Of each score."""
        return name_scores(self.classes)

    @property
    def num_context(self) -> int:
        """Columns of a patient context."""
        return len(list_context_columns(self.score_names))

    def write(self, graph: GraphWriter, image: str | None, metadata: str) -> str:
        """The scorer's nodes, the output `scores`, and the judge's nodes without context."""
        logits = self.scorer.write(graph, image, metadata)
        if len(self.classes) == 2:
            scores = graph.add("MatMul", logits, graph.constant(np.array([[-1], [1]], np.float32)))
        else:
            scores = graph.add("LogSoftmax", logits, axis=1)
        graph.output("scores", scores, len(self.score_names))
        num_rows = graph.add("Shape", scores, start=0, end=1)
        width = graph.constant(np.array([self.num_context], np.int64))
        unknown = graph.add("ConstantOfShape", graph.add("Concat", num_rows, width, axis=0),
                            value=numpy_helper.from_array(np.array([np.nan], np.float32)))
        features = graph.add("Concat", scores, metadata, unknown, axis=1)
        return self.judge.write(graph, None, features)

    def scores(self, squares: np.ndarray) -> np.ndarray:
        """(N, C) float32 of (N, S, S, 3) uint8, by torch and numpy."""
        return find_scores(self.scorer.logits(squares, np.zeros((len(squares), 0), np.float32)))

    def judge_scores(
        self, scores: np.ndarray, metadata: np.ndarray, context: np.ndarray | None
    ) -> np.ndarray:
        """(N, K) float32 logits by LightGBM itself; without context, each image by itself."""
        if context is None:
            context = np.full((len(scores), self.num_context), np.nan, np.float32)
        return self.judge.logits(None, np.concatenate([scores, metadata, context], axis=1))

    def logits(self, squares: np.ndarray | None, metadata: np.ndarray) -> np.ndarray:
        """(N, K) float32, each image by itself."""
        assert squares is not None
        return self.judge_scores(self.scores(squares), metadata, None)

    def describe(self) -> dict[str, Any]:
        """See `TrainedModel`."""
        scorer, judge = self.scorer.describe(), self.judge.describe()
        num_metadata = judge["num_features"] - len(self.score_names) - self.num_context
        return {"num_features": scorer["num_features"] + num_metadata,
                "num_parameters": scorer["num_parameters"] + judge["num_parameters"],
                "weights": scorer["weights"]}

    def tensors(self) -> dict[str, np.ndarray]:
        """The scorer's."""
        return self.scorer.tensors()


def write_stack(folder: Path, parts: TrainedParts, data: PreparedData) -> ModelBundle:
    """`write_bundle`, and the second pass beside it."""
    model = parts.model
    assert isinstance(model, StackedModel)
    bundle = write_bundle(folder, parts, data)
    graph = write_context_graph(
        encoder=parts.encoder, write_model=partial(_write_judge, model.judge),
        num_scores=len(model.score_names), num_context=model.num_context,
        logit_shift=parts.logit_shift, temperature=parts.temperature,
        num_classes=len(data.classes))
    artifacts.write_bytes(folder / CONTEXT_FILE, graph)
    seal_manifest(folder, bundle.manifest | {
        "format_version": CONTEXT_FORMAT_VERSION,
        "context": {"scores": list(model.score_names), "measures": list(model.measures)}})
    return ModelBundle.load(folder)


def _write_judge(judge: FeatureModel, graph: GraphWriter, features: str) -> str:
    return judge.write(graph, None, features)


def check_stack_parity(bundle: ModelBundle, parts: TrainedParts, data: PreparedData) -> float:
    """The largest difference to the training side on validation rows, in scores and both passes.

    Both passes are compared on the bundle's own scores: a tree may turn at the last digit of one.
    In the second all rows count as one patient's, so that each has others to be compared with.

    Raises:
        BundleError: it is above `PARITY_TOLERANCE`; the bundle must not be used.
    """
    model = parts.model
    assert isinstance(model, StackedModel)
    rows = data.rows("valid").iloc[:PARITY_ROWS]
    squares = parts.read_squares(data, rows)
    assert squares is not None
    num_classes = len(data.classes)
    outputs = bundle.run_all(squares, rows)
    alone, scores = outputs[:, :num_classes], outputs[:, num_classes:]
    context = find_context(scores, rows.assign(**{PATIENT: "one"}), names=bundle.score_names,
                           measure_names=bundle.measure_names)
    encoded = parts.encoder.encode(rows)
    compared = (
        ("scores", _to_shares(scores), _to_shares(model.scores(squares))),
        ("first pass", alone, parts.calibrate(model.judge_scores(scores, encoded, None))),
        ("second pass", bundle.run_context(scores, context, rows),
         parts.calibrate(model.judge_scores(scores, encoded, context))))
    return max(refuse_difference(f"the bundle does not compute what was trained: in its {what}",
                                 found, expected, rows.index)
               for what, found, expected in compared)


def _to_shares(scores: np.ndarray) -> np.ndarray:
    """The probabilities that scores stand for."""
    return expit(scores) if scores.shape[1] == 1 else np.exp(scores)
