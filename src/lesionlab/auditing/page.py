"""The audit as one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from markupsafe import Markup

from lesionlab.auditing.charts import describe_chart
from lesionlab.auditing.checks import say_count, say_share
from lesionlab.auditing.exploration import Chart, Exploration, LeftOut
from lesionlab.auditing.galleries import Gallery, make_galleries
from lesionlab.auditing.registry import CHECKS
from lesionlab.auditing.subjects import PARTS, Part
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.core.split import ROLES
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.pages.templating import open_templates

MOST_IDS = 24
"""Ids of a finding that the page names; audit.json has all."""
SECTION_LABELS = {"issue": "Issue", "tip": "Note", "passed": "Passed",
                  "not_applicable": "Not applicable"}
HEADINGS = {"issue": "Issues", "tip": "Notes", "passed": "Passed",
            "not_applicable": "Not applicable"}
LEADS = {
    "issue": "Settle these before any number from this data is used.",
    "tip": "Nothing is wrong by itself; know these when you read the numbers.",
    "passed": "Looked for and not found.",
    "not_applicable": "Could not be looked for in this data.",
}
ROLE_LABELS = {"train": "training", "valid": "validation", "test": "test"}
PART_HEADINGS: dict[Part, str] = {
    "diagnosis": "Diagnosis", "person": "Person and site", "patients": "Patients and lesions",
    "origin": "Where images come from", "pictures": "Files and pictures",
    "own": "Columns of your own", "ties": "Gaps and ties"}
ABSENCES = {"absent": "No such column", "empty": "No value known", "constant": "The same for all"}
SHOWN_BY = {
    "LL106": ("images_per_patient", "images_per_lesion"), "LL208": ("shades",),
    "LL302": ("gaps",), "LL303": ("source",), "LL305": ("file_kilobytes", "picture_size"),
    "LL308": ("image_type",), "LL309": ("jpeg_quality", "file_format"),
    "LL313": ("shades", "red", "ita"), "LL401": ("role",), "LL402": ("role",),
    "LL403": ("copyright_license",), "LL404": ("age_by_role", "role"), "LL406": ("shades",),
    "LL502": ("age_approx", "clin_size_long_diam_mm"), "LL503": ("clin_size_long_diam_mm",),
    "LL504": ("gaps",)}
"""Charts that show what a finding is about, by its code."""


def render(
    data: PreparedData, findings: Sequence[Finding], skipped: Mapping[str, str],
    exploration: Exploration,
) -> str:
    """The HTML text of the page; the same data and findings give the same text.

    Args:
        data: that was audited.
        findings: in the order of the page.
        skipped: why a check was not made, by its code.
        exploration: the charts below the findings.
    """
    environment = open_templates("lesionlab.auditing")
    codes = {*(finding.code for finding in findings), *skipped}
    environment.filters |= {"whole": "{:,}".format, "percent": _say_part, "count": say_count,
                            "breakable": _make_breakable,
                            "linked": partial(_link_codes, codes=codes)}
    return environment.get_template("audit.html.j2").render(
        _describe(data, findings) | _describe_exploration(exploration, data.classes)
        | {"skipped": [{"code": code, "title": CHECKS[code].title, "reason": reason}
                       for code, reason in skipped.items()]})


def _say_part(share: float) -> str:
    return "100 %" if share == 1 else say_share(share)


def _make_breakable(text: str) -> Markup:
    """A text that a narrow column may break behind signs and within long words."""
    parts = re.findall(r"[^\s_/:.-]{1,16}[\s_/:.-]*|[\s_/:.-]+", text)
    return Markup("<wbr>").join(parts)


def _link_codes(text: str, codes: Collection[str]) -> Markup:
    """A text whose codes, where they are on the page, lead to their findings."""
    link = Markup('<a href="#{0}">{0}</a>')
    return Markup("").join(link.format(part) if part in codes else part
                           for part in re.split(r"\b(LL\d{3})\b", text))


def _describe(data: PreparedData, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything that the template shows of findings and roles."""
    sections = {name: [finding for finding in findings if finding.section == name]
                for name in SECTIONS}
    galleries = make_galleries(data, findings)
    return {
        "notice": RESEARCH_USE, "name": data.folder.resolve().name, "target": data.target,
        "classes": data.classes, "num_images": len(data.cohort),
        "num_groups": data.frame["group_id"].nunique(), "num_checks": len(findings),
        "sections": [{"name": name, "heading": HEADINGS[name], "lead": LEADS[name],
                      "findings": [_describe_finding(finding, galleries.get(finding.code))
                                   for finding in found]} for name, found in sections.items()],
        "num_issues": len(sections["issue"]), "num_tips": len(sections["tip"]),
        "labels": SECTION_LABELS, "roles": [_describe_role(data, role) for role in ROLES],
        "facts": {
            "Target": data.target,
            "Kept together": data.split.group_key.replace("+", ", "),
            "Seed of the split": data.split.seed if data.split.seed is not None else "user's own",
            "Digest of the data": data.digest,
            "Software": f"lesionlab {data.manifest['lesionlab_version']}",
        },
    }


def _describe_finding(finding: Finding, gallery: Gallery | None) -> dict[str, Any]:
    check = CHECKS[finding.code]
    remedy = check.remedy[:1].upper() + check.remedy[1:]
    # The remedy has a line of its own below.
    fact = finding.explanation.replace(f"; {check.remedy}.", ".", 1)
    return {"code": finding.code, "title": finding.title, "fact": fact,
            "why": check.why, "how": check.how, "remedy": f"{remedy}.", "count": finding.count,
            "value": None if finding.value is None else f"{finding.value:,.4g}",
            "isic_ids": finding.isic_ids[:MOST_IDS], "gallery": gallery,
            "shown_by": SHOWN_BY.get(finding.code, ()),
            "num_more": max(0, len(finding.isic_ids) - MOST_IDS)}


def _describe_role(data: PreparedData, role: str) -> dict[str, Any]:
    rows = data.frame[data.frame["role"] == role]
    counts = rows["target"].value_counts()
    return {"label": ROLE_LABELS[role], "num_images": len(rows),
            "num_groups": rows["group_id"].nunique(),
            "classes": [{"count": int(counts.get(name, 0)),
                         "share": counts.get(name, 0) / len(rows) if len(rows) else 0.0}
                        for name in data.classes]}


def _describe_exploration(
    exploration: Exploration, classes: Sequence[str]
) -> dict[str, Any]:
    """The charts by part, with the colours of the classes."""
    parts: dict[Part, list[Chart]] = {part: [] for part in PARTS}
    for chart in exploration.charts:
        parts[chart.part].append(chart)
    # A name of the user's own may not be fit to be an anchor.
    keys = {chart.figure.name: f"own-{number}" for number, chart in enumerate(parts["own"])}
    described = [{
        "name": part, "heading": PART_HEADINGS[part],
        "charts": [describe_chart(chart, exploration.classes,
                                  f"eda-{keys.get(chart.figure.name, chart.figure.name)}")
                   for chart in charts]} for part, charts in parts.items() if charts]
    return {"parts": described, "hues": list(enumerate(exploration.classes)),
            "has_folded": len(exploration.classes) < len(classes),
            "chart_titles": {chart.figure.name: chart.figure.title
                             for chart in exploration.charts if chart.part != "own"},
            "left_out": [{"why": ABSENCES[reason], "names": [_name_left_out(one) for one in some]}
                         for reason, some in groupby(
                             sorted(exploration.left_out, key=lambda one: one.reason),
                             key=lambda one: one.reason)]}


def _name_left_out(one: LeftOut) -> dict[str, str]:
    return {"title": one.title, "note": one.value or one.column}
