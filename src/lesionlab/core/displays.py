"""What values look like in a notebook: small HTML tables, all text escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

DASH = "\N{EN DASH}"
_LEFT = ' style="text-align: left"'


def show_value(title: str, facts: Mapping[str, object], *tables: str) -> str:
    """A titled block: a line of facts, then tables.

    >>> show_value("Split", {"seed": 0})
    '<div><strong>Split</strong><br>seed 0</div>'
    """
    line = " · ".join(f"{escape(name)} {escape(value)}" for name, value in facts.items())
    return f"<div><strong>{escape(title)}</strong><br>{line}{''.join(tables)}</div>"


def show_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], num_left: int = 1
) -> str:
    """An HTML table; without rows nothing.

    Args:
        caption: what it shows.
        columns: their headings.
        rows: cells in the order of the columns; whole numbers get thousands separators.
        num_left: columns that are text, from the left; the rest is set to the right.
    """
    cells = [list(row) for row in rows]
    if not cells:
        return ""
    head = "".join(_cell("th", name, k < num_left) for k, name in enumerate(columns))
    body = "".join(
        f"<tr>{''.join(_cell('td', value, k < num_left) for k, value in enumerate(row))}</tr>"
        for row in cells)
    return (f"<table><caption{_LEFT}>{escape(caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def show_run(name: str, summary: Mapping[str, Any]) -> str:
    """A finished training: its figures, seconds by stage and notes.

    Args:
        name: of the recipe.
        summary: the content of training.json; only plain values and `seconds`, `notes` are shown.
    """
    facts = {key.replace("_", " "): f"{value:.3g}" if isinstance(value, float) else value
             for key, value in summary.items() if isinstance(value, (int, float))}
    return show_value(
        f"TrainedRun: {name}", facts,
        show_table("Seconds", ("stage", "seconds"), summary.get("seconds", {}).items()),
        show_table("Notes", ("note",), [(note,) for note in summary.get("notes", ())]))


def escape(value: object) -> str:
    """A value as text that is safe in HTML; what is missing or undefined is a dash.

    >>> escape("<b>"), escape(12345), escape(0.5)
    ('&lt;b&gt;', '12,345', '0.500')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return html.escape(str(value))


def show_share(part: int, whole: int) -> str:
    """A share in percent.

    >>> show_share(1, 3)
    '33 %'
    """
    return f"{100 * part / whole:.0f} %" if whole else DASH


def _cell(tag: str, value: object, is_left: bool) -> str:
    return f"<{tag}{_LEFT if is_left else ''}>{escape(value)}</{tag}>"
