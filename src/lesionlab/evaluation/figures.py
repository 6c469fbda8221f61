"""Drawing: the numbers of the report's figures to SVG."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from lesionlab.pages.figures import (
    HUES,
    INK,
    QUIET,
    Figure,
    draw_svg,
    line_style,
    start_canvas,
)


def draw(figure: Figure, *, prefix: str = "") -> str:
    """`figure` as an `<svg>` element with a text alternative; same numbers, same text.

    Args:
        figure: with a name that has a drawer here.
        prefix: of the ids in it, where a page holds two figures of one name; else the name.
    """
    return draw_svg(figure, _DRAWERS[figure.name], prefix=prefix)


def _square(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x_label, ylabel=y_label)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))


def _parts(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(name), part) for name, part in table.groupby("class", sort=False)]


def _grid(table: pd.DataFrame, height: float) -> tuple[Canvas, list[Axes]]:
    """A panel per class, up to four in a row."""
    num_panels = max(1, table["class"].nunique())
    num_columns = min(4, num_panels)
    num_rows = -(-num_panels // num_columns)
    width = 5.0 if num_panels == 1 else 2.6 * num_columns
    height = 4.2 if num_panels == 1 else height * num_rows
    canvas = Canvas(figsize=(width, height), layout="constrained")
    axes = canvas.subplots(num_rows, num_columns, squeeze=False).ravel()
    for spare in axes[num_panels:]:
        spare.set_axis_off()
    return canvas, list(axes[:num_panels])


def _name_classes(canvas: Canvas, axes: Axes) -> None:
    """A legend above the axes, where there are several lines."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        canvas.legend(handles, labels, loc="outside upper left", ncols=4, handlelength=2.4)


def _draw_roc(table: pd.DataFrame) -> Canvas:
    canvas, axes = start_canvas()
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
    for number, (name, part) in enumerate(_parts(table)):
        style = line_style(number)
        axes.plot(part["false_positive_rate"], part["sensitivity"], label=name, **style)
    _square(axes, "1 \N{MINUS SIGN} specificity", "Sensitivity")
    _name_classes(canvas, axes)
    return canvas


def _draw_models(table: pd.DataFrame) -> Canvas:
    """ROC curves of many models, named beside the axes; a control is a thin quiet line."""
    height = max(4.6, 0.9 + 0.2 * table["class"].nunique())
    canvas, axes = start_canvas(8.6, height)
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
    for number, (name, part) in enumerate(_parts(table)):
        style = line_style(number)
        if part["is_control"].iloc[0]:
            style = {"color": QUIET, "linewidth": 1}
        axes.plot(part["false_positive_rate"], part["sensitivity"], label=name, **style)
    _square(axes, "1 \N{MINUS SIGN} specificity", "Sensitivity")
    axes.set_aspect("equal")
    canvas.legend(loc="outside right upper", handlelength=2.8)
    return canvas


def _draw_precision_recall(table: pd.DataFrame) -> Canvas:
    canvas, axes = start_canvas()
    for number, (name, part) in enumerate(_parts(table)):
        style = line_style(number)
        axes.step(part["recall"], part["precision"], where="pre", label=name, **style)
        axes.axhline(part["prevalence"].iloc[0], linewidth=1, linestyle=":", color=style["color"])
    _square(axes, "Recall (sensitivity)", "Precision (PPV)")
    _name_classes(canvas, axes)
    return canvas


def _draw_reliability(table: pd.DataFrame) -> Canvas:
    canvas, panels = _grid(table, 2.7)
    for axes, (name, part) in zip(panels, _parts(table), strict=False):
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
        middle, frequency = part["mean_probability"], part["frequency"]
        axes.vlines(middle, part["low"], part["high"], color=HUES[0], linewidth=1, alpha=0.6)
        axes.plot(middle, frequency, color=HUES[0], marker="o", markersize=3.5,
                  linewidth=1.2 if len(panels) == 1 else 0)
        _square(axes, "Stated probability", "Observed frequency")
        if len(panels) > 1:
            axes.set_title(name)
        else:
            _draw_strip(axes.inset_axes((0, -0.36, 1, 0.16)), part)
    return canvas


def _draw_strip(axes: Axes, part: pd.DataFrame) -> None:
    """The number of images of each bin, as bars."""
    width = part["bin_high"] - part["bin_low"]
    axes.bar(part["bin_low"], part["n_images"], width * 0.9, align="edge", color=HUES[0], alpha=0.5)
    axes.set(xlim=(-0.01, 1.01), ylabel="Images", xticks=[])
    axes.grid(visible=False)
    axes.set_yticks([0, int(part["n_images"].max())])


def _draw_scores(table: pd.DataFrame) -> Canvas:
    canvas, panels = _grid(table, 2.1)
    for axes, (name, part) in zip(panels, _parts(table), strict=False):
        left, width = part["bin_low"], part["bin_high"] - part["bin_low"]
        for column, hue, label, sign in (("n_positive", HUES[1], name, 1),
                                         ("n_negative", HUES[0], f"not {name}", -1)):
            share = part[column] / max(1, part[column].sum())
            axes.bar(left, sign * share, width * 0.92, align="edge", color=hue, label=label)
        axes.axhline(0, color=QUIET, linewidth=0.8)
        cut = part["threshold"].iloc[0]
        if np.isfinite(cut):
            axes.axvline(cut, color=INK, linewidth=1, linestyle="--", label=f"threshold {cut:.2f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * abs(value):.0f} %")
        axes.set(xlim=(0, 1), xlabel="Probability", ylabel="Share of its images")
        if len(panels) > 1:
            axes.set(title=f"{name} (up), others (down)", ylabel="")
        else:
            axes.legend(loc="best")
    return canvas


def _draw_confusion(table: pd.DataFrame) -> Canvas:
    names = list(table["target"].unique())
    number = len(names)
    counts = table["n_images"].to_numpy().reshape(number, number)
    shares = np.nan_to_num(table["share_of_target"].to_numpy(float)).reshape(number, number)
    size = 4.2 if number == 2 else max(4.6, 0.78 * number + 1)
    canvas, axes = start_canvas(size * 1.15, size)
    for row, column in np.ndindex(number, number):
        _draw_cell(axes, (column, row), int(counts[row, column]), float(shares[row, column]))
    axes.set(xlim=(-0.5, number - 0.5), ylim=(number - 0.5, -0.5), xlabel="Decided",
             ylabel="True", xticks=range(number), yticks=range(number))
    rotation = 0 if number * max(map(len, names)) < 45 else 35
    axes.set_xticklabels(names, rotation=rotation, ha="right" if rotation else "center")
    axes.set_yticklabels(names)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return canvas


def _draw_cell(axes: Axes, centre: tuple[int, int], count: int, share: float) -> None:
    column, row = centre
    # Half the hue at most, so that the ink reads on it in light and dark.
    axes.add_patch(Rectangle((column - 0.49, row - 0.49), 0.98, 0.98, facecolor=HUES[0],
                             alpha=0.05 + 0.45 * share))
    for text, size, shift in ((f"{count:,}", 10, 6), (f"{100 * share:.0f} %", 8, -7)):
        axes.annotate(text, centre, (0, shift), textcoords="offset points", ha="center",
                      va="center", color=INK, fontsize=size)


def _draw_decision_curve(table: pd.DataFrame) -> Canvas:
    canvas, panels = _grid(table, 2.1)
    for axes, (name, part) in zip(panels, _parts(table), strict=False):
        cuts = part["threshold"]
        axes.plot(cuts, part["flag_all"], color=QUIET, linewidth=1.2, linestyle="--",
                  label="flag all")
        axes.axhline(0, color=QUIET, linewidth=1, linestyle=":", label="flag none")
        axes.plot(cuts, part["model"], color=HUES[0], label="model")
        top = max(float(part[["model", "flag_all"]].to_numpy().max()), 0.01)
        axes.set(xlim=(0, 1), ylim=(-0.35 * top, 1.1 * top), xlabel="Threshold probability",
                 ylabel="Net benefit")
        if len(panels) > 1:
            axes.set(title=name, ylabel="")
        else:
            axes.legend(loc="upper right")
    return canvas


_DRAWERS: dict[str, Callable[[pd.DataFrame], Canvas]] = {
    "roc": _draw_roc, "models": _draw_models, "precision_recall": _draw_precision_recall,
    "reliability": _draw_reliability, "scores": _draw_scores, "confusion": _draw_confusion,
    "decision_curve": _draw_decision_curve}
