"""Leaderboards as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

import lesionlab
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.evaluation import figures
from lesionlab.evaluation.leaderboard import SHOWN, Leaderboard
from lesionlab.evaluation.page import (
    DASH,
    ROLE_LABELS,
    format_estimate,
    format_number,
    format_percent,
)
from lesionlab.evaluation.paired import ALPHA, COMPARED, LEAST_RESAMPLES
from lesionlab.evaluation.terms import METRICS
from lesionlab.pages.figures import Figure, link_csv
from lesionlab.pages.templating import open_templates

MEASURES = SHOWN[1:]
"""Metrics beside the AUROC, which has columns of its own."""


def render(leaderboards: Sequence[Leaderboard], failures: Mapping[str, str]) -> str:
    """The HTML text of the page, the same for the same leaderboards and failed models."""
    environment = open_templates("lesionlab.evaluation")
    environment.filters |= {"number": format_number, "whole": "{:,}".format,
                            "percent": format_percent, "breakable": make_breakable}
    boards = [_describe(board, number) for number, board in enumerate(leaderboards)]
    roles = sorted({ROLE_LABELS.get(board.role, board.role) for board in leaderboards})
    return environment.get_template("leaderboard.html.j2").render({
        "boards": boards, "failures": dict(failures), "notice": RESEARCH_USE,
        "roles": ", ".join(roles),
        "title": f"Models side by side: {', '.join(board.target for board in leaderboards)}",
        "measures": [METRICS[name] for name in ("auroc", *MEASURES)],
        "measure_labels": [METRICS[name].label for name in MEASURES],
        "compared": [METRICS[name].label for name in COMPARED],
        "alpha": f"{100 * ALPHA:.0f}", "least_resamples": LEAST_RESAMPLES,
        "has_control": any(board["controls"] for board in boards),
        "has_published": any(board["has_published"] for board in boards),
        "version": lesionlab.__version__})


def _describe(board: Leaderboard, number: int) -> dict[str, Any]:
    """Everything that the template shows of one leaderboard."""
    has_own_reference = board.reference not in (None, board.best)
    sides = {"best": board.best} | ({"reference": board.reference} if has_own_reference else {})
    sides = {against: other for against, other in sides.items() if other is not None}
    scale = _find_scale(board.rows)
    rows = [_row(board, row, sides, scale) for row in board.records]
    winner = next((row for row in rows if row["is_best"]), None)
    return {
        "board": board, "key": f"board-{number}", "sides": sides, "winner": winner,
        "auroc_label": "AUROC" if board.positive_class else "Macro AUROC",
        "rows": [row for row in rows if not row["is_control"]],
        "controls": [row for row in rows if row["is_control"]],
        "has_published": bool(board.rows["published"].notna().any()),
        "has_said": any(row["said"] for row in rows), "scale": scale,
        "svg": figures.draw(find_figure(board), prefix=f"board-{number}-roc"),
        "figure": find_figure(board), "csv": link_csv(curve_table(board)),
        "confusions": [_confusion(board, row["name"]) for row in rows]}


def _find_scale(rows: pd.DataFrame) -> tuple[float, float]:
    """The AUROCs at both ends of the drawn intervals: tenths around all of them."""
    values = rows[["auroc", "auroc_low", "auroc_high"]].to_numpy(float)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    return float(np.floor(values.min() * 10) / 10), 1.0


def _row(
    board: Leaderboard, row: dict[str, Any], sides: dict[str, str], scale: tuple[float, float],
) -> dict[str, Any]:
    name = row["name"]
    return {
        "name": name, "is_best": name == board.best, "is_reference": name == board.reference,
        "is_control": row["is_control"], "auroc": _cell(row, "auroc"),
        "range": _range(row, scale), "cells": [_cell(row, measure) for measure in MEASURES],
        "differences": [_difference(board, name, against, "auroc") for against in sides],
        "tests": [_difference(board, name, against, metric)
                  for metric in COMPARED for against in sides],
        "published": row["published"], "said": row["said"], "n_images": row["n_images"],
        "n_groups": row["n_groups"], "training": format_seconds(row["training_seconds"]),
        "num_parameters": DASH if pd.isna(row["num_parameters"]) else f"{row['num_parameters']:,}",
        "latency": format_milliseconds(row["latency_ms"])}


def _cell(row: dict[str, Any], name: str) -> dict[str, str]:
    return format_estimate(name, row[name], row[f"{name}_low"], row[f"{name}_high"])


def _range(row: dict[str, Any], scale: tuple[float, float]) -> dict[str, float] | None:
    """Where the AUROC and its interval lie on the scale, in percent of its width."""
    ends = {"value": row["auroc"], "low": row["auroc_low"], "high": row["auroc_high"]}
    if not np.isfinite(list(ends.values())).all():
        return None
    low, high = scale
    return {end: round(100 * (value - low) / (high - low), 2) for end, value in ends.items()}


def _difference(
    board: Leaderboard, name: str, against: str, metric: str,
) -> dict[str, Any] | None:
    found = board.difference(name, against, metric)
    if found is None:
        return None
    value = found["difference"]
    sign = "+" if value > 0 and round(value, 3) else ""
    ends = [format_number(found[end]) for end in ("low", "high")]
    return {"value": sign + format_number(value), "interval": " to ".join(ends),
            "is_significant": found["is_significant"], "is_worse": value < 0,
            "p": format_p(found["p_corrected"])}


def format_p(value: float) -> str:
    """A p value, never shown as 0.

    >>> format_p(0.0004), format_p(0.0321), format_p(1.0)
    ('< 0.001', '0.032', '1')
    """
    if not np.isfinite(value):
        return DASH
    if value < 0.001:
        return "< 0.001"
    return "1" if value == 1 else f"{value:.3f}"


def format_seconds(value: float) -> str:
    """A time in the unit that suits it.

    >>> format_seconds(0.25), format_seconds(75), format_seconds(8000)
    ('0.2 s', '1.2 min', '2.2 h')
    """
    if not np.isfinite(value):
        return DASH
    size, unit = next(((size, unit) for size, unit in ((3600, "h"), (60, "min"))
                       if value >= size), (1, "s"))
    return f"{value / size:.1f} {unit}"


def format_milliseconds(value: float) -> str:
    """A short time.

    >>> format_milliseconds(0.021), format_milliseconds(12.72)
    ('0.02 ms', '12.7 ms')
    """
    if not np.isfinite(value):
        return DASH
    return f"{value:.{1 if value >= 1 else 2}f} ms"


def make_breakable(name: str) -> Markup:
    """A name that a narrow column may break behind its underscores.

    >>> make_breakable("image_<cnn>")
    Markup('image_<wbr>&lt;cnn&gt;')
    """
    return escape(name).replace("_", Markup("_<wbr>"))


def curve_table(board: Leaderboard) -> pd.DataFrame:
    """The ROC curves as columns: `false_positive_rate`, and the sensitivity of each model."""
    num_points = len(next(iter(board.curves.values())))
    rates = pd.Series(np.linspace(0, 1, num_points), name="false_positive_rate")
    return pd.concat([rates, pd.DataFrame(board.curves)], axis=1)


def find_figure(board: Leaderboard) -> Figure:
    """All ROC curves in one figure, best first."""
    table = curve_table(board)
    parts, told = [], []
    for row in board.records:
        text = f"{row['name']} {format_number(row['auroc'])}"
        told.append(text)
        parts.append(pd.DataFrame({
            "class": text, "is_control": row["is_control"],
            "false_positive_rate": table["false_positive_rate"],
            "sensitivity": board.curves[row["name"]]}))
    of = (f"{board.positive_class} against {board.classes[0]}" if board.positive_class
          else "the mean over the classes, each against the rest")
    return Figure(
        name="models", title="ROC curves", table=pd.concat(parts, ignore_index=True),
        description=f"Sensitivity against false positive rate of each model, {of}. "
                    f"AUROC: {'; '.join(told)}.",
        reading=f"Curves of {of}. The closer to the upper left corner, the better; the dotted "
                "diagonal is a coin. Curves that cross are better at different thresholds.")


def _confusion(board: Leaderboard, name: str) -> dict[str, Any]:
    """The confusion matrix of one model: counts, and shares of their row."""
    rows = []
    for true, counts in zip(board.classes, board.confusions[name].tolist(), strict=True):
        total = sum(counts)
        cells = [{"count": count, "share": count / total if total else 0.0} for count in counts]
        rows.append({"name": true, "cells": cells})
    return {"name": name, "rows": rows}
