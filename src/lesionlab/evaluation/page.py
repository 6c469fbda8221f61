"""The report as one self-contained HTML page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core.findings import SECTIONS
from lesionlab.core.licences import explain_licences
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.evaluation import figures, operating_point
from lesionlab.evaluation.contents import Report
from lesionlab.evaluation.subgroups import WORSE
from lesionlab.evaluation.terms import METRICS
from lesionlab.pages.figures import Figure, link_csv
from lesionlab.pages.templating import open_templates

SUBGROUP_MEASURES = ("auroc", "sensitivity", "specificity")
CLASS_MEASURES = ("auroc", "average_precision", "sensitivity", "specificity", "precision", "f1",
                  "calibration_slope")
DASH = "\N{EN DASH}"
PERCENTAGES = {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "f1",
               "npv"}
KINDS = {"ranking": "Order of scores", "decision": "Decisions",
         "probability": "Probabilities"}
SECTION_LABELS = {"issue": "Issue", "tip": "Note", "passed": "Passed",
                  "not_applicable": "Not applicable"}
ROLE_LABELS = {"train": "training", "valid": "validation", "test": "test"}


def render(report: Report) -> str:
    """The HTML text of the page; the same report gives the same text."""
    environment = open_templates("lesionlab.evaluation")
    environment.filters |= {"number": format_number, "whole": "{:,}".format,
                            "percent": format_percent}
    return environment.get_template("report.html.j2").render(_describe(report))


def format_number(value: float | None, digits: int = 3) -> str:
    """A number for a table; an undefined one is a dash.

    >>> format_number(0.12345)
    '0.123'
    """
    if value is None or not np.isfinite(value):
        return DASH
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def format_percent(value: float | None) -> str:
    """A share in percent, a digit more near 0 and 1.

    >>> format_percent(0.5), format_percent(0.0123), format_percent(0.996)
    ('50 %', '1.2 %', '99.6 %')
    """
    if value is None or not np.isfinite(value):
        return DASH
    digits = 0 if 0.1 <= value <= 0.95 or value in (0, 1) else 1
    return f"{100 * value:.{digits}f} %"


def format_estimate(name: str, value: float, low: float, high: float) -> dict[str, str]:
    """A metric's `value` and its `interval` as text for a table."""
    if name in PERCENTAGES:
        texts = [f"{100 * number:.1f}" if np.isfinite(number) else DASH
                 for number in (value, low, high)]
        unit = " %" if np.isfinite(value) else ""
    else:
        digits = 2 if name in ("number_needed_to_biopsy", "calibration_slope",
                               "calibration_intercept") else 3
        texts, unit = [format_number(number, digits) for number in (value, low, high)], ""
    # A minus sign beside a dash reads badly: intervals that may be negative say "to".
    may_be_negative = name == "calibration_intercept" or low < 0
    between = " to " if may_be_negative else DASH
    interval = f"{texts[1]}{between}{texts[2]}" if np.isfinite(low) else ""
    return {"value": texts[0] + unit, "interval": interval}


def _metric_cell(row: pd.Series) -> dict[str, str]:
    return format_estimate(row["name"], row["value"], row["ci_low"], row["ci_high"])


def _describe(report: Report) -> dict[str, Any]:
    """Everything that the template shows."""
    auroc = report.metric("auroc")
    by_section = sorted(report.findings, key=lambda finding: SECTIONS.index(finding.section))
    return {
        "report": report, "context": report.context, "notice": RESEARCH_USE,
        "licence_note": explain_licences(report.context.licences),
        "role": ROLE_LABELS.get(report.role, report.role), "headline": report.headline,
        "auroc_label": "AUROC" if report.positive_class else "Macro AUROC",
        "auroc": {name: format_number(auroc[name], 2) for name in ("value", "ci_low", "ci_high")},
        "cards": [_card(report, name) for name in _card_names(report)],
        "metric_groups": _metric_groups(report), "findings": by_section,
        "section_labels": SECTION_LABELS,
        "num_issues": sum(finding.section == "issue" for finding in report.findings),
        "points": [_point(row) for _, row in report.operating_points.iterrows()],
        "predictive": _predictive_rows(report),
        "stated_prevalences": operating_point.STATED_PREVALENCES,
        "class_rows": [_class_row(report, name) for name in report.classes],
        "class_measures": [METRICS[name].label for name in CLASS_MEASURES],
        "subgroup_rows": _subgroup_rows(report),
        "subgroup_measures": [METRICS[name].label for name in SUBGROUP_MEASURES],
        "figures": [_draw(figure, len(report.classes)) for figure in report.figures],
        "most_flow": max((step.count for step in report.context.flow), default=1) or 1,
    }


def _card_names(report: Report) -> tuple[str, ...]:
    if report.positive_class:
        return ("sensitivity", "specificity", "average_precision", "ece")
    return ("balanced_accuracy", "accuracy", "average_precision", "ece")


def _card(report: Report, name: str) -> dict[str, str]:
    return {"label": METRICS[name].label, **_metric_cell(report.metric(name))}


def _metric_groups(report: Report) -> list[dict[str, Any]]:
    """The metrics over classes, by what they look at."""
    groups = []
    for kind, label in KINDS.items():
        rows = []
        for name, metric in METRICS.items():
            row = report.metric(name)
            is_left_out = name == "number_needed_to_biopsy" and not report.positive_class
            if metric.kind == kind and not is_left_out:
                rows.append({"label": metric.label, "meaning": metric.meaning,
                             "num_unused": report.num_resamples - row["num_resamples_used"],
                             **_metric_cell(row)})
        groups.append({"label": label, "rows": rows})
    return groups


def _point(row: pd.Series) -> dict[str, Any]:
    cells = {share: format_estimate(share, row[share], row[f"{share}_low"], row[f"{share}_high"])
             for share in operating_point.SHARES}
    return {"class": row["class"], "label": operating_point.NAMES.get(row["name"], row["name"]),
            "threshold": row["threshold"], "share_flagged": row["share_flagged"], "cells": cells}


def _predictive_rows(report: Report) -> list[dict[str, Any]]:
    """Predictive values of the operating points of two classes at stated prevalences."""
    if not report.positive_class:
        return []
    rows = []
    for _, row in report.operating_points.iterrows():
        values = [operating_point.predictive_values(row["sensitivity"], row["specificity"], share)
                  for share in operating_point.STATED_PREVALENCES]
        rows.append({"label": operating_point.NAMES.get(row["name"], row["name"]),
                     "values": values})
    return rows


def _class_row(report: Report, name: str) -> dict[str, Any]:
    first = report.metric("auroc", name)
    return {"name": name, "n_positive": int(first["n_positive"]),
            "prevalence": report.prevalence[name],
            "cells": [_metric_cell(report.metric(metric, name)) for metric in CLASS_MEASURES]}


def _subgroup_rows(report: Report) -> list[dict[str, Any]]:
    """A row per part, under a heading per column; of several classes the summary is shown."""
    rows = []
    for part, compared in report.subgroups.groupby("subgroup", sort=False):
        column, _, level = str(part).partition("=")
        worse = compared[compared["verdict"].isin(WORSE)]
        is_few = bool((compared["verdict"] == "too few").all())
        text = "too few to judge" if is_few else "no clear difference"
        if len(worse):
            named = "" if report.positive_class else f": {', '.join(worse['class'])}"
            gravest = next(name for name in WORSE if (worse["verdict"] == name).any())
            text = f"{gravest if report.positive_class else WORSE[1]}{named}"
        is_new = not rows or rows[-1]["column"] != column
        rows.append({
            "column": column, "level": level, "is_new": is_new, "is_few": is_few,
            "is_worse": bool(len(worse)), "verdict": text,
            "n_images": int(compared["n_images"].iloc[0]),
            "n_groups": int(compared["n_groups"].iloc[0]),
            "n_positive": int(compared["n_positive"].iloc[0]) if report.positive_class else None,
            "cells": [_metric_cell(report.metric(name, None, str(part)))
                      for name in SUBGROUP_MEASURES]})
    return rows


def _draw(figure: Figure, num_classes: int) -> dict[str, Any]:
    is_wide = num_classes > 2 and figure.name not in ("roc", "precision_recall")
    return {"figure": figure, "svg": figures.draw(figure), "num_rows": len(figure.table),
            "is_wide": is_wide, "csv": link_csv(figure.table)}
