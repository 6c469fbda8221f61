"""Charts as the page shows them: bars and matrices as tables, histograms as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from lesionlab.auditing.exploration import Chart
from lesionlab.pages.figures import HUES, INK, draw_svg, line_style, start_canvas

MOST_LINES = 3
"""Classes that can be told apart as lines over each other."""
MOST_GAPS = 40
"""Columns with gaps that the page names; eda.json has all."""
DASH = "\N{EN DASH}"


def describe_chart(chart: Chart, classes: Sequence[str], key: str) -> dict[str, Any]:
    """What the template shows of one chart.

    Args:
        chart: of an exploration.
        classes: that the exploration tells apart, in the order of their colours.
        key: of the chart on the page, unique.
    """
    figure = chart.figure
    shown: dict[str, Any] = {
        "key": key, "kind": chart.kind, "title": figure.title, "description": figure.description,
        "reading": figure.reading, "is_wide": chart.kind in ("gaps", "correlation"),
        "numbers": None}
    if chart.kind == "bars":
        return shown | _describe_bars(figure.table, classes)
    if chart.kind == "histogram":
        # Roles have other colours than classes.
        drawer = partial(draw_histogram, first_hue=2 if figure.name == "age_by_role" else 0)
        return shown | {"svg": draw_svg(figure, drawer, prefix=key),
                        "numbers": _widen(figure.table, _name_bins(figure.table))}
    if chart.kind == "gaps":
        return shown | _describe_gaps(figure.table)
    if chart.kind == "correlation":
        return shown | _describe_correlation(figure.table)
    return shown | {"groups": [
        {"name": str(name), "rows": rows.round({"red": 0, "green": 0, "blue": 0}).astype(
            {"red": int, "green": int, "blue": int}).to_dict("records")}
        for name, rows in figure.table.groupby("column", sort=False)]}


def _describe_bars(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """A row per value: its bar, in percent of the longest, and its numbers."""
    counts = table.pivot_table("n_images", "value", "class", "sum", sort=False)
    counts = counts.reindex(columns=list(classes), fill_value=0)
    totals = counts.sum(axis=1)
    nouns = [name for name in map(str, table) if name.startswith("n_") and name != "n_images"]
    beside = table.groupby("value", sort=False)[nouns].first()
    rows = [{
        "value": value, "n_images": int(totals[value]),
        "beside": [int(number) for number in beside.loc[value]],
        "parts": [{"hue": hue, "width": 100 * count / totals.max()}
                  for hue, count in enumerate(counts.loc[value]) if count],
        "n_positive": int(counts.loc[value].iloc[-1]),
        "share": counts.loc[value].iloc[-1] / max(1, totals[value]),
    } for value in counts.index]
    is_binary = len(classes) == 2
    return {"rows": rows, "nouns": [name.removeprefix("n_") for name in nouns],
            "positive": classes[-1] if is_binary else None,
            "numbers": None if is_binary else _widen(table, table["value"])}


def _widen(table: pd.DataFrame, names: pd.Series) -> dict[str, Any]:
    """Counts and shares with a column per class."""
    columns = list(dict.fromkeys(table["class"]))
    rows = [{"name": name, "cells": [
        {"count": count, "share": share}
        for count, share in zip(cells["n_images"].tolist(), cells["share"].fillna(0).tolist(),
                                strict=True)]} for name, cells in table.groupby(names, sort=False)]
    return {"columns": columns, "rows": rows}


def _name_bins(table: pd.DataFrame) -> pd.Series:
    return table["low"].map("{:,.4g}".format) + " to " + table["high"].map("{:,.4g}".format)


def _describe_gaps(table: pd.DataFrame) -> dict[str, Any]:
    columns = list(dict.fromkeys(table["part"]))
    has_gap = table.groupby("column", sort=False)["n_missing"].transform("max") > 0
    rows = [{"name": name, "cells": [
        {"text": _say_whole(share), "weight": share, "sign": "more"} for share in rows["share"]]}
        for name, rows in table[has_gap].groupby("column", sort=False)]
    return {"columns": columns, "matrix": rows[:MOST_GAPS],
            "num_more": max(0, len(rows) - MOST_GAPS)}


def _say_whole(share: float) -> str:
    """A share in whole percent, in which a little is not nothing, nor nearly all all."""
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"


def _describe_correlation(table: pd.DataFrame) -> dict[str, Any]:
    """The lower triangle, a row per number."""
    names = list(dict.fromkeys(table["row"]))
    values = table["correlation"].to_numpy(float).reshape(len(names), len(names))
    rows = [{"name": names[row], "cells": [_describe_cell(values[row, column])
                                           for column in range(row)]}
            for row in range(1, len(names))]
    return {"columns": names[:-1], "matrix": rows, "num_more": 0}


def _describe_cell(value: float) -> dict[str, Any]:
    if np.isnan(value):
        return {"text": DASH, "weight": 0.0, "sign": "more"}
    text = f"{value:.2f}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")
    return {"text": text, "weight": abs(value), "sign": "less" if value < 0 else "more"}


def draw_histogram(table: pd.DataFrame, *, first_hue: int = 0) -> Canvas:
    """Each class over the bins as a share of its own images: lines, or of many a row of its own."""
    parts = [(str(name), part) for name, part in table.groupby("class", sort=False)]
    edges = np.append(parts[0][1]["low"], parts[0][1]["high"].iloc[-1])
    labels = [f"{textwrap.shorten(name, 34, placeholder='…')} ({part['n_images'].sum():,})"
              for name, part in parts]
    shares = [part["share"].fillna(0).to_numpy(np.float64) for _, part in parts]
    if len(parts) > MOST_LINES:
        canvas, axes = start_canvas(4.5, 0.7 + 0.36 * len(parts))
        _draw_rows(axes, shares, edges, labels)
    else:
        canvas, axes = start_canvas(4.5, 2.9)
        for number, (share, label) in enumerate(zip(shares, labels, strict=True)):
            axes.stairs(share, edges, label=label, linewidth=1.6, **line_style(first_hue + number))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
        axes.set_ylabel("Share of its images")
        axes.set_ylim(bottom=0)
        canvas.legend(loc="outside upper left", ncols=2, handlelength=2.4)
    axes.set_xlim(edges[0], edges[-1])
    if edges[0] > 0 and np.ptp(np.diff(np.log(edges))) < 1e-9:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:,.3g}")
        axes.tick_params(which="minor", labelsize=7.5)
    return canvas


def _draw_rows(
    axes: Axes, shares: Sequence[np.ndarray], edges: np.ndarray, labels: Sequence[str]
) -> None:
    """A filled curve above a line of its own for each class, all of one height."""
    places = range(len(shares) - 1, -1, -1)
    for number, (place, share) in enumerate(zip(places, shares, strict=True)):
        heights = place + 0.85 * share / max(share.max(), 1e-9)
        hue = HUES[number % len(HUES)]
        axes.stairs(heights, edges, baseline=place, fill=True, color=hue, alpha=0.45)
        axes.stairs(heights, edges, baseline=place, color=hue, linewidth=1)
    axes.set_yticks(list(places), labels, va="bottom", color=INK)
    axes.set_ylim(0, len(shares))
