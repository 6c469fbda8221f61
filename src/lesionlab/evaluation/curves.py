"""The numbers behind each figure, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from lesionlab.evaluation import calibration, operating_point
from lesionlab.evaluation.metrics import Sample
from lesionlab.pages.figures import Figure

MOST_POINTS = 300
"""Points kept of a curve; corners that lie on a straight line go first."""
NUM_SCORE_BINS = 20

PerClass = dict[str, tuple[np.ndarray, np.ndarray]]
"""Class name to scores, (N,) float64, and whether each row is of it, (N,) bool."""


def find_figures(
    sample: Sample, classes: tuple[str, ...], shown: tuple[str, ...],
    decision_threshold: float | None,
) -> tuple[Figure, ...]:
    """Every figure of the report, over the classes `shown` of `classes`.

    `decision_threshold` is where two classes were told apart, None where the highest
    probability decided.
    """
    per_class = {name: (sample.probabilities[:, k], sample.target_index == k)
                 for k, name in enumerate(classes) if name in shown}
    return (_roc(per_class), _precision_recall(per_class), _reliability(per_class),
            _scores(per_class, decision_threshold), find_confusion(sample, classes),
            _decision_curve(per_class))


def _stack(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of all, the class in the first column."""
    frames = []
    for name, table in tables.items():
        table.insert(0, "class", name)
        frames.append(table)
    return pd.concat(frames, ignore_index=True)


def _is_mixed(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def _thin(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_POINTS:
        return table
    kept = np.unique(np.linspace(0, len(table) - 1, MOST_POINTS).round().astype(int))
    return table.iloc[kept].reset_index(drop=True)


def _roc(per_class: PerClass) -> Figure:
    tables = {name: pd.DataFrame(columns=["false_positive_rate", "sensitivity", "threshold"],
                                 dtype=float) for name in per_class}
    for name, (scores, is_positive) in per_class.items():
        if _is_mixed(is_positive):
            fpr, tpr, cuts = roc_curve(is_positive, scores)
            cuts = np.where(np.isfinite(cuts), cuts, np.nan)
            tables[name] = _thin(pd.DataFrame({
                "false_positive_rate": fpr, "sensitivity": tpr, "threshold": cuts}))
    table = _stack(tables)
    at_10 = "; ".join(f"{name}: sensitivity {_read_at(part):.0%} at 90 % specificity"
                      for name, part in table.groupby("class", sort=False))
    return Figure(
        name="roc", title="ROC curve", table=table,
        description=f"Sensitivity against false positive rate. {at_10 or 'Not defined here'}.",
        reading="The closer to the upper left corner, the better; the dotted diagonal is a coin.")


def _read_at(part: pd.DataFrame, rate: float = 0.1) -> float:
    return float(part.loc[part["false_positive_rate"] <= rate + 1e-9, "sensitivity"].max())


def _precision_recall(per_class: PerClass) -> Figure:
    tables = {}
    for name, (scores, is_positive) in per_class.items():
        columns = ["recall", "precision", "prevalence"]
        tables[name] = pd.DataFrame(columns=columns, dtype=float)
        if is_positive.any():
            precision, recall, _ = precision_recall_curve(
                is_positive, scores, drop_intermediate=True)
            tables[name] = _thin(pd.DataFrame({
                "recall": recall[::-1], "precision": precision[::-1],
                "prevalence": is_positive.mean()}))
    table = _stack(tables)
    shares = "; ".join(f"{name}: prevalence {part['prevalence'].iloc[0]:.1%}"
                       for name, part in table.groupby("class", sort=False))
    return Figure(
        name="precision_recall", title="Precision and recall", table=table,
        description=f"Precision against recall. {shares or 'Not defined here'}.",
        reading="Precision depends on how common the class is; the dotted line is the prevalence, "
                "what a coin would get.")


def _reliability(per_class: PerClass) -> Figure:
    table = _stack({name: calibration.find_reliability(scores, happened)
                    for name, (scores, happened) in per_class.items()})
    widest = (table["frequency"] - table["mean_probability"]).abs().max()
    return Figure(
        name="reliability", title="Reliability", table=table,
        description="Observed frequency against stated probability in 15 bins, with the number of "
                    f"images per bin below. Largest gap of a bin {widest:.2f}.",
        reading="On the diagonal, images called 30 % are positive 30 times in 100; bars are 95 % "
                "intervals.")


def _scores(per_class: PerClass, threshold: float | None) -> Figure:
    edges = np.linspace(0, 1, NUM_SCORE_BINS + 1)
    tables = {name: pd.DataFrame({
        "bin_low": edges[:-1], "bin_high": edges[1:],
        "n_positive": np.histogram(scores[happened], edges)[0],
        "n_negative": np.histogram(scores[~happened], edges)[0],
        "threshold": np.nan if threshold is None else threshold,
    }) for name, (scores, happened) in per_class.items()}
    means = "; ".join(f"{name}: mean {_mean(scores[happened])} for its own images, "
                      f"{_mean(scores[~happened])} for the others"
                      for name, (scores, happened) in per_class.items())
    return Figure(
        name="scores", title="Scores", table=_stack(tables),
        description=f"Histograms of the probability. {means}.",
        reading="Each side is drawn as a share of its own images, so that a rare class can be "
                "seen; the less the two overlap, the better.")


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" if len(values) else "none"


def find_confusion(sample: Sample, classes: tuple[str, ...]) -> Figure:
    """The confusion matrix, a row per true class and decided class."""
    num_classes = len(classes)
    cells = sample.target_index * num_classes + sample.decision_index
    counts = np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    table = pd.DataFrame({
        "target": np.repeat(classes, num_classes), "decision": np.tile(classes, num_classes),
        "n_images": counts.ravel(), "share_of_target": shares.ravel()})
    found = "; ".join(f"{name}: {counts[k, k]:,} of {totals[k, 0]:,} decided right"
                      for k, name in enumerate(classes))
    return Figure(
        name="confusion", title="Confusion matrix", table=table,
        description=f"True class against decided class. {found}.",
        reading="A row is a true class; shading and percentages are of that row.")


def _decision_curve(per_class: PerClass) -> Figure:
    table = _stack({name: operating_point.find_net_benefit(scores, happened)
                    for name, (scores, happened) in per_class.items()})
    best = table[["flag_all", "flag_none"]].max(axis=1)
    better = table.assign(is_better=table["model"] > best).groupby("class", sort=False)
    found = "; ".join(f"{name}: better than both at {int(part['is_better'].sum())} of 99 thresholds"
                      for name, part in better)
    return Figure(
        name="decision_curve", title="Decision curve", table=table,
        description="Net benefit against threshold probability, beside flagging all images and "
                    f"flagging none. {found}.",
        reading="Where the line is above both others, deciding by the model would do more good "
                "than harm at that trade-off.")
