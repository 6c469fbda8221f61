"""Figures: numbers with their words, drawn to an SVG that takes colours and font from the page."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

INK, QUIET, GRID = "#010101", "#020202", "#030303"
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b5fbf", "#7a7a7a")
"""Okabe and Ito's colours, which colour-blind readers can tell apart; lines differ in dash too."""
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
_VARIABLES = {INK: "ink", QUIET: "quiet", GRID: "line",
              **{hue: f"hue-{number}" for number, hue in enumerate(HUES)}}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "lesionlab", "text.parse_math": False,
    "font.size": 9, "axes.titlesize": 9.5,
    "font.family": ["DejaVu Sans"], "text.color": INK, "axes.labelcolor": QUIET,
    "axes.edgecolor": GRID, "xtick.color": QUIET, "ytick.color": QUIET, "axes.titlecolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "xtick.major.size": 0, "ytick.major.size": 0,
    "lines.linewidth": 1.8, "legend.frameon": False, "legend.fontsize": 8.5,
    "axes.titlelocation": "left", "axes.titlepad": 6}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: what it shows, and the numbers behind it."""

    name: str
    title: str
    description: str
    """What a reader who cannot see the figure is told."""
    reading: str
    """How to read it, one sentence."""
    table: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """A copy of the numbers behind the figure."""
        return self.table.copy()


def start_canvas(width: float = 5.0, height: float = 4.2) -> tuple[Canvas, Axes]:
    """An empty figure of so many inches with one pair of axes."""
    canvas = Canvas(figsize=(width, height), layout="constrained")
    return canvas, canvas.add_subplot()


def line_style(number: int) -> dict[str, Any]:
    """A hue and a dash, no two alike among the first 32."""
    dash = number // 2 + number // len(HUES)
    return {"color": HUES[number % len(HUES)], "linestyle": DASHES[dash % len(DASHES)]}


def draw_svg(
    figure: Figure, drawer: Callable[[pd.DataFrame], Canvas], *, prefix: str = ""
) -> str:
    """`figure` as an `<svg>` element with a text alternative; same numbers, same text.

    Args:
        figure: what to draw.
        drawer: draws its table, in no colours but `INK`, `QUIET`, `GRID` and `HUES`.
        prefix: of the ids in it, where a page holds two figures of one name; else the name.
    """
    with matplotlib.rc_context(_STYLE):
        sink = io.StringIO()
        drawer(figure.table).savefig(sink, format="svg", transparent=True, metadata=_NO_METADATA)
    return _adapt(sink.getvalue(), figure, prefix or figure.name)


def link_csv(table: pd.DataFrame) -> str:
    """A table as the address of a CSV file that holds it whole."""
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _adapt(svg: str, figure: Figure, prefix: str) -> str:
    """The `<svg>` element alone: ids of its own, the page's colours, a title and a description."""
    svg = svg[svg.index("<svg"):]
    unwanted = r'<metadata>.*?</metadata>|<!--.*?-->|xmlns(:\w+)?="[^"]*"'
    svg = re.sub(unwanted, "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r"font: ([\d.]+px) 'DejaVu Sans'", r"font-size: \1", svg)
    svg = svg.replace("font-family: 'DejaVu Sans'; ", "")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    title, text = html.escape(figure.title), html.escape(figure.description)
    name = f'role="img" aria-label="{title}. {text}"'
    head = f"<title>{title}</title><desc>{text}</desc>"
    return re.sub(r"<svg([^>]*)>", lambda found: f"<svg {name}{found[1]}>{head}", svg, count=1)
